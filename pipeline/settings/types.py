"""The type of every setting, by `section.key`: what YAML files, options, `configure` and spaces are checked against."""

import dataclasses
from typing import Any, Literal, get_type_hints

from pipeline.settings.configuration import Configuration
from pipeline.settings.study import StudyConfiguration
from pipeline.settings.tune import TuneConfiguration

SECTIONS: dict[str, Any] = get_type_hints(Configuration)
"""The sections of a run."""
TUNE_SECTIONS: dict[str, Any] = {**SECTIONS, "tune": TuneConfiguration}
STUDY_SECTIONS: dict[str, Any] = {**SECTIONS, "study": StudyConfiguration}
# A settings file may hold all of them for every command; `tune` and `study` alone read theirs.
ALL_SECTIONS: dict[str, Any] = {**TUNE_SECTIONS, **STUDY_SECTIONS}


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
