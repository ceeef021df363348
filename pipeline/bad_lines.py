"""Lines that cannot be used: refused with file, line and remedy, or left out, counted and reported once."""

import dataclasses
import logging
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

from pipeline.errors import DataError

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

    def to_error(self) -> DataError:
        """The refusal."""
        return DataError(f"{self.path}:{self.line}: {self.wrong}; {self.remedy}")


@dataclasses.dataclass
class BadLines:
    """What the latest reading left out, for each of several corpora; says so once for every file.

    Args:
        corpus: Which of several corpora is read.
        found: How many pairs were left out and the line of the first, by corpus.
        said: The files of which it was said.
    """

    corpus: int = 0
    found: dict[int, tuple[int, int]] = dataclasses.field(default_factory=dict)
    said: set[str] = dataclasses.field(default_factory=set)

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
                    "%s: %d bad lines left out (data.skip_bad_lines true), first %s:%d: %s",
                    path,
                    counts[path],
                    path,
                    fault.line,
                    fault.wrong,
                )


def keep_good(items: Iterable[Item | list[Fault]], bad: BadLines | None) -> Iterator[Item]:
    """What can be used of a file's lines, in order.

    Args:
        items: A list of faults in the place of what cannot be used.
        bad: Takes what was left out, at the end of the file; None refuses it.

    Raises:
        DataError: Something cannot be used and shall not be left out, or nothing is left.
    """
    pairs = good = line = 0
    counts: dict[str, int] = {}
    first: dict[str, Fault] = {}
    for item in items:
        if not isinstance(item, list):
            good += 1
            yield item
            continue
        if bad is None:
            raise item[0].to_error()
        pairs, line = pairs + 1, line or item[0].line
        for fault in item:
            first.setdefault(fault.path, fault)
            counts[fault.path] = counts.get(fault.path, 0) + 1
    if bad is not None and pairs:
        if not good:
            fault = next(iter(first.values()))
            raise DataError(f"{fault.path}:{fault.line}: {fault.wrong}, and no line is good; {fault.remedy}")
        bad.record(pairs, line, counts, first)
