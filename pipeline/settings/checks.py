"""Values that no setting can have: refused when a section is made, with the setting, the value and what is wanted."""

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pipeline.errors import UsageError

# Sizes of tensors are 32-bit numbers; what counts something else may be larger.
_LARGEST_SIZE, _LARGEST_COUNT = 2**31 - 1, 2**63 - 1


def count(default: Any) -> Any:
    """A field of a section whose whole number is no size of a tensor, and may be as large as 64 bits hold."""
    return dataclasses.field(default=default, metadata={"count": True})


def named(default: str, table: Mapping[str, Any]) -> Any:
    """A field of a section whose value is the name of a row of a table."""
    return dataclasses.field(default=default, metadata={"table": table})


def require(condition: bool, key: str, value: object, wanted: str) -> None:
    """Refuse a value, unless the condition holds.

    Raises:
        UsageError: With the setting, its value and what is wanted.
    """
    if not condition:
        raise UsageError(f"{key}: {value!r} is impossible, it must be {wanted}")


def require_at_least(section: str, values: object, minimum: float, names: Sequence[str]) -> None:
    """Refuse settings below a minimum, but for those that are None.

    Raises:
        UsageError: With the setting, its value and what is wanted.
    """
    for name in names:
        value = getattr(values, name)
        if value is not None:
            require(value >= minimum, f"{section}.{name}", value, f"at least {minimum}")


def require_share(section: str, values: object, names: Sequence[str]) -> None:
    """Refuse settings that are no share: at least 0 and below 1.

    Raises:
        UsageError: With the setting, its value and what is wanted.
    """
    for name in names:
        value = getattr(values, name)
        require(0 <= value < 1, f"{section}.{name}", value, "at least 0 and below 1")


def require_sane_numbers(section: str, values: Any) -> None:
    """Refuse numbers that no machine can mean: they would break something much later."""
    for field in dataclasses.fields(values):
        value, key = getattr(values, field.name), f"{section}.{field.name}"
        if isinstance(value, float):
            require(math.isfinite(value), key, value, "a finite number")
        elif isinstance(value, int):
            most = _LARGEST_COUNT if field.metadata.get("count") else _LARGEST_SIZE
            require(value <= most, key, value, f"at most {most:,}")


def require_names(section: str, values: Any) -> None:
    """Refuse names that their tables do not have; see `named`.

    Raises:
        UsageError: With the setting, its value and the names.
    """
    for field in dataclasses.fields(values):
        value, table = getattr(values, field.name), field.metadata.get("table")
        require(table is None or value in table, f"{section}.{field.name}", value, " or ".join(table or ()))


def require_path(key: str, place: object) -> None:
    """Refuse what cannot be a file, or two that belong together.

    Raises:
        UsageError: With the setting, its value and what is wanted.
    """
    require(not isinstance(place, list) or len(place) == 2, key, place, "two line-aligned files")
    parts = place if isinstance(place, list | dict) else [place]
    require(all(not isinstance(part, str) or part.strip() for part in parts), key, place, "the path of a file")


def require_weights(key: str, weights: Mapping[str, float]) -> None:
    """Refuse a mapping of places to weights that says nothing, or nothing sensible.

    Raises:
        UsageError: With the setting, its value and what is wanted.
    """
    require(bool(weights), key, weights, "at least one place with its weight, as in {pairs.tsv: 1}")
    for place, weight in weights.items():
        require(isinstance(place, str), key, place, "text: put the place in quotes")
        require(0 < weight < math.inf, f"{key}: weight of {place}", weight, "above 0; leave out what is not wanted")


def suggest(name: str, known: Collection[str]) -> str:
    """`; did you mean …?` for a known name that is close, else the known ones if they are few.

    Example:
        >>> suggest("beam", ["beam_size", "seed"]), suggest("x", ["seed"])
        ('; did you mean beam_size?', ' (there are: seed)')
    """
    from difflib import get_close_matches  # for what is wrong alone

    close = get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f" (there are: {', '.join(known)})" if len(known) <= 12 else ""
