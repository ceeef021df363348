"""Other ways to cut a word into subwords than the best one, drawn at random, for training."""

import itertools
import math
import random
from collections.abc import Callable, Sequence

import sentencepiece

from pipeline.text.subwords import SPACE_SIGN
from pipeline.text.symbols import SPECIAL_SYMBOLS
from pipeline.text.vocabulary import Vocabulary

# Of unigram's cuts the most likely ones, and how flat they are drawn: in proportion to probability ** FLATNESS.
MOST_CUTS = 16
FLATNESS = 0.2
LONGEST_WORD = 200
"""Symbols; longer words, as of text without spaces, are cut as ever: the time grows with the square."""

Word = tuple[int, ...]
Cutter = Callable[[Word, int, random.Random], list[Word]]
"""A word's ids, how many cuts are wanted, and what draws them, to as many cuts into other ids, or into the same."""


def make_cutter(tokenizer: str, vocabulary: Vocabulary, share: float) -> Cutter:
    """What draws cuts of words for a side whose tokenizer is "bpe" or "unigram".

    Args:
        tokenizer: Which of them.
        vocabulary: Its subwords and their model.
        share: See `text.sampling`.
    """
    make = _DropMerges if tokenizer == "bpe" else _DrawCuts
    return make(vocabulary, share)


def word_starts(vocabulary: Vocabulary) -> list[bool]:
    """Of every symbol whether a word begins with it: no subword goes over a space.

    Example:
        >>> word_starts(Vocabulary(["▁a", "b"]))
        [False, False, False, False, True, False]
    """
    subwords = vocabulary.symbols[len(SPECIAL_SYMBOLS) :]
    return [False] * len(SPECIAL_SYMBOLS) + [symbol.startswith(SPACE_SIGN) for symbol in subwords]


class _Subwords:
    """The subwords of a vocabulary, by id, and their scores."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.processor = sentencepiece.SentencePieceProcessor(model_proto=vocabulary.model)
        self.names = vocabulary.symbols
        first = len(SPECIAL_SYMBOLS)
        self.ids = {name: first + place for place, name in enumerate(vocabulary.symbols[first:])}
        pieces = {name: self.processor.piece_to_id(name) for name in self.ids}
        self.scores = {name: self.processor.get_score(piece) for name, piece in pieces.items()}
        others = {self.ids[name] for name, piece in pieces.items() if self.processor.is_byte(piece)}
        self.no_text = {*range(first), *others}
        """Bytes, which stand for a character that is none of the symbols, and special symbols."""


class _DropMerges(_Subwords):
    """BPE-dropout of Provilkov et al. (2020), https://arxiv.org/abs/1910.13267.

    A word is put together from its characters again. Before every merge each of those that are possible is left out
    with a probability, the share; the one with the highest score of the others is made. It ends where none is left.
    """

    def __init__(self, vocabulary: Vocabulary, share: float) -> None:
        super().__init__(vocabulary)
        self.share = share

    def __call__(self, word: Word, count: int, chance: random.Random) -> list[Word]:
        units: list[str | int] = []
        for number in word:
            # Nothing is ever merged with a number.
            units.extend([number] if number in self.no_text else self.names[number])
        known = all(isinstance(unit, int) or unit in self.ids for unit in units)
        if not known or not 1 < len(units) <= LONGEST_WORD:
            return [word] * count
        return [self._merge(list(units), chance) for _ in range(count)]

    def _merge(self, units: list[str | int], chance: random.Random) -> Word:
        while True:
            best, place = -math.inf, -1
            for index, (left, right) in enumerate(itertools.pairwise(units)):
                if isinstance(left, str) and isinstance(right, str):
                    score = self.scores.get(left + right)
                    if score is not None and chance.random() >= self.share and score > best:
                        best, place = score, index
            if place < 0:
                return tuple(unit if isinstance(unit, int) else self.ids[unit] for unit in units)
            units[place : place + 2] = [f"{units[place]}{units[place + 1]}"]


class _DrawCuts(_Subwords):
    """Subword regularization of Kudo (2018), https://aclanthology.org/P18-1007/.

    With a probability, the share, one of the most likely cuts other than the best is taken, in proportion to
    p(cut) ** FLATNESS.
    """

    def __init__(self, vocabulary: Vocabulary, share: float) -> None:
        super().__init__(vocabulary)
        self.share = share

    def __call__(self, word: Word, count: int, chance: random.Random) -> list[Word]:
        names = [self.names[number] for number in word]
        text = "".join(names).removeprefix(SPACE_SIGN)
        # SentencePiece puts the sign before a text by itself.
        if len(text) > LONGEST_WORD or not names[0].startswith(SPACE_SIGN) or self.no_text.intersection(word):
            return [word] * count
        cuts = [list(cut) for cut in self.processor.nbest_encode(text, nbest_size=MOST_CUTS, out_type=str)]
        others = [cut for cut in cuts if cut != names]
        if not others:
            return [word] * count
        logs = [FLATNESS * sum(self.scores[name] for name in cut) for cut in others]
        weights = [math.exp(log - max(logs)) for log in logs]
        drawn: Sequence[list[str]] = chance.choices(others, weights, k=count)
        taken = [cut if chance.random() < self.share else names for cut in drawn]
        return [tuple(self.ids[name] for name in cut) for cut in taken]
