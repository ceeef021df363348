"""A setting that follows from the data."""

from typing import Any, NamedTuple


class Choice(NamedTuple):
    """A setting, its value, and why."""

    key: str
    value: Any
    reason: str
