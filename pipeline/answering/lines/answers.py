"""Raw lines to answers: what cannot be answered is told apart first, and keeps its place."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pipeline.answering.answer_lines import describe, describe_fault, join_answers
from pipeline.answering.line_report import Line
from pipeline.answering.lines.faults import decode_line, refuse_tab

if TYPE_CHECKING:
    from pipeline.answering.predictions import AnswersStrings, Prediction


class Listener(Protocol):
    """What is told of every input besides, in order."""

    def add(self, number: int, source: str, prediction: "Prediction") -> None:
        """An input and its answer."""

    def add_fault(self, number: int, source: str, fault: str) -> None:
        """An input that got no answer."""


class AnswerForm(NamedTuple):
    """How lines are read, and what their answers are."""

    n_best: int = 1
    """Texts in an answer, TAB-separated; missing ones are empty fields."""
    as_json: bool = False
    """Answer with JSON objects instead."""
    prefixes: bool = False
    """Lines are SOURCE TAB PREFIX, and answers begin with the prefix; without a TAB they are free."""


class Answered(NamedTuple):
    """Lines, what came of each, and how it is written: as many of each."""

    lines: list[Line]
    predictions: list["Prediction | None"]
    """None of a line with a fault."""
    answers: list[str]
    """Without ends."""


def answer_lines(
    predictor: "AnswersStrings",
    raws: Sequence[bytes],
    form: AnswerForm,
    first: int = 1,
    listeners: Sequence[Listener] = (),
    on_progress: Callable[[int], object] | None = None,
) -> Answered:
    """Answer every line by exactly one; an unusable one by an empty one, or a JSON object that says why.

    A line with a TAB is unusable to a model that never saw one in a source: its other columns would be read as letters.
    Attention is computed only where somebody asks for it: in JSON, and for those who are told besides.

    Args:
        predictor: Gives the predictions.
        raws: The lines as `iter_bounded` reads them.
        form: Of lines and answers.
        first: The number of the first of them in its file, where a byte order mark may stand before number 1.
        listeners: Are told of the answers too.
        on_progress: Called with the number of lines that the predictor has done since the last call.
    """
    lines = [decode_line(number, raw, form.prefixes) for number, raw in enumerate(raws, start=first)]
    lines = [refuse_tab(line, predictor) for line in lines]
    looked_at = form.as_json or bool(listeners)
    predictions = _predict(predictor, lines, form.prefixes, looked_at, on_progress)
    json_of = predictor if form.as_json else None
    return Answered(lines, predictions, list(_answer(lines, predictions, form.n_best, json_of, listeners)))


def _predict(
    predictor: "AnswersStrings",
    lines: Sequence[Line],
    prefixes: bool,
    looked_at: bool,
    on_progress: Callable[[int], object] | None,
) -> list["Prediction | None"]:
    """A prediction for every line; None for one with a fault."""
    usable = [line for line in lines if line.fault is None]
    if not usable:
        return [None] * len(lines)
    sources = [line.text for line in usable]
    how: dict[str, Any] = {"on_progress": on_progress} if on_progress else {}
    if prefixes:
        found = iter(predictor.predict(sources, prefixes=[line.prefix for line in usable], **how))
    else:
        found = iter(predictor.predict(sources, heads_apart=looked_at, attention=looked_at, **how))
    return [next(found) if line.fault is None else None for line in lines]


def _answer(
    lines: Sequence[Line],
    predictions: list["Prediction | None"],
    n_best: int,
    json_of: "AnswersStrings | None",
    listeners: Sequence[Listener],
) -> Iterator[str]:
    """Answers as JSON if there is a predictor to name symbols in it, else as texts."""
    for line, prediction in zip(lines, predictions, strict=True):
        if prediction is None:
            fault = line.fault or ""
            for listener in listeners:
                listener.add_fault(line.number, line.text, fault)
            yield describe_fault(line.text, fault) if json_of else ""
        else:
            for listener in listeners:
                listener.add(line.number, line.text, prediction)
            if json_of:
                yield describe(line.text, prediction, n_best, name_lacking(prediction, json_of))
            else:
                yield join_answers(prediction, n_best)


def name_lacking(prediction: "Prediction", predictor: "AnswersStrings") -> Sequence[str]:
    """The symbols of its source that training lacks."""
    return predictor.known.lacking_in_source(prediction.source_tokens[:-1]) if prediction.unknown else []
