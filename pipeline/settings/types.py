"""The type of every setting, by `section.key`: what YAML files, options, `configure` and spaces are checked against."""

import dataclasses
import math
from typing import Any, Literal, get_args, get_origin, get_type_hints

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


Value = int | float | str | bool | None | list[str] | dict[str, float]
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


def checked(key: str, value: Any) -> Value:
    """The value of a setting if its type allows it; whole numbers become floats where those are meant.

    Raises:
        UsageError: The type does not allow it.

    Example:
        >>> checked("train.learning_rate", 1)
        1.0
    """
    hint = setting_type(key)
    kinds = get_args(hint) if get_origin(hint) is not Literal and get_args(hint) else (hint,)
    for kind in kinds:
        if get_origin(kind) is Literal:
            if value in get_args(kind):
                return value
        elif kind is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif kind is type(None):
            if value is None:
                return None
        elif get_origin(kind) is list:
            if isinstance(value, list) and all(isinstance(part, str) for part in value):
                return value
        elif get_origin(kind) is dict:
            if isinstance(value, dict) and all(map(is_number, value.values())):
                return {place: float(weight) for place, weight in value.items()}
        elif isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
    raise UsageError(f"{key}: {value!r} is impossible there")
