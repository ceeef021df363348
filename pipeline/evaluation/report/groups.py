"""How many answers are right, by what their sources are like."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.answering.predictions import Prediction, count_features
from pipeline.evaluation.error_rates import per_of
from pipeline.evaluation.scores import wilson_interval
from pipeline.evaluation.test_set import split_by_length

PARTS = 8
"""Of about equal size, by length."""
DECADES = (1, 10, 100, 1000, 10_000)
"""Where groups by frequency begin, but for what training lacks."""


class Group(NamedTuple):
    """Answers whose sources are alike."""

    name: str
    n: int
    right: int
    per: float
    """Edit distance over symbols of the references, in percent."""

    @property
    def accuracy(self) -> float:
        """In percent."""
        return 100 * self.right / max(self.n, 1)

    @property
    def interval(self) -> tuple[float, float]:
        """Where it lies with 95 % confidence (Wilson 1927)."""
        return wilson_interval(self.accuracy, self.n)


def group_answers(counts: np.ndarray, groups: Iterable[tuple[str, Sequence[int] | np.ndarray]]) -> list[Group]:
    """What came of groups of answers; empty ones are left out.

    Args:
        counts: `[n, 4]`, the `Counts` of every answer.
        groups: The name of each, and the places of its answers.

    Example:
        >>> group_answers(np.array([[0, 0, 4, 1], [1, 1, 6, 1]]), [("all", [0, 1]), ("none", [])])
        [Group(name='all', n=2, right=1, per=10.0)]
    """
    found = []
    for name, places in groups:
        if len(places):
            own = counts[np.asarray(places, np.int64)]
            found.append(Group(name, len(own), int((own[:, 0] == 0).sum()), per_of(own.sum(axis=0))))
    return found


def by_length(lengths: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """The places of sources of like length, the shortest first, in up to eight groups.

    Example:
        >>> [(name, places.tolist()) for name, places in by_length(np.array([3, 9, 3]))]
        [('3', [0, 2]), ('9', [1])]
    """
    found = []
    for places in split_by_length(lengths, PARTS):
        low, high = int(lengths[places].min()), int(lengths[places].max())
        found.append((str(low) if low == high else f"{low} to {high}", places))
    return found


def by_frequency(rarest: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """The places of sources by how often training had the rarest of their symbols, the rarest first.

    Args:
        rarest: `[n]` int64; -1 where a source has no symbol at all.

    Example:
        >>> [(name, places.tolist()) for name, places in by_frequency(np.array([0, 12, 5, 20_000]))]
        [('0', [0]), ('1 to 9', [2]), ('10 to 99', [1]), ('10,000 or more', [3])]
    """
    edges = [0, *DECADES]
    names = ["0", *(f"{low:,} to {high - 1:,}" for low, high in itertools.pairwise(DECADES))]
    names.append(f"{DECADES[-1]:,} or more")
    places = np.searchsorted(edges, rarest, side="right") - 1
    return [(name, np.flatnonzero(places == number)) for number, name in enumerate(names) if (places == number).any()]


def rarest_frequency(prediction: Prediction, frequencies: Mapping[str, int]) -> int:
    """How often training had the rarest symbol of a source, features left aside; -1 of one without symbols.

    Example:
        >>> rarest_frequency(Prediction([], ["a", "b", "</s>"]), {"a": 7, "b": 2})
        2
    """
    features = count_features(prediction.source_tokens)
    own = prediction.source_tokens[: len(prediction.source_tokens) - 1 - features]
    return min((frequencies.get(token, 0) for token in own), default=-1)


class Places:
    """The places of answers by names of which an answer may have several, as features or unknown symbols.

    Args:
        most: How many names are kept; of others it is only counted that there are more.
    """

    def __init__(self, most: int = 10_000) -> None:
        self.most, self.left_out = most, 0
        self._places: dict[str, list[int]] = {}

    def add(self, place: int, names: Iterable[str]) -> None:
        """An answer and its names."""
        for name in dict.fromkeys(names):
            if name in self._places or len(self._places) < self.most:
                self._places.setdefault(name, []).append(place)
            else:
                self.left_out += 1

    def ordered(self) -> list[tuple[str, list[int]]]:
        """The most frequent names first."""
        return sorted(self._places.items(), key=lambda item: (-len(item[1]), item[0]))
