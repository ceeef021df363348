"""Learning subwords: sampling, sizes, and what does not go."""

from collections import Counter

import pytest

from pipeline.errors import DataError
from pipeline.text import subwords
from pipeline.text.subwords import learn_sentence_pieces, learn_word_pieces, sample

SENTENCES = [f"the {size} {animal} sleeps" for size in ("big", "small", "tiny") for animal in ("dog", "cat", "cow")]


def test_a_sample_is_drawn_from_all():
    chosen, number = sample((str(index) for index in range(1000)), 100, seed=1)
    assert (len(set(chosen)), number) == (100, 1000)
    assert 300 < sum(map(int, chosen)) / 100 < 700
    assert sample(map(str, range(1000)), 100, seed=1)[0] == chosen
    assert sample(map(str, range(1000)), 100, seed=2)[0] != chosen


def test_every_string_is_as_likely():
    counts = Counter(string for seed in range(2000) for string in sample("abcde", 2, seed)[0])
    assert all(abs(count - 800) < 5 * (2000 * 0.4 * 0.6) ** 0.5 for count in counts.values())


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_sizes(kind: str):
    model, pieces = learn_sentence_pieces(SENTENCES, kind, 290)
    # The unknown piece is not among them.
    assert len(pieces) == len(set(pieces)) <= 289
    assert len([piece for piece in pieces if piece.startswith("<0x")]) == 256
    assert model == learn_sentence_pieces(SENTENCES, kind, 290)[0]


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_more_than_the_data_have(kind: str):
    _, pieces = learn_sentence_pieces(SENTENCES, kind, 100_000)
    assert 256 < len(pieces) < 1000
    assert "▁sleeps" in pieces


def test_too_few_for_bytes_and_characters():
    with pytest.raises(DataError, match=r"text\.vocabulary_size: 100 subwords cannot be learned"):
        learn_sentence_pieces(SENTENCES, "bpe", 100)


def test_word_pieces():
    pieces = learn_word_pieces(SENTENCES, 60)
    assert len(pieces) == len(set(pieces))
    assert {"the", "sleeps", "d", "##g"} <= set(pieces)


def test_many_words(monkeypatch: pytest.MonkeyPatch):
    sentences = [*SENTENCES, "xylophones", "dogs"]
    whole = learn_word_pieces(sentences, 100)
    monkeypatch.setattr(subwords, "MOST_WORDS", 8)
    chosen = dict(subwords._choose_words(Counter(word for sentence in sentences for word in sentence.split())))
    # The eight most frequent, and the one that alone has an x.
    assert set(chosen) == {"the", "sleeps", "big", "small", "tiny", "cat", "cow", "dog", "xylophones"}
    assert chosen["the"] == 9
    pieces = learn_word_pieces(sentences, 100)
    # Every character is there, so that no word is unknown.
    characters = {character for sentence in sentences for character in sentence if character != " "}
    assert characters <= set(pieces) & set(whole)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_endless_words_teach_nothing(kind: str, caplog: pytest.LogCaptureFixture):
    """Unigram fails at a word of a million characters; a long sentence of short words is as good as any other."""
    endless, long = "abcdefgh" * 130_000, "the tiny dog " * 2000
    pieces = learn_sentence_pieces([*SENTENCES, long, endless], kind, 290)[1]
    assert pieces == learn_sentence_pieces([*SENTENCES, long], kind, 290)[1]
    assert caplog.messages == [
        "1 strings have more than 16384 characters without a space: no subwords are learned from them"
    ]
    with pytest.raises(DataError, match="every string has more than 16384 characters without a space; give a file"):
        learn_sentence_pieces([endless], kind, 290)


def test_signs_of_subwords_in_the_data_are_told(caplog: pytest.LogCaptureFixture):
    learn_sentence_pieces(["ein ▁ Satz", "noch einer▁", "und einer"] * 4, "bpe", 290)
    learn_word_pieces(["a ##b", "##b c##", "##"], 20)
    assert [record.getMessage() for record in caplog.records] == [
        "8 sentences have ▁ (U+2581), which is a sign of its own in subwords: outputs have a space there",
        "2 words begin with ##, which is a sign of its own in subwords: outputs have no space before it",
    ]
    caplog.clear()
    learn_word_pieces(["a b#", "c"], 20)
    assert not caplog.records
