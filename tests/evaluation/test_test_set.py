"""What is decoded to be measured, in parts by length."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.test_set import ReferenceSet, source_lengths, split_by_length
from pipeline.pairs.pair_file import Pair
from pipeline.settings.text import TextConfiguration

SPACE = TextConfiguration(target_tokenizer="space")
SENTENCES = TextConfiguration(source_tokenizer="bpe", target_tokenizer="bpe")


@given(st.lists(st.integers(1, 30), min_size=1, max_size=80), st.integers(1, 6))
def test_parts_are_apart_and_about_equal(values: list[int], parts: int):
    lengths = np.array(values)
    found = split_by_length(lengths, parts)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(values)))
    assert len(found) <= parts
    for shorter, longer in itertools.pairwise(found):
        assert lengths[shorter].max() < lengths[longer].min()
    if len(set(values)) == len(values):
        assert max(map(len, found)) - min(map(len, found)) <= 1 or len(values) < parts


def test_equal_lengths_stay_together():
    assert [part.tolist() for part in split_by_length(np.array([3, 3, 3, 3, 8]))] == [[0, 1, 2, 3], [4]]
    assert [len(part) for part in split_by_length(np.full(7, 4))] == [7]


def test_lengths_are_counted_in_what_the_source_is_made_of():
    unit, lengths = source_lengths(["e\u0301a", "東京"], SPACE)
    assert (unit, lengths.tolist()) == ("characters", [2, 2])
    separated = TextConfiguration("space", "space", source_separator="-")
    assert source_lengths(["a-b c", "a"], separated)[1].tolist() == [2, 1]
    unit, lengths = source_lengths(["ein Hund", "zwei Hunde da"], SENTENCES)
    assert (unit, lengths.tolist()) == ("words", [2, 3])
    unit, lengths = source_lengths(["犬が走る", "猫"], SENTENCES)
    assert (unit, lengths.tolist()) == ("characters", [4, 1])


def test_references_are_those_of_evaluation():
    pairs = [Pair("a", "X", 1), Pair("b", "Y", 2), Pair("a", "Z", 3)]
    assert ReferenceSet.from_pairs(pairs, SPACE) == (["a", "b"], [["X", "Z"], ["Y"]], [1, 2])
    assert ReferenceSet.from_pairs(pairs, SENTENCES) == (["a", "b", "a"], [["X"], ["Y"], ["Z"]], [1, 2, 3])


def test_every_line_may_count_of_symbols_too():
    pairs = [Pair("a", "X", 4), Pair("a", "Z", 7)]
    assert ReferenceSet.from_pairs(pairs, SPACE, by_line=True) == (["a", "a"], [["X"], ["Z"]], [4, 7])


def test_features_are_no_part_of_a_length():
    assert source_lengths(["ab\tV;PST", "a"], TextConfiguration(feature_separator=";"))[1].tolist() == [2, 1]
