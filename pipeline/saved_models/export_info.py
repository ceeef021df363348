"""What stands beside an export's graph: how it was made, and the checksums of its files."""

import dataclasses
import json
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import DataError, UsageError
from pipeline.files.durable import checksum
from pipeline.runs.directory import RunDirectory
from pipeline.runtime.fixed_settings import read_section
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TextConfiguration

EXPORT_INFO = "attentif.json"
# 3: whose variables every loader of TensorFlow finds; 2: Python's alone.
FORMAT = 3
LARGEST_INFO = 1 << 20
GRAPH = "saved_model.pb"
_NEEDED = (GRAPH, "variables/variables.index")
# The names that a SavedModel has: one that leads elsewhere is none of them.
_NAME = re.compile(
    r"saved_model\.pb|fingerprint\.pb|variables/variables\.(index|data-[0-9]{5}-of-[0-9]{5})"
    # Earlier exports have none. No loader here reads it.
    r"|assets\.extra/tf_serving_warmup_requests"
)


class ExportInfo(NamedTuple):
    """How an export was made, as far as it must be known to use it."""

    search: dict[str, Any]
    """All settings of the search, by key."""
    n_best: int
    """Outputs per input."""
    text: TextConfiguration
    """How strings become symbols."""
    copies_unknown: bool
    """Whether outputs may hold symbols that the model lacks."""
    files: dict[str, str]
    """SHA-256 of every other file, by its path in the export."""


def checksums(directory: Path) -> dict[str, str]:
    """SHA-256 of every file of an export but its info file, by path."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != EXPORT_INFO)
    return {path.relative_to(directory).as_posix(): checksum(path) for path in paths}


def how_to_export(directory: Path) -> str:
    """What makes an export anew, for messages."""
    run = directory.absolute().parent
    shown = shlex.quote(str(run)) if RunDirectory(run).exists() else "RUN"
    return f"export it again: python -m pipeline export {shown} {shlex.quote(str(directory))}"


def require_whole(directory: Path, files: dict[str, str]) -> None:
    """Compare the files of an export with their checksums: that they are what was exported, not by whom.

    Raises:
        DataError: A file is missing or altered.
    """
    for name, expected in files.items():
        path = directory / name
        try:
            wrong = "not as it was exported, its SHA-256 is another"
            if path.exists() and not path.is_file():
                # A pipe would never end.
                wrong = "is no file"
            elif checksum(path) == expected:
                continue
        except OSError as error:
            wrong = f"cannot be read ({error.strerror})"
        raise DataError(f"{path}: the exported model is damaged ({wrong}); {how_to_export(directory)}")


def read_export_info(directory: Path) -> ExportInfo:
    """Read an export's info file, trusting nothing in it.

    Raises:
        UsageError: It is damaged, or of another version.
    """
    path = directory / EXPORT_INFO
    try:
        if path.stat().st_size > LARGEST_INFO:
            raise ValueError(f"more than {LARGEST_INFO:,} bytes")
        info = json.loads(path.read_text(encoding="utf-8"))
        if info["format"] != FORMAT:
            older = type(info["format"]) is int and info["format"] < FORMAT
            wrong = "whose exports only Python can load" if older else "another version"
            raise UsageError(
                f"{directory}: exported by Attentif {info['attentif']}, {wrong}; {how_to_export(directory)}"
            )
        return _check(info)
    # Nested too deeply, JSON is a RecursionError.
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise UsageError(
            f"{path}: damaged, this is not a usable export ({error}); {how_to_export(directory)}"
        ) from error


def _check(info: dict[str, Any]) -> ExportInfo:
    """The parts that are used, or a ValueError or TypeError for what they cannot be."""
    n_best, files = info["n_best"], info["files"]
    if type(n_best) is not int or n_best < 1:
        raise ValueError(f"n_best is {n_best!r}")
    if not isinstance(files, dict) or not set(_NEEDED) <= set(files):
        raise ValueError("files lack those of a SavedModel")
    for name, sha256 in files.items():
        if not _NAME.fullmatch(name) or not isinstance(sha256, str):
            raise ValueError(f"files: {name!r} is none of a SavedModel's")
    search, text = read_section(SearchConfiguration, info["search"]), read_section(TextConfiguration, info["text"])
    # Exports of earlier versions copy nothing by themselves.
    copies_unknown = search.replace_unknown or info.get("copies") is True
    return ExportInfo(dataclasses.asdict(search), n_best, text, copies_unknown, files)
