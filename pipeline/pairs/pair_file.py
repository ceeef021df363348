"""Pairs of source and target, streamed from a table or from two aligned files."""

import itertools
import logging
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.errors import DataError, count_of
from pipeline.files.bad_lines import BadLines, Fault, keep_good
from pipeline.files.first_bytes import mending
from pipeline.files.lines import scan_lines
from pipeline.pairs.columns import Columns, open_table, take
from pipeline.pairs.file_shape import LOOK_LINES, is_csv
from pipeline.settings.data import FEATURES
from pipeline.unicode.white_space import strip

logger = logging.getLogger(__name__)

_NO_PAIR = "every line must be source TAB target, so mend or remove it"


class Pair(NamedTuple):
    """A source, a target and the 1-based line they stand on; no white space around either.

    A source that has features (`data.columns`) has them behind a TAB.
    """

    source: str
    target: str
    line: int
    corpus: int = 0
    """Which of several corpora has that line, see `list_corpora`."""


def read_table(path: str, bad: BadLines | None = None, columns: Columns | None = None) -> Iterator[Pair]:
    """Stream the pairs of a TSV file: source TAB target on every line, further columns ignored; or of a CSV file.

    Args:
        path: A UTF-8 file; one whose name ends in .gz is decompressed; one named .csv has commas, see `is_csv`.
        bad: Takes the lines that are no pairs, which are then left out; None refuses them. Blank lines at the end of
            the file are none.
        columns: Which columns are taken, see `data.columns`; None: the first two.

    Raises:
        DataError: The file cannot be read or a line is not a pair (and not left out); found when its turn comes.
    """
    if columns is None and not is_csv(path):
        return keep_good(_scan_table(path, bad), bad)
    return keep_good(_scan_columns(path, columns), bad)


def read_aligned(source_path: str, target_path: str, bad: BadLines | None = None) -> Iterator[Pair]:
    """Stream the pairs of two files of which line by line belongs together.

    Args:
        source_path: A UTF-8 file as `read_table` takes it; white space within its lines is text.
        target_path: Likewise.
        bad: As in `read_table`; a pair goes with a line that is bad in one of them.

    Raises:
        DataError: As `read_table`, or the files are not equally long.
    """
    return keep_good(_scan_aligned(source_path, target_path), bad)


def _scan_table(path: str, bad: BadLines | None) -> Iterator[Pair | list[Fault]]:
    more = first_more = 0
    for number, line in enumerate(scan_lines(path), 1):
        if isinstance(line, Fault):
            yield [line]
            continue
        columns = line.split("\t", 2)
        if len(columns) < 2 or (line.isspace() and not strip(line)):
            yield [_no_pair(path, number, line)]
            continue
        if len(columns) > 2 and strip(columns[2]):
            more, first_more = more + 1, first_more or number
        source, target = _text_of(columns[0], "source", path, number), _text_of(columns[1], "target", path, number)
        yield _join_sides(source, target, number)
    looked = {} if bad is None else bad.looked
    # Without a look of its own the file was looked at by who reads it.
    if first_more and looked.get(path, 3 if first_more <= LOOK_LINES else 2) < 3:
        looked[path] = 3
        lines = count_of(more, "line")
        logger.warning("%s: %s from line %d on have more than 2 columns; they are left out", path, lines, first_more)


def _scan_columns(path: str, columns: Columns | None) -> Iterator[Pair | list[Fault]]:
    table = open_table(path, columns)
    for record in table.records:
        taken = take(record, table.places, path)
        if isinstance(taken, list):
            yield taken
        else:
            yield Pair(join_features(taken["source"], taken.get(FEATURES, "")), taken["target"], record.line)


def join_features(source: str, features: str) -> str:
    r"""A source and its features as one string, as models that have features read it.

    Example:
        >>> join_features("walk", "V;PST"), join_features("walk", "")
        ('walk\tV;PST', 'walk')
    """
    return f"{source}\t{features}" if features else source


def _no_pair(path: str, number: int, line: str) -> Fault:
    if not strip(line):
        return Fault(str(path), number, "blank line", _NO_PAIR, is_blank=True)
    for mark in (";;;", "#", "//", "%%"):
        if line.startswith(mark):
            return Fault(str(path), number, "no TAB, a comment perhaps", mending(path, f"grep -v '^{mark}'"))
    return Fault(str(path), number, "no TAB", _NO_PAIR)


def _scan_aligned(source_path: str, target_path: str) -> Iterator[Pair | list[Fault]]:
    sources, targets = scan_lines(source_path), scan_lines(target_path)
    for number, (source, target) in enumerate(itertools.zip_longest(sources, targets), 1):
        if source is None or target is None:
            longer = targets if source is None else sources
            rest, has_text = 1, _has_text(source or target)
            for line in longer:
                rest, has_text = rest + 1, has_text or _has_text(line)
            if not has_text:
                return
            counts = (number - 1, number - 1 + rest)
            raise _uneven(source_path, target_path, *(counts if source is None else counts[::-1]))
        pair = _join_sides(
            _text_of(source, "source", source_path, number), _text_of(target, "target", target_path, number), number
        )
        if isinstance(pair, list) and not _has_text(source) and not _has_text(target):
            pair = [fault._replace(is_blank=True) for fault in pair]
        yield pair


def _has_text(line: str | Fault | None) -> bool:
    return isinstance(line, Fault) or bool(line and strip(line))


def _uneven(source_path: str, target_path: str, sources: int, targets: int) -> DataError:
    return DataError(
        f"{source_path} has {count_of(sources, 'line')}, {target_path} has {count_of(targets, 'line')}; "
        "line-aligned files must have equally many, so look for the line that one of them lacks"
    )


def _text_of(text: str | Fault, side: str, path: str, number: int) -> str | Fault:
    if isinstance(text, Fault):
        return text
    # Invisible white space at the ends would make two sources of one.
    return strip(text) or Fault(str(path), number, f"empty {side}", "fill it in or remove the line")


def _join_sides(source: str | Fault, target: str | Fault, number: int) -> Pair | list[Fault]:
    if isinstance(source, str) and isinstance(target, str):
        return Pair(source, target, number)
    return [side for side in (source, target) if isinstance(side, Fault)]
