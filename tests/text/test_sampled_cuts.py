"""Cuts of words drawn at random: always the same word, how often which, and the best one without chance."""

import random

import pytest
import sentencepiece

from pipeline.text.sampled_cuts import LONGEST_WORD, Word, make_cutter, word_starts
from pipeline.text.subwords import learn_sentence_pieces
from pipeline.text.vocabulary import Vocabulary

TEXT = ["the cat sat on the mat", "a dog and a cat", "that is what the cats and dogs at the station are at"] * 9
STRANGE = ["zebra", "東京", "c東t", "catsatthestation"]
KINDS = ["bpe", "unigram"]


class Side:
    def __init__(self, kind: str, text: list[str] = TEXT) -> None:
        self.kind = kind
        model, pieces = learn_sentence_pieces(text, kind, 330)
        self.vocabulary = Vocabulary(pieces, model)
        self.pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
        self.ids = {symbol: number for number, symbol in enumerate(self.vocabulary.symbols) if number > 3}

    def cut(self, word: str) -> Word:
        return tuple(self.ids[piece] for piece in self.pieces.encode(word, out_type=str))

    def join(self, cut: Word) -> str:
        return self.pieces.decode([self.vocabulary.symbols[number] for number in cut])

    def draw(self, word: str, share: float, count: int = 1, seed: int = 1) -> list[Word]:
        return make_cutter(self.kind, self.vocabulary, share)(self.cut(word), count, random.Random(seed))


@pytest.fixture(scope="module", params=KINDS)
def side(request: pytest.FixtureRequest) -> Side:
    return Side(request.param)


WORDS = sorted({word for line in TEXT for word in line.split(" ")})


def test_nothing_is_sampled_with_a_share_of_nothing(side: Side):
    for word in [*WORDS, *STRANGE]:
        assert side.draw(word, 0.0) == [side.cut(word)], word


def test_every_cut_is_the_same_word(side: Side):
    found = {word: side.draw(word, 0.5, 30) for word in [*WORDS, *STRANGE]}
    for word, cuts in found.items():
        assert {side.join(cut) for cut in cuts} == {word}
    assert all(len(set(found[word])) > 2 for word in ("station", "cats"))
    # The generator alone decides.
    assert side.draw("station", 0.5, 30) == found["station"] != side.draw("station", 0.5, 30, seed=2)


def test_a_word_too_long_is_cut_as_ever(side: Side):
    word = "cat" * LONGEST_WORD
    assert side.draw(word, 0.9, 2) == [side.cut(word)] * 2


def test_where_words_begin(side: Side):
    starts = word_starts(side.vocabulary)
    ids = [number for word in WORDS for number in side.cut(word)]
    assert sum(starts[number] for number in ids) == len(WORDS)
    assert len(starts) == len(side.vocabulary)


def test_bpe_drops_every_possible_merge_with_the_share():
    side = Side("bpe", ["a b", "b a"] * 5)
    # Of "▁a" there is one merge: it is left out, and the end is reached.
    [whole] = side.cut("a")
    cuts = side.draw("a", 0.3, 5000)
    assert {len(cut) for cut in cuts} == {1, 2}
    # Five standard errors.
    assert abs(cuts.count((whole,)) / 5000 - 0.7) < 5 * (0.3 * 0.7 / 5000) ** 0.5


def test_unigram_takes_another_cut_with_the_share_by_its_probability():
    side = Side("unigram")
    cuts, best = side.draw("station", 0.3, 5000), side.cut("station")
    assert abs(1 - cuts.count(best) / 5000 - 0.3) < 5 * (0.3 * 0.7 / 5000) ** 0.5
    scores = {}
    for cut in {*cuts} - {best}:
        pieces = [side.pieces.piece_to_id(side.vocabulary.symbols[number]) for number in cut]
        scores[cut] = sum(side.pieces.get_score(piece) for piece in pieces)
    weights = {cut: 2.718281828 ** (0.2 * score) for cut, score in scores.items()}
    for cut, weight in weights.items():
        share = 0.3 * weight / sum(weights.values())
        assert abs(cuts.count(cut) / 5000 - share) < 5 * (share / 5000) ** 0.5
