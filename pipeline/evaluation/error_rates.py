"""Error rates of symbol sequences, from counts of each output: whoever measures sums, resamples or divides these."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein


class Counts(NamedTuple):
    """What is counted of an output; sums of them make the rates of many."""

    wrong: int
    """1 if it equals none of its references."""
    distance: int
    """Edit distance to the nearest of them."""
    length: int
    """Symbols of that one."""
    outputs: int = 1


def count_errors(hypothesis: Sequence[str], alternatives: Sequence[Sequence[str]]) -> Counts:
    """The counts of one output.

    Example:
        >>> count_errors("abc", ["xyz", "ac"])
        Counts(wrong=1, distance=1, length=2, outputs=1)
    """
    distance, length = nearest_reference(hypothesis, alternatives)
    return Counts(int(distance > 0), distance, length)


def error_counts(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> np.ndarray:
    """`[n, 4]` int64, a row of `Counts` for each output."""
    rows = [count_errors(*pair) for pair in zip(hypotheses, references, strict=True)]
    return np.array(rows, np.int64).reshape(-1, len(Counts._fields))


def wer_of(totals: Any) -> float:
    """WER in percent, of summed `Counts`; 0 of no output.

    Example:
        >>> wer_of([1, 5, 20, 4])
        25.0
    """
    counts = Counts(*totals)
    return 100.0 * float(counts.wrong) / max(float(counts.outputs), 1.0)


def per_of(totals: Any) -> float:
    """PER in percent, of summed `Counts`; 0 of no symbols.

    Example:
        >>> per_of([1, 5, 20, 4])
        25.0
    """
    counts = Counts(*totals)
    return 100.0 * float(counts.distance) / max(float(counts.length), 1.0)


def nearest_reference(hypothesis: Sequence[str], alternatives: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Edit distance to the nearest of the references, and that one's length; on ties the first counts.

    Example:
        >>> nearest_reference("abc", ["xyz", "ac"])
        (1, 2)
    """
    return min(
        ((Levenshtein.distance(hypothesis, reference), len(reference)) for reference in alternatives),
        key=lambda pair: pair[0],
    )
