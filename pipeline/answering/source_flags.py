"""What an output's attention says of the source: parts that it skips, and parts that it looks at once more."""

from typing import NamedTuple

import numpy as np

LOOKED, SKIPPED, SKIPPED_SYMBOLS = 0.3, 0.2, 3
"""As sums of attention weights: what counts as having looked, and as not; and how many such symbols in a row count."""
BEYOND = 2
"""How many symbols further an output has to look to have moved on."""
Span = tuple[int, int]


class SourceFlags(NamedTuple):
    """Spans of source symbols, first and last, from 0."""

    skipped: list[Span]
    """At which all symbols of the output together looked less than 0.2, three symbols or more."""
    repeated: list[Span]
    """At which it looked by 0.3 or more, then two symbols or more further on, then by 0.3 or more again."""

    def to_json(self) -> dict[str, list[list[int]]]:
        """What there is of them, for JSON."""
        found = {"skipped_source": self.skipped, "repeated_source": self.repeated}
        return {name: [list(span) for span in spans] for name, spans in found.items() if spans}


def flag_source(attention: np.ndarray) -> SourceFlags:
    """What an output skips or repeats.

    Args:
        attention: `[T, S]`, end symbols included: how much each symbol of the output looked at each of the source.
            What end symbols look at, and looks at them, count for nothing. Zeros look nowhere and have no flags.

    Example:
        >>> looks = np.eye(6)
        >>> flag_source(looks)
        SourceFlags(skipped=[], repeated=[])
        >>> flag_source(looks[[0, 4, 0, 5]])
        SourceFlags(skipped=[(1, 3)], repeated=[(0, 0)])
    """
    weights = attention[:-1, :-1]
    if not weights.any():
        return SourceFlags([], [])
    seen = np.cumsum(weights, axis=0)
    beyond = np.zeros_like(weights)
    beyond[:, :-BEYOND] = np.cumsum(weights[:, ::-1], axis=1)[:, ::-1][:, BEYOND:]
    has_moved_on = np.logical_or.accumulate((seen >= LOOKED) & (beyond >= LOOKED), axis=0)
    again = np.sum(weights[1:] * has_moved_on[:-1], axis=0)
    return SourceFlags(_spans(seen[-1] < SKIPPED, SKIPPED_SYMBOLS), _spans(again >= LOOKED, 1))


def _spans(places: np.ndarray, least: int) -> list[Span]:
    """Runs of True, of so many at least."""
    edges = np.flatnonzero(np.diff(places.astype(np.int8), prepend=0, append=0))
    starts, ends = edges[::2].tolist(), edges[1::2].tolist()
    return [(start, end - 1) for start, end in zip(starts, ends, strict=True) if end - start >= least]
