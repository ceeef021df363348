"""What is asked, read without trust: JSON to the strings of a request, or a sentence that says what is wrong."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError

from pipeline.errors import count_of
from pipeline.serving.limits import Limits

SHOWN = 200  # characters of a client's own words in a message


class RefusedError(Exception):
    """A request that is not answered.

    Args:
        status: Of HTTP.
        message: For its sender.
        close: Whether the connection ends, since not all was read that came.
        again: Seconds after which it may be tried again.
    """

    def __init__(self, status: int, message: str, close: bool = False, again: int | None = None) -> None:
        super().__init__(message)
        self.status, self.close, self.again = status, close, again


class Question(BaseModel):
    """The body of `POST /predict`."""

    # Of unknown keys the first is named; pydantic would make an error of each.
    model_config = ConfigDict(strict=True, extra="allow")

    sources: Annotated[list[str], FailFast()] = Field(description="Strings to answer, each by itself.")
    n_best: int = Field(1, ge=1, description="How many outputs of each; at most the folder's.")
    attention: bool = Field(False, description="Whether to tell where the model looked.")
    prefixes: Annotated[list[str] | None, FailFast()] = Field(None, description="What outputs begin with, one each.")


def read_question(body: bytes, limits: Limits, kept: int) -> Question:
    """The body of a request.

    Args:
        body: JSON.
        limits: What it may take.
        kept: How many outputs the folder has of a string.

    Raises:
        RefusedError: It is no such JSON, or takes more.
    """
    try:
        question = Question.model_validate_json(body)
    except ValidationError as error:
        raise RefusedError(422, _explain(error)) from None
    if question.model_extra:
        known = ", ".join(Question.model_fields)
        raise RefusedError(422, f"{_show(next(iter(question.model_extra)))}: no such key; there are {known}")
    if question.n_best > kept:
        raise RefusedError(422, f"n_best is {question.n_best}, the folder keeps {kept}; export again with more")
    count = len(question.sources)
    if count > limits.strings:
        raise RefusedError(413, f"{count:,} sources, at most {limits.strings:,} are taken; ask in parts")
    if question.prefixes is not None and len(question.prefixes) != count:
        given = f"{count_of(count, 'source')} but {count_of(len(question.prefixes), 'prefix', 'prefixes')}"
        raise RefusedError(422, f"{given}; give one each, '' for none")
    for name, strings in (("sources", question.sources), ("prefixes", question.prefixes or [])):
        for place, string in enumerate(strings):
            if len(string) > limits.characters:
                wrong = f"{len(string):,} characters, at most {limits.characters:,} are taken"
                raise RefusedError(422, f"{name}[{place}]: {wrong}")
    return question


def _explain(error: ValidationError) -> str:
    first: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return f"the body is no JSON as UTF-8 ({first['msg'].removeprefix('Invalid JSON: ')[:SHOWN]})"
    where = "".join(f"[{part}]" if isinstance(part, int) else str(part) for part in first["loc"])
    return f"{where or 'the body'}: {first['msg'][:1].lower()}{first['msg'][1:]}"[: 2 * SHOWN]


def _show(text: str) -> str:
    return json.dumps(text[:SHOWN])
