"""Settings that are fixed in an export: read without trust, and held against those that are wanted."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pipeline.errors import AttentifError, UsageError
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TextConfiguration

Section = TypeVar("Section", SearchConfiguration, TextConfiguration)


def read_section(kind: type[Section], values: Any) -> Section:
    """A section of settings from JSON, of which nothing is trusted.

    Raises:
        ValueError: A value is impossible.
        TypeError: A key is unknown, or the values are no mapping.
    """
    try:
        settings = kind(**values)
        _require_choices(settings)
    except AttentifError as error:
        raise ValueError(error) from error
    return settings


def _require_choices(settings: SearchConfiguration | TextConfiguration) -> None:
    """Values must be plain, and among the choices where there are some: elsewhere the command line sees to that."""
    for name, kind in get_type_hints(type(settings)).items():
        value, choices = getattr(settings, name), _choices(kind)
        if (value not in choices) if choices else not isinstance(value, (str, int, float, type(None))):
            raise ValueError(f"{name} is {value!r}")


def _choices(kind: Any) -> tuple[Any, ...]:
    """What a `Literal`, or one beside None, allows; nothing of other types."""
    parts = get_args(kind) if get_origin(kind) is UnionType or get_origin(kind) is Union else (kind,)
    choices = [choice for part in parts if get_origin(part) is Literal for choice in get_args(part)]
    return (*choices, None) if choices and NoneType in parts else tuple(choices)


def require_fixed(
    path: Path, fixed: Mapping[str, Any], wanted: Mapping[str, Any], kept: int, n_best: int | None, average: int | None
) -> int:
    """Refuse what an export was not made with.

    Args:
        path: The export, for messages.
        fixed: Its search settings, by key.
        wanted: Those asked for.
        kept: Outputs that it gives for an input.
        n_best: Outputs asked for; None takes all.
        average: Epochs asked for.

    Returns:
        How many outputs to give.

    Raises:
        UsageError: Something else is asked for.
    """
    for key, value in wanted.items():
        if key not in fixed or fixed[key] != value:
            option = "--beam" if key == "beam_size" else f"--search.{key}"
            was = f"{option} {_as_option(fixed[key])}" if key in fixed else f"a {option} of its own"
            raise UsageError(
                f"{path}: exported with {was}, which is fixed; "
                f"give the run directory, or export again with {option} {_as_option(value)}"
            )
    if average is not None:
        raise UsageError(
            f"{path}: exported with its weights, which are fixed; "
            f"give the run directory, or export again with --average {average}"
        )
    n_best = n_best or kept
    if n_best > kept:
        raise UsageError(f"{path}: exported with --n-best {kept}; export again with --n-best {n_best}")
    return n_best


def _as_option(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
