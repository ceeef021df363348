import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data import tokenized_corpus
from pipeline.data.pair_filter import PairFilter
from pipeline.data.tokenized_corpus import ARRAYS, TokenizedCorpus, open_corpus, tokenize_corpus
from pipeline.errors import DataError
from pipeline.pairs.pair_file import Pair
from pipeline.text.processor import TextProcessor
from pipeline.text.symbols import END
from pipeline.text.vocabulary import Vocabulary

Tokenize = Callable[..., TokenizedCorpus]
SOURCE = TextProcessor(Vocabulary(["a", "b", "é"]), "char")
TARGET = TextProcessor(Vocabulary(["A", "B", "É"]), "space")


def make_pairs(*pairs: tuple[str, str]) -> list[Pair]:
    """On every second line, so that a line's number is not the pair's."""
    return [Pair(source, target, 2 * index + 1) for index, (source, target) in enumerate(pairs)]


@pytest.fixture
def tokenize(tmp_path: Path) -> Tokenize:
    def call(pairs: object, fingerprint: str = "one", max_length: int = 3, **rules: Any) -> TokenizedCorpus:
        pair_filter = PairFilter(max_length, **rules)
        return tokenize_corpus(pairs, SOURCE, TARGET, pair_filter, tmp_path / "train", fingerprint)

    return call


def ids_of(corpus: TokenizedCorpus, index: int) -> tuple[list[int], list[int]]:
    sides = (
        (corpus.source_ids, corpus.source_offsets, corpus.source_lengths),
        (corpus.target_ids, corpus.target_offsets, corpus.target_lengths),
    )
    return tuple(ids[offsets[index] : offsets[index] + lengths[index]].tolist() for ids, offsets, lengths in sides)


def test_round_trip(tokenize: Tokenize):
    corpus = tokenize(make_pairs(("ab", "A B"), ("é?", "É"), ("b", "B A É")))
    assert len(corpus) == 3
    assert [ids_of(corpus, index) for index in range(3)] == [
        ([4, 5, END], [4, 5, END]),
        ([6, 3, END], [6, END]),
        ([5, END], [5, 4, 6, END]),
    ]
    assert corpus.lines.tolist() == [1, 3, 5]
    assert (corpus.dropped, corpus.first_dropped) == ({}, {})


