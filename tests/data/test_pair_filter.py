"""Which pairs are left out: every rule by itself, next to brute force, and what is counted once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.pair_filter import SHORT, PairFilter, Repetitions, training_filter
from pipeline.errors import UsageError
from pipeline.pairs.pair_file import Pair
from pipeline.settings.data import DataConfiguration

LENGTHS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=30)


def misfits(pair_filter: PairFilter, *lengths: tuple[int, int]) -> dict[str, list[int]]:
    """The places of the pairs that go, by reason."""
    source, target = np.array(lengths, int).reshape(-1, 2).T
    found = pair_filter.find_misfits(source, target)
    return {reason: np.flatnonzero(bad).tolist() for reason, bad in found.items() if bad.any()}


def test_lengths():
    pairs = [(4, 3), (3, 4), (4, 4), (1, 3), (3, 1), (2, 3)]
    assert misfits(PairFilter(3, 2), *pairs) == {
        "source too long": [0, 2],
        "target too long": [1],
        "source too short": [3],
        "target too short": [4],
    }


def test_ratio():
    pairs = [(20, 10), (21, 10), (10, 21), (1, 20), (0, 11)]
    assert misfits(PairFilter(40, max_ratio=2.0), *pairs) == {"lengths too different": [1, 2, 3, 4]}
    assert misfits(PairFilter(40, max_ratio=2.1), *pairs) == {"lengths too different": [3, 4]}
    assert misfits(PairFilter(40), *pairs) == {}


def test_short_pairs_have_any_ratio():
    assert misfits(PairFilter(40, max_ratio=1.0), (1, SHORT), (SHORT, 0), (1, SHORT + 1)) == {
        "lengths too different": [2]
    }


@given(LENGTHS, st.integers(1, 40), st.integers(0, 10), st.none() | st.floats(1, 5))
def test_every_pair_has_one_reason_and_is_left_out_rightly(
    lengths: list[tuple[int, int]], longest: int, shortest: int, ratio: float | None
):
    source, target = np.array(lengths, int).reshape(-1, 2).T
    found = np.array(list(PairFilter(longest, shortest, ratio).find_misfits(source, target).values()))
    assert (found.sum(axis=0) <= 1).all()
    for left_out, (first, second) in zip(found.any(axis=0), lengths, strict=True):
        low, high = sorted((first, second))
        unlike = ratio is not None and high > SHORT and high > ratio * low
        assert left_out == (high > longest or low < shortest or unlike)


def test_repetitions():
    pairs = [Pair(*pair, line) for line, pair in enumerate(["ab", "ab", "aa", "ba", "ab"], 1)]
    repetitions = Repetitions()
    assert repetitions.find(pairs, np.ones(5, bool)).tolist() == [False, True, False, False, True]
    # Known from the call before; what is no candidate is not remembered.
    more = [Pair("a", "b", 9), Pair("n", "o", 10)]
    assert repetitions.find(more, np.array([True, False])).tolist() == [True, False]
    assert repetitions.find(more, np.array([True, True])).tolist() == [True, False]


def test_where_source_ends_and_target_begins_counts():
    pairs = [Pair("a b", "c", 1), Pair("a", "b c", 2), Pair("a\tb", "c", 3), Pair("a", "b\tc", 4)]
    assert not Repetitions().find(pairs, np.ones(4, bool)).any()


def test_descriptions():
    full = PairFilter(64, 2, 1.5, drop_duplicates=True)
    assert full.describe_settings() == (
        "data.max_length 64, data.min_length 2, data.max_ratio 1.5, data.drop_duplicates true"
    )
    assert full.describe("the same pair again") == "the same pair again (data.drop_duplicates true)"
    assert training_filter(DataConfiguration()).describe_settings() == "data.max_length 64"


def test_every_reason_has_a_setting():
    some = PairFilter(64, 2, 1.5, drop_duplicates=True)
    reasons = [*some.find_misfits(np.ones(1), np.ones(1)), "the same pair again"]
    assert all("(data." in some.describe(reason) for reason in reasons)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"max_ratio": 0.9}, "data.max_ratio: 0.9 is impossible, it must be at least 1"),
        ({"max_ratio": float("nan")}, "data.max_ratio: nan is impossible"),
        ({"min_length": 0}, "data.min_length: 0 is impossible, it must be at least 1"),
        ({"min_length": 65}, r"data.min_length: 65 is impossible, it must be at most data.max_length \(64\)"),
        ({"train": {}}, "data.train: {} is impossible, it must be at least one place with its weight"),
        ({"train": {"a": 0.0}}, "data.train: weight of a: 0.0 is impossible, it must be above 0; leave out"),
        ({"train": {"a": 1, "b": -1}}, "data.train: weight of b: -1 is impossible"),
        ({"train": {"a": float("inf")}}, "data.train: weight of a: inf is impossible"),
        ({"train": {"a": float("nan")}}, "data.train: weight of a: nan is impossible"),
        ({"train": {2024: 1.0}}, "data.train: 2024 is impossible, it must be text"),
    ],
)
def test_impossible_settings(values: dict[str, object], words: str):
    with pytest.raises(UsageError, match=words):
        DataConfiguration(**values)
