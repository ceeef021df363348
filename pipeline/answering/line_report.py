"""What is said of input lines: the first of every kind in full, all of them as a count at the end."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.answering.predictions import count_returns
from pipeline.errors import count_of
from pipeline.plain_text.cutting import split_targets
from pipeline.text.symbol_tally import SymbolTally

if TYPE_CHECKING:
    from pipeline.answering.predictions import AnswersStrings, Prediction

logger = logging.getLogger(__name__)

IN_FULL = 5
EMPTY = "the line is empty"
FAULT, NO_OUTPUT, EMPTY_OUTPUT, CUT = "fault", "no_output", "empty_output", "cut"
LIMITED, PREFIX_CUT = "limited", "prefix_cut"
# What is said of one line, and of several at the end. A fault says itself what it is.
_WORDS = {
    FAULT: ("{}; it gets no prediction", "got no prediction"),
    NO_OUTPUT: ("no output, the model's scores are no numbers", "have no output, the model's scores are no numbers"),
    EMPTY_OUTPUT: ("its answer is empty", "have empty answers"),
    CUT: ("longer than the model reads; cut", "were longer than the model reads, and cut"),
    LIMITED: (
        "its output was ended by the search's limit (see --search.length_ratio and --search.max_length)",
        "had outputs that the search's limit ended (see --search.length_ratio and --search.max_length)",
    ),
    PREFIX_CUT: ("its prefix is longer than an output can be; cut", "had a prefix longer than an output can be, cut"),
}
SOURCE, PREFIX = "source", "prefix"
_LACKS = {SOURCE: "training lacks", PREFIX: "the model cannot write, in the prefix"}


class Line(NamedTuple):
    """An input line: its number from 1, its text, why it cannot be answered, if so, and what its answer begins with."""

    number: int
    text: str
    fault: str | None = None
    prefix: str = ""


def describe_returns(sent: int, came: int, first: int) -> str:
    """What to say of answers that were sent back.

    Args:
        sent: How many.
        came: How many of them came back.
        first: How many of these as the best output of the way back.

    Example:
        >>> describe_returns(4, 3, 2)
        '3 of 4 answers come back to their source (75.0 %), 2 of them as the best output of the way back'
    """
    share = f"{100 * came / sent:.1f} %"
    hint = "" if came else "; is it a model of the other direction?"
    return (
        f"{came:,} of {count_of(sent, 'answer')} come back to their source ({share}), {first:,} of them as the best "
        f"output of the way back{hint}"
    )


class LineReport:
    """Warns of lines as they come, and at the end of how many there were, where it had not named all.

    An empty line is warned of only when another line follows: at the end of a file it is nobody's mistake.

    Args:
        predictor: Names the symbols that it lacks.
        name: Of the file, where there are several; '' leaves it out.
    """

    def __init__(self, predictor: "AnswersStrings", name: str = "") -> None:
        self.predictor, self.name = predictor, name
        self.lines = 0
        self.counts: Counter[str] = Counter()
        self.first: dict[str, int] = {}
        self.empty: list[int] = []
        self.returns = np.zeros(3, np.int64)
        self.tallies = {side: SymbolTally() for side in _LACKS}

    def add(self, lines: Sequence[Line], predictions: Sequence["Prediction | None"]) -> None:
        """Lines and their predictions; one with a fault has none."""
        rows = [prediction.source_tokens[:-1] for prediction in predictions if prediction and prediction.unknown]
        self.returns += count_returns(predictions)
        self._lacking(SOURCE, [symbol for row in rows for symbol in row])  # asked for together, then known
        for line, prediction in zip(lines, predictions, strict=True):
            self.lines += 1
            if line.fault == EMPTY:
                self.empty.append(line.number)
                continue
            for number in self.empty:
                self._warn(FAULT, number, EMPTY)
            self.empty.clear()
            if prediction is None:
                self._warn(FAULT, line.number, line.fault or "")
            else:
                self._look_at(line, prediction)

    def _look_at(self, line: Line, prediction: "Prediction") -> None:
        if not prediction.texts:
            self._warn(NO_OUTPUT, line.number)
        elif not prediction.texts[0]:
            self._warn(EMPTY_OUTPUT, line.number)
        if prediction.cut:
            self._warn(CUT, line.number)
        if prediction.limited:
            self._warn(LIMITED, line.number)
        if prediction.prefix_cut:
            self._warn(PREFIX_CUT, line.number)
        if prediction.unknown:
            self._name(SOURCE, line.number, prediction.source_tokens[:-1])
        if prediction.prefix_unknown:
            self._name(PREFIX, line.number, split_targets([line.prefix], self.predictor.text)[0])

    def close(self) -> None:
        """The end of the input."""
        for kind, number in self.counts.items():
            if number > IN_FULL:
                several = f"{_WORDS[kind][1]} (first on line {self.first[kind]})"
                of = f"{self._prefix}{number:,} of {count_of(self.lines, 'line')}"
                logger.warning("%s %s", of, several)
        for side, tally in self.tallies.items():
            if tally.items > 1:
                said = tally.sentence(self.lines, "line", ("has", "have"), _LACKS[side])
                said = f"{self._prefix}{said}"
                logger.warning("%s; first on line %d%s", said, tally.first_line, self._hint(side, tally))
        if self.returns[0]:
            logger.info("%s", describe_returns(*self.returns.tolist()))

    def told(self) -> dict[str, list[int]]:
        """How many lines there were of each kind, and the number of the first; empty ones at the end do not count."""
        found = {kind: [number, self.first[kind]] for kind, number in self.counts.items()}
        return found | {f"{side}_unknown": [tally.items, tally.first_line] for side, tally in self._met().items()}

    def _met(self) -> dict[str, SymbolTally]:
        return {side: tally for side, tally in self.tallies.items() if tally.items}

    @property
    def _prefix(self) -> str:
        return f"{self.name}: " if self.name else ""

    def _place(self, number: int) -> str:
        return f"{self.name}:{number}" if self.name else f"line {number}"

    def _warn(self, kind: str, number: int, fault: str = "") -> None:
        self.counts[kind] += 1
        self.first.setdefault(kind, number)
        if self.counts[kind] <= IN_FULL:
            logger.warning("%s: %s", self._place(number), _WORDS[kind][0].format(fault))

    def _name(self, side: str, number: int, symbols: Sequence[str]) -> None:
        """Warn of a line with symbols of which the model lacks some; the first time with the form that it knows."""
        lacking, alone, tally = set(self._lacking(side, symbols)), SymbolTally(), self.tallies[side]
        for each in (alone, tally):
            each.add([symbol for symbol in symbols if symbol in lacking], number)
        if tally.items <= IN_FULL:
            hint = self._hint(side, alone) if tally.items == 1 else ""
            logger.warning("%s: symbols that %s: %s%s", self._place(number), _LACKS[side], alone.names(), hint)

    def _lacking(self, side: str, symbols: Sequence[str]) -> list[str]:
        if not symbols:
            return []
        known = self.predictor.known
        return known.lacking_in_source(symbols) if side == SOURCE else known.lacking_in_target(symbols)

    def _hint(self, side: str, tally: SymbolTally) -> str:
        known, symbols = self.predictor.known, list(tally.symbols)
        return known.hint_at_source(symbols) if side == SOURCE else known.hint_at_target(symbols)