def test_it_lies_on_disk(tokenize: Tokenize, tmp_path: Path):
    corpus = tokenize(make_pairs(("ab", "A B")))
    assert all(isinstance(getattr(corpus, name), np.memmap) for name in ARRAYS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train"]
    assert ids_of(open_corpus(tmp_path / "train"), 0) == ids_of(corpus, 0)


def test_more_pairs_than_a_chunk(tokenize: Tokenize, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokenized_corpus, "CHUNK", 2)
    pairs = make_pairs(*[("ab" * (index % 3), "A " * (index % 4)) for index in range(11)])
    corpus = tokenize(pairs)
    kept = [index for index in range(11) if index % 3 < 2]
    assert corpus.lines.tolist() == [2 * index + 1 for index in kept]
    for place, index in enumerate(kept):
        assert ids_of(corpus, place) == ([4, 5] * (index % 3) + [END], [4] * (index % 4) + [END])
    assert (corpus.dropped, corpus.first_dropped) == ({"source too long": 3}, {"source too long": (5, 0)})


def test_what_is_too_long_is_left_out_and_counted_once(tokenize: Tokenize):
    corpus = tokenize(
        make_pairs(("aaa", "A A A"), ("aaaa", "A"), ("a", "A A A A"), ("aaaa", "A A A A"), ("b", "A A A A"), ("b", "B"))
    )
    assert corpus.lines.tolist() == [1, 11]
    assert corpus.dropped == {"source too long": 2, "target too long": 2}
    assert corpus.first_dropped == {"source too long": (3, 0), "target too long": (5, 0)}


def test_what_was_done_before_is_opened(tokenize: Tokenize):
    first = tokenize(make_pairs(("ab", "A B"), ("aaaa", "A")))

    def unread() -> Iterator[Pair]:
        raise AssertionError("the pairs were read again")
        yield

    again = tokenize(unread())
    assert ids_of(again, 0) == ids_of(first, 0)
    assert (again.dropped, again.first_dropped) == (first.dropped, first.first_dropped)


def test_another_fingerprint_replaces(tokenize: Tokenize, tmp_path: Path):
    tokenize(make_pairs(("ab", "A B"), ("a", "A")))
    assert tokenize(make_pairs(("b", "B")), "two").lines.tolist() == [1]
    assert json.loads((tmp_path / "train" / "manifest.json").read_text())["fingerprint"] == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


@pytest.mark.parametrize("content", ["", "{", "{}", "null", '{"fingerprint": "on'])
def test_a_damaged_manifest_is_no_obstacle(tokenize: Tokenize, tmp_path: Path, content: str):
    tokenize(make_pairs(("ab", "A B")))
    (tmp_path / "train" / "manifest.json").write_text(content)
    assert ids_of(tokenize(make_pairs(("b", "B"))), 0) == ([5, END], [5, END])


@pytest.mark.parametrize("name", ARRAYS)
def test_ids_with_a_bit_that_has_changed_are_made_again(tokenize: Tokenize, tmp_path: Path, name: str):
    pairs = [("ab", "A B"), ("a", "A")]
    first = ids_of(tokenize(make_pairs(*pairs)), 0)
    path = tmp_path / "train" / f"{name}.bin"
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert ids_of(tokenize(make_pairs(*pairs)), 0) == first
    assert path.read_bytes() == content


def test_what_breaks_off_leaves_nothing_that_is_opened(tokenize: Tokenize):
    def broken() -> Iterator[Pair]:
        yield Pair("ab", "A B", 1)
        raise DataError("line 2")

    with pytest.raises(DataError, match="line 2"):
        tokenize(broken())
    assert tokenize(make_pairs(("b", "B"))).lines.tolist() == [1]


def test_nothing_left(tokenize: Tokenize, tmp_path: Path):
    with pytest.raises(DataError, match=r"train: no pair is left, all are longer than data.max_length \(3 symbols\)"):
        tokenize(make_pairs(("aaaa", "A"), ("a", "A A A A")))
    # Nor the second time, when the empty arrays are there already.
    with pytest.raises(DataError, match="no pair is left"):
        tokenize([])
    assert len(open_corpus(tmp_path / "train")) == 0
    assert tokenize(make_pairs(("aaaa", "A")), "two", max_length=4).lines.tolist() == [1]


def test_what_stays_knows_its_corpus(tokenize: Tokenize, tmp_path: Path):
    pairs = [Pair("a", "A", 1), Pair("aaaa", "A", 1, 1), Pair("ab", "A B", 2, 1), Pair("b", "B", 1, 2)]
    corpus = tokenize(pairs)
    assert (corpus.lines.tolist(), corpus.corpora.tolist()) == ([1, 2, 1], [0, 1, 2])
    assert open_corpus(tmp_path / "train").first_dropped == {"source too long": (1, 1)}
    assert open_corpus(tmp_path / "train").first_dropped["source too long"].corpus == 1


def test_repeated_pairs(tokenize: Tokenize, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokenized_corpus, "CHUNK", 2)
    pairs = make_pairs(("a", "A"), ("b", "A"), ("a", "A"), ("aaaa", "A"), ("aaaa", "A"), ("a", "B"), ("b", "A"))
    corpus = tokenize(pairs, drop_duplicates=True)
    assert corpus.lines.tolist() == [1, 3, 11]
    # What is too long is no repetition.
    assert corpus.dropped == {"the same pair again": 2, "source too long": 2}
    assert corpus.first_dropped == {"the same pair again": (5, 0), "source too long": (7, 0)}
    assert len(tokenize(pairs, "two")) == 5


def test_nothing_left_for_several_reasons(tokenize: Tokenize):
    message = r"no pair is left, 1 are left out: source too long \(data.max_length 3\), 1 are left out: "
    with pytest.raises(DataError, match=message):
        tokenize(make_pairs(("aaaa", "A"), ("aa", "A")), min_length=2)
