"""What is taken for a separator, and what is not."""

import pytest

from pipeline.text.separators import SeparatorCounts


def find(*strings: str) -> str | None:
    counts = SeparatorCounts()
    assert [counts.see(string) for string in strings] == list(strings)
    return counts.find()


@pytest.mark.parametrize("mark", "-|_·.,")
def test_a_mark_between_short_symbols(mark: str):
    strings = [mark.join(word) for word in ("bat", "kait", "ab")] * 4 + ["a", "oo"]
    assert find(*strings) == mark


def test_white_space_stands_between_already():
    assert find(*["b a-t", "k a-t"] * 10) is None
    assert find(*["b-a-t"] * 99, "b a t") == "-"  # one line in a hundred may be odd


def test_hyphens_of_words_are_none():
    assert find(*["well-known", "mother-in-law"] * 10) is None
    assert find(*["x-ray", "cat", "dog"] * 10) is None


@pytest.mark.parametrize("text", ["2020-01-02", "12:30", "3.14", "10/12/99"])
def test_numbers_are_no_symbols(text: str):
    assert find(*[text] * 20) is None
    assert find(*["AH0-T-2"] * 20) is None
    assert find(*["AH0-T"] * 20) == "-"


def test_a_few_strings_tell_nothing():
    assert find(*["b-a-t"] * 9) is None
    assert find(*["a"] * 100) is None
    assert find() is None


def test_the_most_frequent_mark_wins():
    assert find(*["a.b|c.d|e", "f|g"] * 10) == "|"
    assert find(*["a--b", "a-"] * 10, *["a-b"] * 90) == "-"  # what is empty is no symbol
