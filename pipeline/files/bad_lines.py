"""Lines that cannot be used: refused with file, line and remedy, or left out, counted and reported once."""

import dataclasses
import logging
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

from pipeline.errors import DataError, count_of

logger = logging.getLogger(__name__)

Item = TypeVar("Item")


class Fault(NamedTuple):
    """What is wrong with a line of a file.

    Example:
        >>> str(Fault("a.tsv", 3, "no TAB", "mend or remove the line").to_error())
        'a.tsv:3: no TAB; mend or remove the line'
    """

    path: str
    line: int
    wrong: str
    remedy: str
    is_blank: bool = False
    """Whether there is nothing on the line: forgiven at the end of a file."""

    def to_error(self, hint: str = "") -> DataError:
        """The refusal, with another way out behind it."""
        return DataError(f"{self.path}:{self.line}: {self.wrong}; {self.remedy}{hint}")


_OPTION = "data.skip_bad_lines true"


@dataclasses.dataclass
class BadLines:
    """What the latest reading left out, for each of several corpora; says so once for every file.

    Args:
        skips: Whether bad lines are left out (`data.skip_bad_lines`); else they are refused, and the option is named.
        corpus: Which of several corpora is read.
        found: How many pairs were left out and the line of the first, by corpus.
        said: The files of which it was said.
        looked: The files that were looked at, with the most columns that it was said they have.
    """

    skips: bool = True
    corpus: int = 0
    found: dict[int, tuple[int, int]] = dataclasses.field(default_factory=dict)
    said: set[str] = dataclasses.field(default_factory=set)
    looked: dict[str, int] = dataclasses.field(default_factory=dict)

    def of_corpus(self, corpus: int) -> "BadLines":
        """The same, for the reading of another corpus."""
        return dataclasses.replace(self, corpus=corpus)

    def count(self) -> int:
        """How many pairs were left out of all corpora."""
        return sum(count for count, _ in self.found.values())

    def first(self) -> tuple[int, int] | None:
        """The first one's line and corpus."""
        return next(((line, corpus) for corpus, (_, line) in sorted(self.found.items())), None)

    def record(self, pairs: int, line: int, counts: dict[str, int], first: dict[str, Fault]) -> None:
        """The end of a reading.

        Args:
            pairs: How many pairs were left out.
            line: Where the first one stands.
            counts: How many lines were bad, by file.
            first: The first one, by file.
        """
        self.found[self.corpus] = (pairs, line)
        for path, fault in first.items():
            if path not in self.said:
                self.said.add(path)
                logger.warning(
                    f"%s: %s left out ({_OPTION}), first %s:%d: %s",
                    path,
                    count_of(counts[path], "bad line"),
                    path,
                    fault.line,
                    fault.wrong,
                )


def keep_good(items: Iterable[Item | list[Fault]], bad: BadLines | None) -> Iterator[Item]:
    """What can be used of a file's lines, in order. Blank lines at its end are no faults.

    Args:
        items: A list of faults in the place of what cannot be used.
        bad: Takes what was left out, at the end of the file; None refuses it, without naming the option.

    Raises:
        DataError: Something cannot be used and shall not be left out, or nothing is left.
    """
    good, left_out = 0, _LeftOut()
    blank: list[Fault] = []
    blank_lines = 0
    for item in items:
        if isinstance(item, list) and all(fault.is_blank for fault in item):
            # Whether it may stay is known when the file goes on.
            blank, blank_lines = blank or item, blank_lines + 1
            continue
        if blank:
            left_out.add(blank, blank_lines, bad)
            blank, blank_lines = [], 0
        if isinstance(item, list):
            left_out.add(item, 1, bad)
        else:
            good += 1
            yield item
    if blank and not good:
        left_out.add(blank, blank_lines, bad)
    if bad is not None and left_out.pairs:
        if not good:
            fault = next(iter(left_out.first.values()))
            raise DataError(f"{fault.path}:{fault.line}: {fault.wrong}, and no line is good; {fault.remedy}")
        bad.record(left_out.pairs, left_out.line, left_out.counts, left_out.first)


@dataclasses.dataclass
class _LeftOut:
    pairs: int = 0
    line: int = 0
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    first: dict[str, Fault] = dataclasses.field(default_factory=dict)

    def add(self, faults: list[Fault], times: int, bad: BadLines | None) -> None:
        """Lines that go, or a refusal of the first."""
        if bad is None or not bad.skips:
            raise faults[0].to_error("" if bad is None else f"; or leave such lines out (--{_OPTION})")
        self.pairs, self.line = self.pairs + times, self.line or faults[0].line
        for fault in faults:
            self.first.setdefault(fault.path, fault)
            self.counts[fault.path] = self.counts.get(fault.path, 0) + times
