"""Pairs of source and target, streamed from anyone's files or a built-in corpus; a look at the files before."""

import logging
import os
from collections.abc import Iterator

from pipeline.errors import DataError, UsageError
from pipeline.files.bad_lines import BadLines
from pipeline.pairs.cmudict import Role
from pipeline.pairs.columns import Columns, look_at_table, turns
from pipeline.pairs.file_shape import Finding, Shape, is_csv, look, look_at_aligned
from pipeline.pairs.locations import (
    BUILT_IN,
    Location,
    TrainingLocation,
    is_built_in,
    is_pattern,
    is_prepared,
    list_corpora,
    split_location,
)
from pipeline.pairs.odd_shapes import judge_lines, judge_table
from pipeline.pairs.pair_file import Pair, read_aligned, read_table

logger = logging.getLogger(__name__)


def read_pairs(
    location: TrainingLocation, role: Role, bad: BadLines | None = None, columns: Columns | None = None
) -> Iterator[Pair]:
    """Stream the pairs of a built-in corpus, a table or two line-aligned files, in file order.

    Args:
        location: Name of a built-in corpus; else path of a table (see `read_table`); else two paths of line-aligned
            files, as a list or with a comma between them; else a pattern (`in/*.tsv`) or a folder, which stand for
            their files. Files are UTF-8; those whose names end in .gz are decompressed. Of a mapping of these to
            weights, the corpora one after the other, in the order of `list_corpora`, each once.
        role: Which split of a built-in corpus; files do not depend on it.
        bad: Takes the lines that are no pairs, which are then left out; None refuses them. Two aligned files lose the
            pair of a line that is bad in one of them. Blank lines at the end of a file are none.
        columns: Which columns of tables are taken, see `data.columns`. A built-in corpus has a column for each side, in
            their order: it is turned round where the number of the source is the larger one.

    Raises:
        UsageError: A list that does not hold two paths.
        DataError: A file that cannot be read, no good line, or a line that is not a pair and not left out; found when
            its turn comes. Damaged gzip and aligned files of different length are refused in any case: nobody knows
            what they lack.
    """
    corpora = [corpus for corpus, _ in list_corpora(location)]
    if isinstance(location, dict) or corpora != [location]:
        return _read_corpora(corpora, role, bad, columns)
    if isinstance(location, str) and location in BUILT_IN:
        pairs = BUILT_IN[location](role, bad)
        return (pair._replace(source=pair.target, target=pair.source) for pair in pairs) if turns(columns) else pairs
    if isinstance(location, str) and location.startswith("{") and not os.path.lexists(location):
        raise UsageError(
            f"data: {location} is no file, and no mapping of places to weights; write {{a.tsv: 0.5, b.tsv: 2}}, with a "
            "space after each colon, numbers as weights, and in quotes what has a comma or a colon in it"
        )
    if is_prepared(location):
        raise UsageError(
            f"{location}: is a prepared corpus, which holds no text: it is data.train of trainings, alone and without "
            "a weight; give the files that it was made of"
        )
    if is_pattern(location):
        raise DataError(f"{location}: no file matches; check the pattern, and put it in quotes on a command line")
    paths = split_location(location)
    if len(paths) == 2:
        return read_aligned(paths[0], paths[1], bad)
    if paths[0].isidentifier() and not os.path.lexists(paths[0]):
        names = ", ".join(BUILT_IN)
        raise DataError(f"{paths[0]}: no such file, and no built-in corpus of that name ({names}); check the path")
    return read_table(paths[0], bad, columns)


def _read_corpora(
    locations: list[Location], role: Role, bad: BadLines | None, columns: Columns | None
) -> Iterator[Pair]:
    for index, location in enumerate(locations):
        for pair in read_pairs(location, role, bad and bad.of_corpus(index), columns):
            yield pair._replace(corpus=index)


def look_at(location: TrainingLocation, looked: dict[str, int] | None = None, columns: Columns | None = None) -> None:
    """Look at the start of every file that a location stands for, and say which columns are taken and what is odd.

    Args:
        location: See `read_pairs`; built-in corpora need no look.
        looked: The files that were looked at, which is not done again, with the columns that were seen; takes others.
        columns: See `read_pairs`.

    Raises:
        UsageError: A list that does not hold two paths.
        DataError: A file that cannot be read, or that cannot be meant so, see `odd_shapes`; it names the command that
            mends it.
    """
    looked = {} if looked is None else looked
    for shape in look_at_start(location, columns):
        if shape.path in looked:
            continue
        looked[shape.path] = shape.columns
        findings = _judge(shape)
        if shape.columns > 1:
            logger.log(logging.WARNING if shape.columns > 2 else logging.INFO, "%s", shape.describe_taken())
        for finding in findings:
            logger.warning("%s", finding)


def check_start(location: TrainingLocation, columns: Columns | None = None) -> None:
    """Refuse what `look_at` refuses, and say nothing: for who reads the files before they are looked at.

    Raises:
        UsageError: A list that does not hold two paths.
        DataError: A file that cannot be read, or that cannot be meant so.
    """
    for shape in look_at_start(location, columns):
        _judge(shape)


def _judge(shape: Shape) -> list[Finding]:
    """What is odd about the start of a file."""
    return judge_lines(shape) if shape.is_aligned else judge_table(shape)


def look_at_start(location: TrainingLocation, columns: Columns | None = None) -> Iterator[Shape]:
    """What the start of every file looks like, but of built-in and prepared corpora; two aligned files have one shape.

    Raises:
        UsageError: A list that does not hold two paths.
        DataError: A file cannot be read.
    """
    for corpus, _ in list_corpora(location):
        if not is_built_in(corpus) and not is_prepared(corpus):
            paths = split_location(corpus)
            if len(paths) == 2:
                yield look_at_aligned(*paths)
            else:
                is_plain = columns is None and not is_csv(paths[0])
                yield look(paths[0]) if is_plain else look_at_table(paths[0], columns)
