"""What is counted of pairs."""

import dataclasses

import pytest

from pipeline.defaults import facts
from pipeline.pairs.pair_file import Pair
from pipeline.settings.text import TextConfiguration


def make_pair(source: str, target: str) -> Pair:
    return Pair(source, target, line=1)


def test_counts_by_hand():
    pairs = [make_pair("abc", "a b x"), make_pair("dd", "d")]
    found = facts.count_facts(pairs, 200, TextConfiguration(target_tokenizer="space"))
    # a, b and d of the targets' a, b, x and d stand in the sources.
    expected = facts.Facts(200, target_length=2.0, long=3, copied=0.75, sentences=False, alike=False, distinct=4)
    assert dataclasses.replace(found, forward=0.0) == expected
    assert found.target_symbols == 600


def test_what_is_given_decides_how_strings_are_cut():
    [found] = (facts.count_facts([make_pair("각", "각")], 1, TextConfiguration(normalization=form)) for form in ["nfd"])
    assert (found.target_length, found.long) == (3.0, 3)


def test_subwords_are_more_than_words():
    text = TextConfiguration(source_tokenizer="bpe", target_tokenizer="bpe")
    found = facts.count_facts([make_pair("the cat sleeps", "die Katze schläft")], 1, text)
    assert found.sentences
    assert found.target_length == pytest.approx(3 * facts.SUBWORDS_OF_WORD)


def test_of_many_pairs_the_first_are_looked_at_and_all_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(facts, "LOOKED_AT", 3)
    looked_at, number = facts.take(make_pair(str(index), "x") for index in range(10))
    assert ([pair.source for pair in looked_at], number) == (["0", "1", "2"], 10)


def test_one_string_of_a_thousand_does_not_set_the_length():
    pairs = [make_pair("a" * 500 if index == 7 else "ab", "ab") for index in range(1000)]
    assert facts.count_facts(pairs, 1000, TextConfiguration()).long == 2
