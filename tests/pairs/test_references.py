from collections.abc import Iterable

from pipeline.pairs.pair_file import Pair
from pipeline.pairs.references import group_references, overlap
from pipeline.settings.text import TextConfiguration


def make_pairs(sources: Iterable[object]) -> list[Pair]:
    return [Pair(str(source), "x", line) for line, source in enumerate(sources, 1)]


def test_group_references():
    pairs = [Pair("b", "1", 1), Pair("a", "2", 2), Pair("b", "3", 3), Pair("b", "1", 4), Pair("a", "0", 5)]
    references = group_references(iter(pairs))
    assert list(references.items()) == [("b", ["1", "3"]), ("a", ["2", "0"])]


def test_overlap_counts_distinct_dev_sources():
    assert overlap(iter(make_pairs("aabbcd")), [iter(make_pairs("bbdxe")), make_pairs("a")]) == [2, 1]
    assert overlap(make_pairs("abc"), [make_pairs("de")]) == [0]


def test_spellings_that_the_model_tells_apart_have_references_of_their_own():
    pairs = [Pair("é", "x", 1), Pair("e\u0301", "y", 2), Pair("\u3000é", "z", 3)]
    assert group_references(pairs, TextConfiguration(normalization="nfd")) == {"é": ["x", "y", "z"]}
    grouped = group_references(pairs, TextConfiguration(normalization="none"))
    assert grouped == {"é": ["x", "z"], "e\u0301": ["y"]}
