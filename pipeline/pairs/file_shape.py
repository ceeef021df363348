"""One look at the start of a file of pairs or lines: its columns, and what is taken of them.

`odd_shapes` judges what is seen; `corpus.look_at` says it.
"""

import dataclasses
import functools
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pipeline.errors import count_of
from pipeline.files.bad_lines import Fault
from pipeline.files.lines import GZIP_ERRORS, open_bytes, scan_lines
from pipeline.stores.copies import is_there
from pipeline.unicode.white_space import strip

# Shares of the lines from which on a column, or a file, counts as being of a kind.
NEARLY_ALL, MOST, SOME = 0.95, 0.5, 0.1
FEW_ROWS = 20
"""What only a comparison with the other lines can tell needs so many of them."""
LOOK_LINES, LOOK_CHARACTERS = 1000, 1 << 20
_SHOWN = 30


def is_csv(path: str | os.PathLike[str]) -> bool:
    """Whether a file is read as CSV: named so, and without a TAB on its first line, which it may have all the same."""
    name = os.fspath(path).lower()
    if not name.endswith((".csv", ".csv.gz")) or not is_there(path):
        return False
    try:
        with open_bytes(path) as handle:
            return b"\t" not in handle.readline(LOOK_CHARACTERS)
    except (OSError, *GZIP_ERRORS):
        return False  # said where it is read


class Row(NamedTuple):
    """A line as columns without white space around them; columns that are empty at the end of the line do not count."""

    line: int
    cells: list[str]
    text: str
    """The line as it stands there."""


@dataclasses.dataclass(frozen=True)
class Shape:
    """What the start of a file looks like.

    Args:
        path: The file; of two aligned files both, with a comma between them.
        rows: Its first lines, without blank ones and those that cannot be used. Of aligned files they have two columns.
        faults: The lines among them that cannot be used.
        seen: How many lines were looked at, these and blank ones.
        is_whole: Whether the file ends there.
        is_aligned: Whether it is that of two aligned files.
        taken: What `describe_taken` says of a table whose columns were found otherwise, see `columns.look_at_table`.

    Example:
        >>> shape = shape_of(["cat\\tK AE T\\tNOUN"], "a.tsv")
        >>> shape.columns, shape.describe_taken()
        (3, "a.tsv: 3 columns; source is column 1 ('cat'), target column 2 ('K AE T'); column 3 ('NOUN') is left out")
    """

    path: str
    rows: list[Row]
    faults: list[Fault]
    seen: int
    is_whole: bool
    is_aligned: bool = False
    taken: str | None = None

    @functools.cached_property
    def counts(self) -> Counter[int]:
        """How many lines have so many columns."""
        return Counter(len(row.cells) for row in self.rows)

    @property
    def columns(self) -> int:
        """The most columns that a line has."""
        return max(self.counts, default=0)

    def column(self, number: int) -> list[str]:
        """The cells of a column, from 1, of the lines that have it."""
        return [row.cells[number - 1] for row in self.rows if len(row.cells) >= number]

    def extent(self) -> str:
        """The lines that were looked at, for messages: `the 12 lines`, `the first 1,000 lines`."""
        seen = count_of(self.seen, "line")
        return f"the {seen}" if self.is_whole else f"the first {seen}"

    def describe_taken(self) -> str:
        """Which columns are source and target, and which are left out."""
        if self.taken is not None:
            return self.taken
        row = next((row for row in self.rows if len(row.cells) == self.columns), None)
        if row is None or self.columns < 2:
            return f"{self.path}: no line of {self.extent()} has two columns with a TAB between them"
        source, target, *others = map(show, row.cells)
        if self.is_aligned:
            return (
                f"{self.path}: source is a line of the first ({source}), target the same line of the second ({target})"
            )
        taken = f"source is column 1 ({source}), target column 2 ({target})"
        if not others:
            return f"{self.path}: {taken}"
        number = f"{self.columns} columns"
        # An empty last column is one all the same.
        if len(self.counts) > 1 and len({row.text.count("\t") for row in self.rows}) > 1:
            most = self.counts[self.columns]
            those = f"{most:,} of {self.extent()} {'has' if most == 1 else 'have'} {self.columns}"
            number = f"{min(self.counts)} to {number} ({those}, first line {row.line})"
        return f"{self.path}: {number}; {taken}; {_describe_left(others)}"


def _describe_left(others: list[str]) -> str:
    if len(others) == 1:
        return f"column 3 ({others[0]}) is left out"
    return f"columns 3 to {len(others) + 2} ({others[0]} to {others[-1]}) are left out"


def show(text: str) -> str:
    """Text for messages, on one line, in quotes, cut where it is long."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


class Finding(NamedTuple):
    """Something odd.

    Example:
        >>> str(Finding("a.tsv", "the first line looks like a header", "tail -n +2 a.tsv > NEW", 1))
        'a.tsv:1: the first line looks like a header; tail -n +2 a.tsv > NEW'
    """

    path: str
    wrong: str
    remedy: str
    line: int | None = None

    def __str__(self) -> str:
        place = f":{self.line}" if self.line else ""
        return f"{self.path}{place}: {self.wrong}; {self.remedy}"


def share_of(cells: Sequence[str], pattern: re.Pattern[str]) -> float:
    """Which share of the cells is, as a whole, what the pattern says."""
    return sum(pattern.fullmatch(cell) is not None for cell in cells) / len(cells) if cells else 0.0


def is_nearly_all(cells: Sequence[str], pattern: re.Pattern[str]) -> bool:
    """Whether nearly all cells are what the pattern says; one may not be in any case: a header."""
    return len(cells) > 0 and share_of(cells, pattern) >= min(NEARLY_ALL, 1 - 1 / max(3, len(cells)))


def look(path: str | os.PathLike[str]) -> Shape:
    """Look at the first LOOK_LINES lines of a file, or fewer where they are long.

    Raises:
        DataError: The file cannot be read or is no UTF-8 text, see `text_file.scan_lines`.
    """
    return shape_of(scan_lines(path), str(path))


def look_at_aligned(source_path: str, target_path: str) -> Shape:
    """The same for two files of which line by line belongs together; that they are equally long is not looked at.

    Raises:
        DataError: See `look`.
    """
    sides = [look(source_path), look(target_path)]
    texts = [{row.line: row.text for row in side.rows} for side in sides]
    rows = [
        Row(line, [strip(source), strip(texts[1][line])], f"{source}\n{texts[1][line]}")
        for line, source in texts[0].items()
        if line in texts[1]
    ]
    faults = sides[0].faults + sides[1].faults
    seen, is_whole = max(side.seen for side in sides), all(side.is_whole for side in sides)
    return Shape(f"{source_path},{target_path}", rows, faults, seen, is_whole, True)


def shape_of(lines: Iterable[str | Fault], path: str) -> Shape:
    """The shape of lines that begin a file (those of a stream, say); no more than a look needs are read.

    Args:
        lines: Without their ends; a fault in the place of one that cannot be used.
        path: What messages call the file.
    """
    rows: list[Row] = []
    faults: list[Fault] = []
    number = characters = 0
    for number, line in enumerate(lines, 1):
        if number > LOOK_LINES or characters > LOOK_CHARACTERS:
            return Shape(path, rows, faults, number - 1, False)
        if isinstance(line, Fault):
            faults.append(line)
            continue
        characters += len(line)
        cells = [strip(cell) for cell in line.split("\t")]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            rows.append(Row(number, cells, line))
    return Shape(path, rows, faults, number, True)
