"""Where a figure that is made of sums lies in 95 % of bootstrap samples."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SAMPLES, SEED = 1000, 12345
CONFIDENCE = 95
MOST_CELLS = 1 << 24
"""Numbers that are drawn at once."""


class Interval(NamedTuple):
    """A figure and where 95 % of its bootstrap samples lie."""

    value: float
    low: float
    high: float

    def to_json(self, digits: int = 2) -> dict[str, float]:
        """Rounded."""
        return {name: round(float(number), digits) for name, number in self._asdict().items()}


def bootstrap(
    counts: np.ndarray, figure: Callable[[np.ndarray], float], samples: int = SAMPLES, seed: int = SEED
) -> Interval:
    """A figure of the sums over all items, and its interval (Efron 1979): items are drawn anew, as many as there are.

    Rows that are the same are drawn together, by how often there are such: a sample of a million outputs costs no more
    than one of the few hundred different rows of counts that these have.

    Args:
        counts: `[n, k]`, what is summed.
        figure: Of `[k]` sums.
        samples: How many.
        seed: Of the samples.

    Example:
        >>> wrong = np.array([[1, 1], [0, 1], [0, 1], [1, 1]])
        >>> bootstrap(wrong, lambda sums: 100 * sums[0] / sums[1])
        Interval(value=50.0, low=0.0, high=100.0)
    """
    value = float(figure(counts.sum(axis=0)))
    if not len(counts):
        return Interval(value, value, value)
    kinds, sizes = np.unique(counts, axis=0, return_counts=True)
    chance = np.random.default_rng(seed)
    found: list[float] = []
    while len(found) < samples:
        block = min(samples - len(found), max(1, MOST_CELLS // len(kinds)))
        drawn = chance.multinomial(len(counts), sizes / len(counts), size=block)
        found += [float(figure(sums)) for sums in drawn @ kinds]
    tail = (100 - CONFIDENCE) / 2
    low, high = np.percentile(found, [tail, 100 - tail])
    return Interval(value, float(low), float(high))
