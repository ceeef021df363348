"""Settings by `section.key`: read, replaced, compared, completed where an earlier version had fewer."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from pipeline.settings.configuration import Configuration

Kind = TypeVar("Kind", bound=Configuration)


def by_name(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Values of nested sections by `section.key`."""
    return {f"{section}.{key}": value for section, values in sections.items() for key, value in values.items()}


# What versions that did not have a setting did, where it is not its default now.
BEFORE = {"data.shares": "hashed"}


def with_defaults(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by `section.key` as an earlier version saved them, with what it did where it did not have one.

    Example:
        >>> with_defaults({"model.units": 8})["model.cell"]
        'gru'
    """
    return {**by_name(Configuration().to_dict()), **BEFORE, **settings}


def describe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two sets of settings, for messages.

    Example:
        >>> describe_changes({"model.units": 8}, {"model.units": 9})
        ['model.units was 8, is now 9']
    """
    names = [name for name in {**now, **before} if before.get(name) != now.get(name)]
    return [f"{name} was {before.get(name)!r}, is now {now.get(name)!r}" for name in names]


def read_setting(configuration: Configuration, name: str) -> Any:
    """The value of `section.key`."""
    section, key = name.split(".")
    return getattr(getattr(configuration, section), key)


def replace_settings(configuration: Kind, values: Mapping[str, Any]) -> Kind:
    """A copy with other values, by `section.key`.

    Raises:
        UsageError: A value is impossible.
    """
    sections: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        section, key = name.split(".")
        sections.setdefault(section, {})[key] = value
    changed = {name: dataclasses.replace(getattr(configuration, name), **keys) for name, keys in sections.items()}
    return dataclasses.replace(configuration, **changed)
