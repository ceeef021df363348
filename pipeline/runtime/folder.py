"""A folder as it lies there: read without trust, and compared with its checksums.

What is damaged is found. Who made the folder is not: a stranger's model answers as the stranger wants. Nothing of a
folder is executed here but the model, by an engine that only computes.
"""

import dataclasses
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import DataError, UsageError
from pipeline.files.durable import checksum
from pipeline.plain_text.processor import PlainVocabulary
from pipeline.runtime.engines import ENGINES, Engine
from pipeline.runtime.fixed_settings import read_section
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.text.symbols import SPECIAL_SYMBOLS

INFO, VOCABULARY, RUNTIME = "attentif.json", "vocabulary.json", "attentif_runtime.py"
FORMAT = 3
SOURCE_PIECES, TARGET_PIECES = "source.model", "target.model"
# The info has the dictionary, which may be a large one.
LARGEST_JSON = 1 << 27
MOST_SYMBOLS = 1 << 24


class Folder(NamedTuple):
    """What must be known of a folder to use it."""

    path: Path
    kind: str
    """A row of `ENGINES`."""
    search: dict[str, Any]
    """All settings of the search, by key."""
    text: TextConfiguration
    """How strings become symbols."""
    n_best: int
    """Outputs per input."""
    max_length: int
    """Longest source in symbols, end symbol not counted."""
    max_target_length: int
    """Longest prefix."""
    output_form: str | None
    """The normal form of outputs, where it is not that of the symbols."""
    dictionary: Mapping[str, str] | None
    """What is shown for a source symbol in the place of an unknown output symbol."""
    source: PlainVocabulary
    """The sources' symbols."""
    target: PlainVocabulary
    """The targets'."""
    copies: bool = False
    """Whether the model copies symbols of the source."""

    def open_engine(self, threads: int = 1) -> Engine:
        """What runs the model.

        Args:
            threads: Of one run.

        Raises:
            UsageError: The package that it needs is not installed.
            DataError: The model cannot be run.
        """
        kind = ENGINES[self.kind]
        return kind.open(self.path / kind.file, threads)


def is_folder(path: Path) -> bool:
    """Whether there is a folder, be it damaged: no run, no SavedModel."""
    names = [RUNTIME, *(kind.file for kind in ENGINES.values())]
    return (path / INFO).is_file() and any((path / name).is_file() for name in names)


def how_to_export_folder(path: Path, kind: str = "litert|onnx") -> str:
    """What makes a folder anew, for messages."""
    return f"export it again: python -m pipeline export RUN {shlex.quote(str(path))} --format {kind}"


def read_folder(path: Path) -> Folder:
    """Read a folder's files but for the model, and compare the checksums of all that are used.

    Raises:
        UsageError: It is no folder, or of another version.
        DataError: A file is missing, altered or not what it should be.
    """
    if not (path / INFO).is_file():
        wrong = "is no export" if path.exists() else "no such folder"
        raise UsageError(f"{path}: {wrong}; give what `export --format litert` or `--format onnx` wrote")
    info = _read_info(path)
    try:
        return _check(path, info)
    # Nested too deeply, JSON is a RecursionError.
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path / INFO}: damaged ({error}); {how_to_export_folder(path)}") from error


def _read_info(path: Path) -> dict[str, Any]:
    try:
        info = json.loads(_read_bounded(path / INFO))
        if not isinstance(info, dict):
            raise ValueError("no object")
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path / INFO}: damaged ({error}); {how_to_export_folder(path)}") from error
    if info.get("format") != FORMAT:
        by = f"exported by Attentif {info.get('attentif')}" if isinstance(info.get("attentif"), str) else "an export"
        raise UsageError(f"{path}: {by} in another format; {how_to_export_folder(path)}")
    if "kind" not in info:
        raise UsageError(
            f"{path}: a SavedModel, which needs TensorFlow: python -m pipeline predict {shlex.quote(str(path))}"
        )
    if info["kind"] not in list(ENGINES):
        known = " or ".join(ENGINES)
        raise UsageError(
            f"{path}: a folder of kind {info['kind']!r}, this version knows {known}; take the version that exported it"
        )
    return info


