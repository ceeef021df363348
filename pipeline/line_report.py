"""What is said of input lines: the first of every kind in full, all of them as a count at the end."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pipeline.symbol_tally import SymbolTally
from pipeline.wording import count

if TYPE_CHECKING:
    from pipeline.predictor import Prediction, Predictor

logger = logging.getLogger(__name__)

IN_FULL = 5
EMPTY = "the line is empty"
FAULT, CUT, PREFIX_CUT = "fault", "cut", "prefix_cut"
# What is said of one line, and of several at the end. A fault says itself what it is.
_WORDS = {
    FAULT: ("{}; it gets no prediction", "got no prediction"),
    CUT: ("longer than the model reads; cut", "were longer than the model reads, and cut"),
    PREFIX_CUT: ("its prefix is longer than an output can be; cut", "had a prefix longer than an output can be, cut"),
}


class LineReport:
    """Warns of lines as they come, and at the end of how many there were, where it had not named all.

    An empty line is warned of only when another line follows: at the end of a file it is nobody's mistake.

    Args:
        predictor: Names the symbols that it lacks.
    """

    def __init__(self, predictor: "Predictor") -> None:
        self.predictor = predictor
        self.lines = 0
        self.counts: Counter[str] = Counter()
        self.first: dict[str, int] = {}
        self.empty: list[int] = []
        self.sources, self.prefixes = SymbolTally(), SymbolTally()

    def add_fault(self, number: int, fault: str) -> None:
        """A line that gets no prediction."""
        self.lines += 1
        if fault == EMPTY:
            self.empty.append(number)
        else:
            self._warn_of_empty()
            self._warn(FAULT, number, fault)

    def add(self, number: int, prediction: "Prediction", prefix: str = "") -> None:
        """A line that was answered."""
        self.lines += 1
        self._warn_of_empty()
        if prediction.cut:
            self._warn(CUT, number)
        if prediction.prefix_cut:
            self._warn(PREFIX_CUT, number)
        if prediction.unknown:
            symbols, known = prediction.source_tokens[:-1], self.predictor.known
            self._name(self.sources, number, symbols, known.lacking_in_source, known.hint_at_source, "training lacks")
        if prediction.prefix_unknown:
            from pipeline.pair_check import split_targets  # not before TensorFlow is there

            [symbols], known = split_targets([prefix], self.predictor.text), self.predictor.known
            lacks = "the model cannot write, in its prefix"
            self._name(self.prefixes, number, symbols, known.lacking_in_target, known.hint_at_target, lacks)

    def close(self) -> None:
        """The end of the input."""
        for kind, number in self.counts.items():
            if number > IN_FULL:
                several = f"{_WORDS[kind][1]} (first on line {self.first[kind]})"
                logger.warning("%s of %s %s", f"{number:,}", count(self.lines, "line"), several)
        for tally, lacks in ((self.sources, "training lacks"), (self.prefixes, "the model cannot write, in prefixes")):
            if tally.items > 1:
                said = tally.sentence(self.lines, "line", ("has", "have"), lacks)
                logger.warning("%s; first on line %d", said, tally.first_line)

    def _warn_of_empty(self) -> None:
        for number in self.empty:
            self._warn(FAULT, number, EMPTY)
        self.empty.clear()

    def _warn(self, kind: str, number: int, fault: str = "") -> None:
        self.counts[kind] += 1
        self.first.setdefault(kind, number)
        if self.counts[kind] <= IN_FULL:
            logger.warning("line %d: %s", number, _WORDS[kind][0].format(fault))

    def _name(
        self,
        tally: SymbolTally,
        number: int,
        symbols: Sequence[str],
        lacking: Callable[[Sequence[str]], list[str]],
        hint: Callable[[Sequence[str]], str],
        lacks: str,
    ) -> None:
        """Warn of a line with symbols of which the model lacks some; the first time with the form that it knows."""
        unknown = set(lacking(symbols))
        alone = SymbolTally()
        for each in (alone, tally):
            each.add([symbol for symbol in symbols if symbol in unknown], number)
        if tally.items <= IN_FULL:
            hinted = hint(list(alone.symbols)) if tally.items == 1 else ""
            logger.warning("line %d: symbols that %s: %s%s", number, lacks, alone.names(), hinted)
