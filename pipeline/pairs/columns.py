"""Tables whose columns are chosen, by number or by the names of a header, and CSV."""

import csv
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pipeline.errors import DataError
from pipeline.files.bad_lines import Fault
from pipeline.files.lines import scan_lines
from pipeline.pairs.file_shape import LOOK_LINES, Row, Shape, is_csv, show
from pipeline.pairs.odd_pairs import find_header
from pipeline.settings.data import FEATURES
from pipeline.unicode.white_space import strip

Columns = Mapping[str, int | str]
"""What `data.columns` is: "source", "target" and "features" to numbers from 1, or to names."""
BY_DEFAULT: Columns = {"source": 1, "target": 2}
_MEND = "mend or remove the line"


class Record(NamedTuple):
    """A line of a table."""

    line: int
    cells: list[str]
    """Without white space around them; columns that are empty at the end of the line do not count."""
    fault: Fault | None = None
    """What is wrong with it, then it has no cells."""


class Table(NamedTuple):
    """A table, and which of its columns are taken."""

    path: str
    header: list[str] | None
    """The names of the columns, which are no pair; None where the first line is one."""
    places: dict[str, int]
    """What is taken, to the column from 0."""
    records: Iterator[Record]
    """All below the header."""


def turns(columns: Columns | None) -> bool:
    """Whether targets stand before sources, by the numbers of their columns.

    Example:
        >>> turns({"source": 2, "target": 1}), turns({"source": "a", "target": "b"}), turns(None)
        (True, False, False)
    """
    source, target = (columns or BY_DEFAULT)["source"], (columns or BY_DEFAULT)["target"]
    return isinstance(source, int) and isinstance(target, int) and source > target


def open_table(path: str, columns: Columns | None) -> Table:
    """Find the columns of a file; its start is read for it.

    Args:
        path: The file.
        columns: What `data.columns` says; None for the first two.

    Raises:
        DataError: The file cannot be read, or has no column of such a name.
    """
    chosen = BY_DEFAULT if columns is None else columns
    records = _scan_csv(path) if is_csv(path) else _scan_tsv(path)
    start = list(itertools.islice(records, LOOK_LINES))
    first = next((record for record in start if record.cells), None)
    if first and any(isinstance(column, str) for column in chosen.values()):
        is_header, places = True, _find_names(path, first, chosen)
    else:
        places = {name: int(column) - 1 for name, column in chosen.items()}
        is_header = _looks_like_names(path, start, places)
    if is_header and first:
        start.remove(first)
    return Table(path, first.cells if is_header and first else None, places, itertools.chain(start, records))


def take(record: Record, places: Mapping[str, int], path: str) -> dict[str, str] | list[Fault]:
    """What is wanted of a line, by its name, or what is wrong with it."""
    if record.fault:
        return [record.fault]
    taken: dict[str, str] = {}
    faults: list[Fault] = []
    for name, place in places.items():
        taken[name] = record.cells[place] if place < len(record.cells) else ""
        if not taken[name] and name != FEATURES:
            number = f"the line has {len(record.cells)} columns, and {name} is column {place + 1} (--data.columns)"
            wrong = f"empty {name}" if place < len(record.cells) else f"empty {name}: {number}"
            faults.append(Fault(path, record.line, wrong, "fill it in or remove the line"))
        elif "\t" in taken[name]:
            faults.append(Fault(path, record.line, f"a TAB within the {name}", _MEND))
    return faults or taken


def look_at_table(path: str, columns: Columns | None) -> Shape:
    """What the start of a table looks like: of chosen columns these alone, so that they are judged as they are read.

    Raises:
        DataError: See `open_table`.
    """
    table = open_table(path, columns)
    start = list(itertools.islice(table.records, LOOK_LINES + 1))
    kept = start[:LOOK_LINES]
    faults = [record.fault for record in kept if record.fault]
    good = [record for record in kept if record.cells]
    # Features are no text, and nothing is looked for in them.
    chosen = [place for name, place in table.places.items() if name != FEATURES]
    rows = [_row(record, None if columns is None else chosen) for record in good]
    seen = kept[-1].line if kept else 0
    return Shape(path, rows, faults, seen, len(start) == len(kept), taken=_describe(table, good))


def _row(record: Record, places: Sequence[int] | None) -> Row:
    cells = record.cells if places is None else [record.cells[place] for place in places if place < len(record.cells)]
    return Row(record.line, list(cells), "\t".join(cells))


def _describe(table: Table, records: Sequence[Record]) -> str:
    """What is taken, what is left out, and whether there is a header."""
    longest = max(records, key=lambda record: len(record.cells), default=Record(0, []))
    sides = []
    for name, place in table.places.items():
        called = f" {show(table.header[place])}" if table.header and place < len(table.header) else ""
        example = f" ({show(longest.cells[place])})" if place < len(longest.cells) else ""
        sides.append(f"{name} is column {place + 1}{called}{example}")
    others = [place + 1 for place in range(len(longest.cells)) if place not in table.places.values()]
    left = f"; left out: column {', '.join(map(str, others))}" if others else ""
    header = "the first line is a header, and no pair; " if table.header else ""
    return f"{table.path}: {header}{', '.join(sides)}{left}"


def _looks_like_names(path: str, start: Sequence[Record], places: Mapping[str, int]) -> bool:
    pair = [places["source"], places["target"]]
    rows = [_row(record, pair) for record in start if len(record.cells) > max(pair)]
    return find_header(Shape(path, rows, [], len(start), False)) is not None


def _find_names(path: str, first: Record, columns: Columns) -> dict[str, int]:
    places = {}
    for name, column in columns.items():
        if first.cells.count(str(column)) != 1:
            wrong = "no column" if column not in first.cells else "more than one column"
            names = ", ".join(map(show, first.cells))
            raise DataError(
                f"{path}:{first.line}: {wrong} is called {column!r} (data.columns.{name}), the first line has {names}; "
                "give names that stand there, or numbers"
            )
        places[name] = first.cells.index(str(column))
    return places


def _scan_tsv(path: str) -> Iterator[Record]:
    for number, line in enumerate(scan_lines(path), 1):
        yield Record(number, [], line) if isinstance(line, Fault) else _record(path, number, line.split("\t"))


def _scan_csv(path: str) -> Iterator[Record]:
    """A record a line: RFC 4180 allows line ends within quotes, sources and targets do not."""
    for number, line in enumerate(scan_lines(path), 1):
        if isinstance(line, Fault):
            yield Record(number, [], line)
            continue
        try:
            cells = next(csv.reader([line], strict=True), [])
            if line.count('"') % 2:
                raise csv.Error("a quote is open at the end of the line")
        except csv.Error as error:
            wrong = f"no CSV ({error}): quotes within quotes are doubled, and no side has line ends"
            yield Record(number, [], Fault(path, number, wrong, _MEND))
            continue
        yield _record(path, number, cells)


def _record(path: str, number: int, cells: list[str]) -> Record:
    cells = [strip(cell) for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    if cells:
        return Record(number, cells)
    return Record(number, [], Fault(path, number, "blank line", _MEND, is_blank=True))
