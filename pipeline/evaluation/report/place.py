"""Where a report goes: what may be replaced, and that no half of one is ever found there."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.files.durable import is_unused, require_local, write_durably
from pipeline.files.workplaces import replace_directory
from pipeline.runs.ownership import require_free
from pipeline.version import __version__

INFO, FORMAT, KIND = "report.json", 1, "error report"
_WORKPLACE = "unfinished-report-"
_NAMED = 3


def require_report_place(directory: Path) -> Path:
    """The absolute path of a directory that a report may go to: a new one, an empty one, or that of an earlier report.

    Raises:
        UsageError: It holds something else, which would be lost; or it cannot be made.
    """
    require_local(directory)
    place = directory.resolve()
    above = next(parent for parent in place.parents if os.path.lexists(parent))
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        wrong = "cannot be written to" if above.is_dir() else "is no directory"
        raise UsageError(f"{place}: {above} {wrong}; choose another --report")
    known = _files_of(place)
    require_free(place, "report", bool(known) or is_unused(place), "choose another --report or empty it")
    others = sorted({path.name for path in place.iterdir()} - known) if known else []
    if others:
        named = ", ".join([*others[:_NAMED], *(["…"] if len(others) > _NAMED else [])])
        raise UsageError(
            f"{place}: holds {named} beside an earlier report, which is replaced as a whole; move that elsewhere, or "
            "choose another --report"
        )
    return place


def _files_of(place: Path) -> set[str]:
    """What an earlier report wrote, if one is there."""
    try:
        info = json.loads((place / INFO).read_text(encoding="utf-8"))
        return {INFO, *map(str, info["files"])} if info["kind"] == KIND else set()
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def write_report(place: Path, files: Mapping[str, str], described: Mapping[str, Any]) -> None:
    """Write a report to its place, whole or not at all.

    Args:
        place: From `require_report_place`.
        files: Their content by name.
        described: What else `report.json` says.

    Raises:
        OSError: It cannot be written; what was there before is as it was.
    """
    head = {"kind": KIND, "format": FORMAT, "attentif": __version__, "files": sorted(files), **described}
    info = json.dumps(head, indent=1, ensure_ascii=False) + "\n"
    try:
        with replace_directory(place, _WORKPLACE) as unfinished:
            for name, content in {**files, INFO: info}.items():
                write_durably(unfinished / name, content.encode("utf-8", "replace"))
    except OSError as error:
        # Not the name beside it.
        raise OSError(error.errno, error.strerror, os.fspath(place)) from error
