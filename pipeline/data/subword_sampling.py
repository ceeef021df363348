"""Other cuts into subwords in every pass of a training: a pure function of seed and pass, from a table drawn once."""

import array
import logging
import random
from typing import NamedTuple

import numpy as np

from pipeline.errors import count_of
from pipeline.text.sampled_cuts import Cutter, Word
from pipeline.text.symbols import END

logger = logging.getLogger(__name__)

DRAWS = 16
"""Cuts that are drawn of every word; a pass takes one of them each time the word stands in the corpus."""
_LOOKED_AT = 4  # passes by which the batch shapes are planned


class Rows(NamedTuple):
    """Ids of some pairs: row i is the `lengths[i]` ids from `offsets[i]` on."""

    ids: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray


class SampledSide:
    """One side of a corpus, cut otherwise in every pass.

    Args:
        rows: The corpus as it is cut without sampling, the end symbol last in each row.
        starts: Of every symbol whether a word begins with it.
        cutter: Draws cuts.
        seed: Another seed has other cuts, in a table and in every pass; a list, so that sides can differ.
        right_to_left: Whether ids stand from the last symbol to the first.
    """

    def __init__(
        self, rows: Rows, starts: list[bool], cutter: Cutter, seed: list[int], right_to_left: bool = False
    ) -> None:
        self._rows, self._seed = rows, seed
        words, self._words, self._offsets = _find_words(rows, np.asarray(starts), right_to_left)
        logger.info("text.sampling: %d cuts of each of %s are drawn", DRAWS, count_of(len(words), "word"))
        self._cuts = _draw_cuts(words, cutter, random.Random(repr(seed)), right_to_left)
        self._number, self._drawn = -1, np.zeros(0, np.uint8)
        self.lengths = np.asarray(rows.lengths).copy()
        """Symbols of each row that its batch should have room for: those of the first passes."""
        everything = np.arange(len(rows.lengths))
        for number in range(_LOOKED_AT):
            np.maximum(self.lengths, self._cut(number, everything).lengths, out=self.lengths)

    def rows(self, number: int, indices: np.ndarray, room: int) -> Rows:
        """Rows as a pass has them; those that would have more symbols than there is room for are cut as ever.

        Args:
            number: The pass.
            indices: Which rows.
            room: Symbols that a row may have; all have room without sampling.
        """
        cut, whole = self._cut(number, indices), self._rows
        fits = cut.lengths <= room
        others = indices[~fits]
        usual = gather(whole.ids, whole.offsets[others], whole.lengths[others])
        offsets, lengths = cut.offsets.copy(), cut.lengths.copy()
        lengths[~fits] = whole.lengths[others]
        offsets[~fits] = len(cut.ids) + _first_places(whole.lengths[others])
        return Rows(np.concatenate([cut.ids, usual]), offsets, lengths)

    def _cut(self, number: int, indices: np.ndarray) -> Rows:
        if number != self._number:
            chance = np.random.default_rng([*self._seed, number, 2])
            self._drawn = chance.integers(0, DRAWS, len(self._words), dtype=np.uint8)
            self._number = number
        counts = self._offsets[indices + 1] - self._offsets[indices]
        places = _ranges(self._offsets[indices], counts)
        chosen = self._cuts.chosen[self._words[places], self._drawn[places]]
        ids = gather(self._cuts.ids, self._cuts.offsets[chosen], self._cuts.lengths[chosen])
        total = np.concatenate([[0], np.cumsum(self._cuts.lengths[chosen], dtype=np.int64)])
        ends = np.cumsum(counts)
        lengths = total[ends] - total[ends - counts]
        # The end symbol behind each.
        ids = np.insert(ids, np.cumsum(lengths), END)
        return Rows(ids, _first_places(lengths + 1), (lengths + 1).astype(np.int32))


class _Cuts(NamedTuple):
    """Every cut that was drawn once, and `[words, DRAWS]` which of them each draw of a word is."""

    ids: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray
    chosen: np.ndarray


def _find_words(rows: Rows, starts: np.ndarray, right_to_left: bool) -> tuple[list[Word], np.ndarray, np.ndarray]:
    """The distinct words, the word at every place of the corpus, and where each row's begin, `[rows + 1]`."""
    known: dict[Word, int] = {}
    places = array.array("i")
    offsets = np.zeros(len(rows.lengths) + 1, np.int64)
    for row, (first, length) in enumerate(zip(rows.offsets, rows.lengths, strict=True)):
        ids = np.asarray(rows.ids[first : first + length - 1])
        # Read from right to left, a word ends with what it begins with.
        bounds = np.flatnonzero(starts[ids]) + right_to_left
        parts = np.split(ids, bounds[(bounds > 0) & (bounds < len(ids))]) if len(ids) else []
        places.extend(known.setdefault(tuple(part.tolist()), len(known)) for part in parts)
        offsets[row + 1] = len(places)
    return list(known), np.array(places, np.int32), offsets


def _draw_cuts(words: list[Word], cutter: Cutter, chance: random.Random, right_to_left: bool) -> _Cuts:
    order = -1 if right_to_left else 1
    cuts: dict[tuple[int, Word], int] = {}
    chosen = np.zeros((len(words), DRAWS), np.int32)
    for number, word in enumerate(words):
        drawn = cutter(word[::order], DRAWS, chance)
        chosen[number] = [cuts.setdefault((number, cut[::order]), len(cuts)) for cut in drawn]
    lengths = np.array([len(cut) for _, cut in cuts], np.int32)
    ids = np.array([number for _, cut in cuts for number in cut], np.int32)
    return _Cuts(ids, _first_places(lengths), lengths, chosen)


def _first_places(lengths: np.ndarray) -> np.ndarray:
    return np.cumsum(lengths, dtype=np.int64) - lengths


def _ranges(firsts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """first, first + 1, … of every range, one after the other."""
    return np.repeat(firsts - _first_places(counts), counts) + np.arange(counts.sum())


def gather(ids: np.ndarray, offsets: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The ids of some rows, one row after the other."""
    return np.asarray(ids[_ranges(offsets, lengths)])
