"""Greedy search first, and a beam for what it leaves open: the same outputs as by the beam alone, in less time.

Every other output leaves the greedy one, y, at some symbol t, and is there at best as probable as the second most
probable symbol, p2_t, makes it. No other is therefore more probable than

    r = max_t p(y_1 … y_{t-1}) p2_t

Where p(y) > r, every beginning of y is more probable than any other hypothesis of its length: no beam ever drops it,
and none finds anything better. With a length penalty, whose divisor lp grows with the length up to that of the limit
L, the best of all others is worth at most log r / lp(L), and log p(y) / lp(|y|) must be above that.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipeline.search.penalties import penalize
from pipeline.search.result import SearchResult

MARGIN = 1e-3
"""Of log p: more than rounding, so that what is proven is so in whatever order numbers are summed."""


def prove_first(
    greedy: Callable[[], tuple[SearchResult, Any]],
    beam: Callable[[Any], SearchResult],
    limits: Any,
    length_penalty: float,
) -> SearchResult:
    """The best output of every input.

    Args:
        greedy: Finds one output of each, and the most that log p of any other can be, as `greedy_search_with_rivals`.
        beam: Finds one output of each of some inputs, whose numbers `[some]` it is given.
        limits: `[batch]` int32, largest length of each output.
        length_penalty: At least 0.

    Returns:
        One output of every input, `[batch, 1, …]`, padded to the longest.
    """
    found, rivals = greedy()
    # That log p(y) itself is above log r follows: lp(|y|) is at most lp(L), and at least 1.
    proven = found.rank_scores[:, 0] > penalize(rivals, limits, length_penalty) + MARGIN
    open_rows = tf.where(~proven)[:, 0]

    def search() -> SearchResult:
        return _put(found, open_rows, beam(open_rows))

    kept = tf.cond(tf.size(open_rows) > 0, search, lambda: found)
    longest = tf.reduce_max(tf.concat([[0], kept.lengths[:, 0]], axis=0))
    weights = kept.attention_weights
    return kept._replace(
        tokens=kept.tokens[:, :, :longest], attention_weights=None if weights is None else weights[:, :, :longest]
    )


def _put(found: SearchResult, rows: Any, others: SearchResult) -> SearchResult:
    """Results with those of some rows in the place of what was there, both padded to the longer."""
    width = tf.maximum(tf.shape(found.tokens)[2], tf.shape(others.tokens)[2])

    def put(part: Any, other: Any) -> Any:
        if len(part.shape) > 2:
            part, other = (_widen(of, width) for of in (part, other))
        return tf.tensor_scatter_nd_update(part, rows[:, None], other)

    both = zip(found, others, strict=True)
    return SearchResult(*(part if part is None else put(part, other) for part, other in both))


def _widen(part: Any, width: Any) -> Any:
    """`[batch, 1, target, …]` padded to so many target positions."""
    missing = [[0, 0], [0, 0], [0, width - tf.shape(part)[2]], *([[0, 0]] * (len(part.shape) - 3))]
    return tf.pad(part, missing)
