"""Where the best value of a tuning lies on its axis, and whether the space ends too early there."""

import math
from collections.abc import Mapping
from typing import NamedTuple, get_args

from pipeline.errors import UsageError
from pipeline.settings.changes import replace_settings
from pipeline.settings.types import Value, setting_type
from pipeline.tuning.space import Choices, Dimension, Range, Space

NEAR = 0.03  # of an axis that counts as its end: a number that is drawn hardly ever lies on it


class Edge(NamedTuple):
    """A setting whose best value is the last that the space has on a side, though there are others beyond."""

    key: str
    value: Value
    upper: bool

    def describe(self) -> str:
        """What to do.

        Example:
            >>> Edge("train.learning_rate", 0.003, True).describe()
            'train.learning_rate 0.003 is about the largest tried; widen the space there, larger ones may do better'
        """
        which, beyond = ("largest", "larger") if self.upper else ("smallest", "smaller")
        return (
            f"{self.key} {show_value(self.value)} is about the {which} tried; widen the space there, {beyond} ones may "
            "do better"
        )


def find_edges(space: Space, values: Mapping[str, Value]) -> list[Edge]:
    """Numbers among the values that lie at an end of their axis, where it could go on.

    Args:
        space: What was tuned.
        values: Of the best trial, by `section.key`.
    """
    edges = []
    for dimension in space.dimensions:
        value, ends = values.get(dimension.key), _ends(dimension)
        if ends is None or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        place = position_of(dimension, value)
        for upper, is_there in ((False, place <= NEAR), (True, place >= 1 - NEAR)):
            if is_there and _goes_on(space, dimension.key, ends[upper], upper):
                edges.append(Edge(dimension.key, value, upper))
    return edges


def _ends(dimension: Dimension) -> tuple[float, float] | None:
    """Of a range, or of choices that are numbers; None of anything else."""
    over = dimension.over
    if isinstance(over, Range):
        return over.low, over.high
    numbers = [value for value in over.values if isinstance(value, int | float) and not isinstance(value, bool)]
    return (numbers[0], numbers[-1]) if 1 < len(numbers) == len(over.values) else None


def _goes_on(space: Space, key: str, end: float, upper: bool) -> bool:
    """Whether a value beyond the end is possible: nothing is below no dropout."""
    whole = setting_type(key) is int or int in get_args(setting_type(key))
    beyond = end + (1 if upper else -1) * (1 if whole else max(abs(end) / 10, 1e-6))
    try:
        replace_settings(space.configuration, {key: int(beyond) if whole else beyond})
    except UsageError:
        return False
    return True


def position_of(dimension: Dimension, value: Value) -> float:
    """Where a value lies on its axis, from 0 to 1."""
    over = dimension.over
    if isinstance(over, Choices):
        return over.values.index(value) / max(1, len(over.values) - 1)
    number = float(value)  # type: ignore[arg-type]
    if over.log:
        return math.log(number / over.low) / math.log(over.high / over.low)
    return (number - over.low) / (over.high - over.low)


def show_value(value: Value) -> str:
    """As a cell of a table.

    Example:
        >>> show_value(0.000123456), show_value(None), show_value(8)
        ('0.0001235', 'null', '8')
    """
    return f"{value:.4g}" if isinstance(value, float) else "null" if value is None else str(value)