def _read_bounded(path: Path) -> bytes:
    with open(path, "rb") as file:
        content = file.read(LARGEST_JSON + 1)
    if len(content) > LARGEST_JSON:
        raise ValueError(f"more than {LARGEST_JSON:,} bytes")
    return content


def _check(path: Path, info: dict[str, Any]) -> Folder:
    """The parts that are used, or an error for what they cannot be."""
    search, text = read_section(SearchConfiguration, info["search"]), read_section(TextConfiguration, info["text"])
    numbers = {name: _number(info, name) for name in ("n_best", "max_length", "max_target_length")}
    form = info["output_form"]
    if form not in (None, "nfc", "nfd"):
        raise ValueError(f"output_form is {form!r}")
    if info["model"]["file"] != ENGINES[info["kind"]].file:
        raise ValueError(f"the model's file is {info['model']['file']!r}")
    files = info["files"]
    if not isinstance(files, dict):
        raise ValueError("files are no object")
    _require_unchanged(path / ENGINES[info["kind"]].file, files)
    symbols = _read_vocabulary(path, files)
    pieces = [
        _read_pieces(path / name, files) if kind.bytewise else None
        for name, kind in ((SOURCE_PIECES, text.source), (TARGET_PIECES, text.target))
    ]
    source, target = (PlainVocabulary(*side) for side in zip(symbols, pieces, strict=True))
    settings = dataclasses.asdict(search)
    return Folder(
        path,
        info["kind"],
        settings,
        text,
        **numbers,
        output_form=form,
        # Folders of earlier versions copy nothing.
        copies=info.get("copies") is True,
        source=source,
        target=target,
        dictionary=_check_dictionary(info["dictionary"]),
    )


def _number(info: dict[str, Any], name: str) -> int:
    value = info[name]
    if type(value) is not int or not 1 <= value < 2**31:
        raise ValueError(f"{name} is {value!r}")
    return value


def _check_dictionary(found: Any) -> dict[str, str] | None:
    if found is None:
        return None
    if not isinstance(found, dict):
        raise ValueError("dictionary is no object")
    for symbols in found.items():
        _require_symbols(symbols)
    return found


def _require_symbols(symbols: Any) -> None:
    """Strings that can be encoded: JSON may hold half a surrogate pair."""
    for symbol in symbols:
        if not isinstance(symbol, str):
            raise ValueError(f"{symbol!r} is no symbol")
        symbol.encode()


def _require_unchanged(path: Path, files: Mapping[str, str]) -> None:
    """Compare a file with its checksum.

    Raises:
        DataError: It is missing or altered.
    """
    try:
        wrong = "not as it was exported, its SHA-256 is another"
        if path.exists() and not path.is_file():
            wrong = "is no file"  # a pipe would never end
        elif files.get(path.name) == checksum(path):
            return
    except OSError as error:
        wrong = f"cannot be read ({error.strerror})"
    raise DataError(f"{path}: damaged ({wrong}); {how_to_export_folder(path.parent)}")


def _read_pieces(path: Path, files: Mapping[str, str]) -> bytes:
    _require_unchanged(path, files)
    return _read_bounded(path)


def _read_vocabulary(path: Path, files: Mapping[str, str]) -> list[list[str]]:
    _require_unchanged(path / VOCABULARY, files)
    found = json.loads(_read_bounded(path / VOCABULARY))
    sides = [found["source"], found["target"]]
    for symbols in sides:
        if not isinstance(symbols, list) or len(symbols) > MOST_SYMBOLS:
            raise ValueError(f"{VOCABULARY} holds no lists of symbols")
        _require_symbols(symbols)
        own = symbols[len(SPECIAL_SYMBOLS) :]
        if tuple(symbols[: len(SPECIAL_SYMBOLS)]) != SPECIAL_SYMBOLS or "" in own or len(set(own)) != len(own):
            raise ValueError(f"{VOCABULARY} holds other symbols than an export's")
    return sides
