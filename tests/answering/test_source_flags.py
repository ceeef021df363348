"""What an output skips of its source, and what it looks at again: attention made by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.answering.predictions import Hypothesis
from pipeline.answering.source_flags import flag_source

S = 7  # with the end symbol


def looks(places: Sequence[int]) -> np.ndarray:
    """Attention of symbols that look at one place each; the last of them is the end."""
    return np.eye(S, dtype="float32")[list(places)]


@pytest.mark.parametrize(
    ("places", "skipped", "repeated"),
    [
        ([0, 1, 2, 3, 4, 5, 6], [], []),
        ([0, 0, 0, 1, 2, 3, 4, 5, 5, 6], [], []),  # several symbols of one
        ([0, 2, 4, 6], [], []),  # silent ones between others; the place of two is not looked at
        ([0, 1, 5, 6], [(2, 4)], []),
        ([0, 1, 6], [(2, 5)], []),
        ([0, 1, 2, 1, 2, 3, 4, 5, 6], [], []),  # a place back: as letters change their order
        ([0, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6], [], [(1, 2)]),
        ([5, 4, 3, 2, 1, 0, 6], [], []),  # backwards, but nothing twice
        ([0, 5, 6, 0, 5, 6], [(1, 4)], [(0, 0)]),
        ([6], [], []),  # an empty output says nothing
    ],
    ids=str,
)
def test_by_hand(places: list[int], skipped: list[tuple[int, int]], repeated: list[tuple[int, int]]):
    assert flag_source(looks(places)) == (skipped, repeated)


def test_looks_that_are_spread_are_summed():
    spread = np.full((6, S), 1 / S, "float32")
    assert flag_source(spread).skipped == []
    thin = np.zeros((5, S), "float32")
    thin[:, 0], thin[:, 1:4], thin[:, 6] = 0.5, 0.03, 0.41
    # 0.12 at each of three symbols by the four that are not the end, and none at the next two.
    assert flag_source(thin).skipped == [(1, 5)]


def test_end_symbols_count_for_nothing():
    attention = looks([0, 1, 2, 3, 4, 5, 6])
    attention[-1] = np.eye(S)[0]  # the output's end looks back
    assert flag_source(attention) == ([], [])


@pytest.mark.parametrize("shape", [(0, 1), (0, S), (1, 1), (3, 1), (3, 2), (1, S)])
def test_small_or_without_attention(shape: tuple[int, int]):
    assert flag_source(np.zeros(shape, "float32")) == ([], [])
    assert flag_source(np.ones(shape, "float32")).repeated == []


def test_json_has_what_there_is():
    assert flag_source(looks([0, 1, 5, 6])).to_json() == {"skipped_source": [[2, 4]]}
    assert flag_source(looks([0, 1, 2, 3, 4, 5, 6])).to_json() == {}


def test_features_are_not_skipped():
    # Three symbols, three features and the end, of which the features are looked at by nothing.
    looks = np.eye(7)[[0, 1, 2, 6]]
    assert Hypothesis("", 0.0, [], looks).source_flags.skipped == [(3, 5)]
    assert Hypothesis("", 0.0, [], looks, features=3).source_flags.skipped == []
