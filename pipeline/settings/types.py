"""The type of every setting, by `section.key`: what YAML files, options, `configure` and spaces are checked against."""

import contextlib
import dataclasses
import math
import re
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

from pipeline.errors import UsageError
from pipeline.settings.configuration import Configuration
from pipeline.settings.study import StudyConfiguration
from pipeline.settings.tune import TuneConfiguration

SECTIONS: dict[str, Any] = get_type_hints(Configuration)
"""The sections of a run."""
TUNE_SECTIONS: dict[str, Any] = {**SECTIONS, "tune": TuneConfiguration}
STUDY_SECTIONS: dict[str, Any] = {**SECTIONS, "study": StudyConfiguration}
# A settings file may hold all of them for every command; `tune` and `study` alone read theirs.
ALL_SECTIONS: dict[str, Any] = {**TUNE_SECTIONS, **STUDY_SECTIONS}
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", NoneType: "null"}
_NUMBER = r"[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?"

Value = int | float | str | bool | None | list[str] | dict[str, float] | dict[str, int | str]
"""What a setting may be."""


def types_of(section: type) -> dict[str, Any]:
    """The type of every key of a section; the names of a table are a `Literal`.

    Example:
        >>> from pipeline.settings.text import TextConfiguration
        >>> types_of(TextConfiguration)["min_count"]
        <class 'int'>
    """
    types = get_type_hints(section)
    for field in dataclasses.fields(section):
        table = field.metadata.get("table")
        if table is not None:
            types[field.name] = Literal[tuple(table)]
    return types


def setting_type(name: str) -> Any:
    """The type of `section.key`; None if there is no such setting.

    Example:
        >>> setting_type("model.units"), setting_type("model.unit")
        (<class 'int'>, None)
    """
    section, _, key = name.partition(".")
    return types_of(ALL_SECTIONS[section]).get(key) if section in ALL_SECTIONS else None


def setting_names(sections: dict[str, Any] = SECTIONS) -> list[str]:
    """Every `section.key`, in the order of the sections."""
    return [f"{name}.{key}" for name, section in sections.items() for key in get_type_hints(section)]


def is_number(value: Any) -> bool:
    """Whether it is a finite number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def checked(key: str, value: Any) -> Any:
    """The value of a setting, as YAML or Python have it, if its type allows it.

    Whole numbers become floats where those are meant; so does 1e-2, which YAML 1.1 takes for text.

    Raises:
        UsageError: The type does not allow it.

    Example:
        >>> checked("train.learning_rate", 1), checked("train.learning_rate", "1e-2")
        (1.0, 0.01)
    """
    hint = setting_type(key)
    try:
        return _fit(hint, value)
    except (ValueError, OverflowError):
        shown = "null" if value is None else value
        raise UsageError(f"{key}: {shown} is impossible, it must be {in_words(hint)}") from None


def _fit(hint: Any, value: Any) -> Any:
    """The value as the type has it.

    Raises:
        ValueError: The type has no such value.
        OverflowError: It is too large for a float.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if origin is list and isinstance(value, list):
        return [_fit(parts[0], part) for part in value]
    if origin is dict and isinstance(value, dict):
        return {name: _fit(parts[1], part) for name, part in value.items()}
    if origin is Literal and value in parts:
        return value
    if origin in (list, dict, Literal):
        raise ValueError(value)
    for part in parts:
        with contextlib.suppress(ValueError):
            return _fit(part, value)
    if parts:
        raise ValueError(value)
    return _fit_one(hint, value)


def _fit_one(kind: type, value: Any) -> Any:
    if isinstance(value, str) and kind is not str:
        value = _resolve(value)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise ValueError(value)


def _resolve(text: str) -> Any:
    """What text in quotes, or an exponent that YAML 1.1 takes for text, is where no text is meant."""
    text = text.strip()
    if re.fullmatch(_NUMBER, text):
        return float(text) if re.search("[.eE]", text) else int(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def in_words(hint: Any) -> str:
    """What a setting of this type must be.

    Example:
        >>> in_words(float | None)
        'a number or null'
    """
    if get_origin(hint) is Literal:
        return " or ".join(map(str, get_args(hint)))
    if get_origin(hint) is list:
        return "a list of texts" if get_args(hint) == (str,) else "a list of numbers"
    if get_origin(hint) is dict:
        return "a mapping of texts to numbers" if get_args(hint)[1] is float else "a mapping to numbers or names"
    return _WORDS[hint] if hint in _WORDS else " or ".join(map(in_words, get_args(hint)))
