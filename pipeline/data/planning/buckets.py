"""The padded shapes of batches: which lengths go together, and how many rows there is room for."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.data.tokenized_corpus import TokenizedCorpus

ROW_MULTIPLE = 8
TARGET_SHARE = 0.98


class Bucket(NamedTuple):
    """One padded batch shape; lengths count the end symbol."""

    source_length: int
    target_length: int
    rows: int


def plan_buckets(corpus: TokenizedCorpus, buckets: int, batch_tokens: int) -> list[Bucket]:
    """Choose the padded shapes: source boundaries with the least padding, target boundaries to match.

    The boundaries of the sources minimise the number of padded symbols exactly (dynamic programming over
    the distinct lengths). A bucket's target boundary holds nearly all targets of its sources, so that one
    long target does not widen the bucket: it goes to a later one.

    Returns:
        At most `buckets` of them, in ascending order; the last holds every pair. Rows are a multiple of 8
        where the budget allows, at least 1.
    """
    source, target = corpus.room("source"), corpus.room("target")
    boundaries = least_padding(*np.unique(source, return_counts=True), buckets)
    shapes: list[tuple[int, int]] = []
    lower = 0
    for boundary in boundaries:
        inside = target[(source > lower) & (source <= boundary)]
        widest = int(np.quantile(inside, TARGET_SHARE, method="higher"))
        shapes.append((boundary, max(widest, shapes[-1][1] if shapes else 1)))
        lower = boundary
    shapes[-1] = (boundaries[-1], int(target.max()))
    return [Bucket(s, t, fitting_rows(batch_tokens // max(s, t))) for s, t in shapes]


def fitting_rows(most: int) -> int:
    """How many rows a batch has in which `most` have room."""
    return max(1, most - most % ROW_MULTIPLE if most > ROW_MULTIPLE else most)


def least_padding(distinct: np.ndarray, counts: np.ndarray, buckets: int) -> list[int]:
    """At most `buckets` boundaries that minimise Σ_i boundary(length_i), of ascending lengths and how many have each.

    Example:
        >>> least_padding(np.array([1, 5, 6]), np.array([10, 1, 10]), 2)
        [1, 6]
    """
    total = np.concatenate([[0], np.cumsum(counts)])
    number = len(distinct)
    buckets = min(buckets, number)
    best = np.full((buckets + 1, number + 1), np.inf)
    best[0, 0] = 0
    cut = np.zeros((buckets + 1, number + 1), int)
    for bucket in range(1, buckets + 1):
        for end in range(bucket, number + 1):
            # Lengths from index `start` up to `end` share the boundary distinct[end - 1].
            costs = best[bucket - 1, :end] + (total[end] - total[:end]) * distinct[end - 1]
            cut[bucket, end] = np.argmin(costs)
            best[bucket, end] = costs[cut[bucket, end]]
    boundaries, end = [], number
    for bucket in range(buckets, 0, -1):
        boundaries.append(int(distinct[end - 1]))
        end = cut[bucket, end]
    return boundaries[::-1]


def assign_buckets(corpus: TokenizedCorpus, buckets: list[Bucket]) -> np.ndarray:
    """For each pair the index of the first bucket that holds both sides, or `len(buckets)` if none does."""
    return first_fitting(corpus.room("source"), corpus.room("target"), buckets)


def first_fitting(source: np.ndarray, target: np.ndarray, buckets: Sequence[Bucket]) -> np.ndarray:
    """The same of pairs of which only the lengths are given."""
    assigned = np.full(len(source), len(buckets))
    for index in reversed(range(len(buckets))):
        fits = (source <= buckets[index].source_length) & (target <= buckets[index].target_length)
        assigned[fits] = index
    return assigned


def plan_counted(
    source: np.ndarray, target: np.ndarray, counts: np.ndarray, buckets: int, batch_tokens: int
) -> list[Bucket]:
    """The same shapes as `plan_buckets`, of how many pairs have which lengths.

    Args:
        source: Lengths of sources, end symbols counted.
        target: The lengths of targets beside them.
        counts: How many pairs have both.
        buckets: Most of them.
        batch_tokens: See `plan_buckets`.

    Example:
        >>> plan_counted(np.array([2, 5]), np.array([3, 4]), np.array([9, 1]), 2, 60)
        [Bucket(source_length=2, target_length=3, rows=16), Bucket(source_length=5, target_length=4, rows=8)]
    """
    distinct, places = np.unique(source, return_inverse=True)
    boundaries = least_padding(distinct, np.bincount(places, counts).astype(np.int64), buckets)
    shapes: list[tuple[int, int]] = []
    lower = 0
    for boundary in boundaries:
        inside = (source > lower) & (source <= boundary)
        order = np.argsort(target[inside], kind="stable")
        below = np.cumsum(counts[inside][order])
        # The place that NumPy's quantile takes with "higher".
        place = int(np.ceil(TARGET_SHARE * (below[-1] - 1)))
        widest = int(target[inside][order][np.searchsorted(below, place, side="right")])
        shapes.append((boundary, max(widest, shapes[-1][1] if shapes else 1)))
        lower = boundary
    shapes[-1] = (boundaries[-1], int(target.max()))
    return [Bucket(s, t, fitting_rows(batch_tokens // max(s, t))) for s, t in shapes]
