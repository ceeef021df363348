"""What a file of lines to be answered is, before any is answered: a table, or no UTF-8 text at all."""

import logging
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import DataError
from pipeline.files.first_bytes import csv_command
from pipeline.files.lines import GZIP_ERRORS, open_bytes
from pipeline.pairs.file_shape import NEARLY_ALL, Finding, Shape, is_csv, look
from pipeline.pairs.odd_files import find_document, find_returns, is_separator
from pipeline.pairs.odd_pairs import find_quotes, find_variants, find_wrong_characters
from pipeline.stores.copies import is_there

if TYPE_CHECKING:
    from pipeline.answering.predictions import AnswersStrings

logger = logging.getLogger(__name__)

# What lines alone tell, without targets beside them; whether it cannot be meant, and is refused.
_KINDS: list[tuple[Callable[[Shape], Finding | None], bool]] = [
    (find_returns, True),
    (find_document, True),
    (find_quotes, False),
    (find_variants, False),
    (find_wrong_characters, False),
]


def look_at_lines(location: str) -> Shape | None:
    """Look at the start of a file, and say what is odd; None of a pipe, of standard input and of an empty file.

    Raises:
        DataError: It is no UTF-8 text, or cannot be meant so; the message has the command that mends it.
    """
    if not is_there(location) or _is_empty(location):
        return None
    shape = look(location)
    for find, is_certain in _KINDS:
        finding = find(shape)
        if finding and is_certain:
            raise DataError(str(finding))
        if finding:
            logger.warning("%s", finding)
    return shape


def _is_empty(location: str) -> bool:
    """Whether there is nothing in a file, decompressed; what is wrong with one will be told by whoever reads it."""
    try:
        with open_bytes(location) as file:
            return not file.read(1)
    except (OSError, *GZIP_ERRORS):
        return False


def _warn_of_csv(shape: Shape, model: Path) -> None:
    texts = [row.text for row in shape.rows]
    separator = next((mark for mark in ",;" if is_separator(mark, texts)), None)
    if separator is None or not is_csv(shape.path):
        return
    command = csv_command(separator).replace('*row, sep="\\t"', "*row[:1]")
    logger.warning(
        "%s:%d: named CSV, and every line is one source here, with all its columns; this answers the "
        "first column: %s %s | %s | python -m pipeline predict %s -",
        shape.path,
        shape.rows[0].line,
        "gzip -dc" if shape.path.endswith(".gz") else "cat",
        shlex.quote(shape.path),
        command,
        shlex.quote(str(model)),
    )


def refuse_table(shape: Shape, model: Path, predictor: "AnswersStrings") -> None:
    """Refuse lines with a TAB of which the model never saw one: their other columns would be read as letters; say that
    lines have none, where features are to follow it, and that CSV is read as lines.

    Args:
        shape: Of the file.
        model: What was given as the model, for the command that mends it.
        predictor: The same, loaded.

    Raises:
        DataError: Nearly all lines have a TAB.
    """
    _warn_of_csv(shape, model)
    tables = [row for row in shape.rows if "\t" in row.text]
    if predictor.text.feature_separator is not None and shape.rows and not tables:
        logger.warning(
            "%s: no line of %s has features, which the sources of the training have: write SOURCE TAB FEATURES",
            shape.path,
            shape.extent(),
        )
    if not tables or len(tables) < NEARLY_ALL * len(shape.rows) or predictor.known.reads_tab:
        return
    file = shlex.quote(shape.path)
    columns = f"gzip -dc {file} | cut -f1" if shape.path.endswith(".gz") else f"cut -f1 {file}"
    raise DataError(
        f"{shape.path}:{tables[0].line}: holds a TAB, which no source of the training does, and so do {len(tables):,} "
        f"of {shape.extent()}: all columns would be read as one source. This answers the first: {columns} | python -m "
        f"pipeline predict {shlex.quote(str(model))} - (or, if answers shall begin with the second: --prefixes)"
    )
