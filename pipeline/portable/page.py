"""A page beside an ONNX model, which runs it in the browser: the project's own files, and those of onnxruntime-web."""

import json
import os
import shutil
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.settings.text import TOKENIZER_KINDS
from pipeline.unicode.exported_tables import export_tables

SOURCES = Path(__file__).with_name("browser")
VERSION = "1.30.0"
"""Of onnxruntime-web, with which the page is tested."""
WEB_FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
"""Its plain build: WebAssembly on the processor."""
VARIABLE = "ATTENTIF_ONNXRUNTIME_WEB"
PAGE, FRONT, TABLES = "page", "index.html", "unicode.json"


def find_onnxruntime_web(given: Path | None) -> Path:
    """The package onnxruntime-web: at the path that is given, else that of ATTENTIF_ONNXRUNTIME_WEB, else in the
    `node_modules` of the working directory or of one above it.

    Raises:
        UsageError: It is not there, or of another version.
    """
    named = given or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    here = Path.cwd()
    places = [named] if named else [above / "node_modules" / "onnxruntime-web" for above in (here, *here.parents)]
    found = next((place for place in places if (place / "package.json").is_file()), None)
    how = f"npm install onnxruntime-web@{VERSION}"
    if found is None:
        where = str(named) if named else "no node_modules here or above"
        raise UsageError(f"{where}: onnxruntime-web, which the page runs the model with, is not there; {how}")
    try:
        version = json.loads((found / "package.json").read_text(encoding="utf-8"))["version"]
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{found / 'package.json'}: damaged ({error}); {how}") from error
    if version != VERSION:
        raise UsageError(f"{found}: onnxruntime-web {version}, the page is tested with {VERSION}; {how}")
    missing = next((name for name in WEB_FILES if not (found / "dist" / name).is_file()), None)
    if missing:
        raise UsageError(f"{found / 'dist' / missing}: missing; {how}")
    return found


def require_readable(source_tokenizer: str, target_tokenizer: str) -> None:
    """Refuse symbols that no browser can cut.

    Raises:
        UsageError: They are subwords of SentencePiece.

    Example:
        >>> require_readable("char", "bpe")
        Traceback (most recent call last):
        pipeline.errors.UsageError: --page: text.target_tokenizer is bpe, which has no reader for the browser; \
leave --page out, or train with char, space or wordpiece
    """
    for side, tokenizer in (("source", source_tokenizer), ("target", target_tokenizer)):
        if TOKENIZER_KINDS[tokenizer].bytewise:
            readable = [name for name, kind in TOKENIZER_KINDS.items() if not kind.bytewise]
            raise UsageError(
                f"--page: text.{side}_tokenizer is {tokenizer}, which has no reader for the browser; "
                f"leave --page out, or train with {', '.join(readable[:-1])} or {readable[-1]}"
            )


def write_page(folder: Path, web: Path) -> None:
    """Write `index.html` and what it needs, in `page`, beside an ONNX model.

    Args:
        folder: Where the model is.
        web: The package onnxruntime-web.
    """
    page = folder / PAGE
    page.mkdir(exist_ok=True)
    for path in SOURCES.iterdir():
        shutil.copyfile(path, folder / FRONT if path.name == FRONT else page / path.name)
    for name in WEB_FILES:
        shutil.copyfile(web / "dist" / name, page / name)
    (page / TABLES).write_text(json.dumps(export_tables(), ensure_ascii=False), encoding="utf-8")
