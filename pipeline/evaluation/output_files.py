"""Outputs as files have them: a line each, the best of several in columns, behind their sources, or JSON."""

import json
import logging
import os
from collections.abc import Sequence

from pipeline.errors import DataError
from pipeline.files.lines import read_lines
from pipeline.unicode.white_space import strip

logger = logging.getLogger(__name__)


def read_outputs(place: str | os.PathLike[str], sources: Sequence[str] | None = None) -> list[str]:
    """The outputs of a file, one for every line; what is taken of a line is said, if that is not the whole.

    Args:
        place: A file as `predict` writes it, with --n-best and --json too; or SOURCE TAB OUTPUT.
        sources: Those of the references, by which the last kind is told.

    Raises:
        DataError: It cannot be read, or its sources are not those of the references.
    """
    lines = list(read_lines(place))
    if lines[0].startswith('{"source"'):
        return _read_json(place, lines, sources)
    columns = [line.split("\t") for line in lines]
    if not all(len(row) > 1 for row, line in zip(columns, lines, strict=True) if strip(line)):
        return lines
    firsts = [strip(row[0]) for row in columns]
    if sources is not None and set(firsts) <= {*sources, ""}:
        _require_sources(place, firsts, sources)
        logger.info("%s: source TAB output: the second column is compared", place)
        return [row[1] if len(row) > 1 else "" for row in columns]
    logger.info("%s: several outputs a line: the first, which is the best, is compared", place)
    return [row[0] for row in columns]


def _read_json(place: str | os.PathLike[str], lines: list[str], sources: Sequence[str] | None) -> list[str]:
    outputs, found = [], []
    for number, line in enumerate(lines, 1):
        try:
            answer = json.loads(line)
            predictions = answer["predictions"]
            outputs.append(predictions[0]["text"] if predictions else "")
            found.append(strip(answer["source"]))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            wrong = "not an answer in JSON, as the lines before it"
            raise DataError(f"{place}:{number}: {wrong}; give what predict --json wrote") from None
    if sources is not None:
        _require_sources(place, found, sources)
    return outputs


def _require_sources(place: str | os.PathLike[str], found: list[str], sources: Sequence[str]) -> None:
    wanted = [sources, list(dict.fromkeys(sources))]
    for expected in wanted:
        if len(expected) == len(found):
            for number, (here, there) in enumerate(zip(found, expected, strict=True), 1):
                if here and here != there:
                    raise DataError(
                        f"{place}:{number}: the output of {here!r}, where the references have {there!r}; "
                        "outputs must come in the order of the references"
                    )
            return
