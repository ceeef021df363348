"""The page beside a folder: whole, named by its checksums, nothing from elsewhere; what cannot be is refused."""

import json
import re
from pathlib import Path

import pytest

from pipeline.errors import DataError, UsageError
from pipeline.files.durable import checksum
from pipeline.plain_text.processor import PlainVocabulary
from pipeline.portable.page import SOURCES, VERSION, WEB_FILES, add_page, find_onnxruntime_web
from pipeline.runtime.folder import Folder, read_folder
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.text.symbols import SPECIAL_SYMBOLS
from tests.plain_engine import write_folder


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A package that has the files' names alone."""
    package = tmp_path / "node_modules" / "onnxruntime-web"
    (package / "dist").mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"version": VERSION}))
    for name in WEB_FILES:
        (package / "dist" / name).write_text(name)
    return package


def make_folder(place: Path, kind: str = "onnx", **text: str) -> Path:
    import dataclasses

    vocabulary = PlainVocabulary([*SPECIAL_SYMBOLS, "a"])
    search = dataclasses.asdict(SearchConfiguration())
    settings = TextConfiguration(**text)  # type: ignore[arg-type]
    return write_folder(place, Folder(place, kind, search, settings, 1, 9, 9, None, None, vocabulary, vocabulary), kind)


def test_it_stands_beside_the_model(tmp_path: Path, web: Path):
    folder = make_folder(tmp_path / "words")
    add_page(folder, web)
    info = json.loads((folder / "attentif.json").read_text(encoding="utf-8"))
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(info["files"]) == files - {"attentif.json"}
    assert all(checksum(folder / name) == found for name, found in info["files"].items())
    assert info["page"] == {"name": "words"}
    assert {"index.html", "page/page.mjs", "page/onnxruntime-web.LICENSE.txt", f"page/{WEB_FILES[1]}"} <= files
    add_page(folder, web, "Names <&>")  # once more
    assert read_folder(folder).max_length == 9


def test_nothing_comes_from_elsewhere():
    front = (SOURCES / "index.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in front
    assert "unsafe-inline" not in front
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?! src=)", front)
    for path in SOURCES.iterdir():
        if path.suffix in (".mjs", ".js"):
            code = path.read_text(encoding="utf-8")
            code = re.sub(r"^\s*(//|\*|/\*).*$", "", code, flags=re.MULTILINE)
            assert not re.search(r"https?://|innerHTML|insertAdjacentHTML|\beval\b|document\.write", code), path


@pytest.mark.parametrize("tokenizer", ["bpe", "unigram"])
def test_subwords_of_sentencepiece_are_refused_by_name(tmp_path: Path, web: Path, tokenizer: str):
    folder = make_folder(tmp_path / "folder", source_tokenizer=tokenizer)
    with pytest.raises(UsageError, match=rf"text.source_tokenizer is {tokenizer}.*char, space or wordpiece"):
        add_page(folder, web)
    assert not (folder / "index.html").exists()


def test_what_runs_the_model_is_looked_for(tmp_path: Path, web: Path, monkeypatch: pytest.MonkeyPatch):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_onnxruntime_web(None) == web
    monkeypatch.setenv("ATTENTIF_ONNXRUNTIME_WEB", str(tmp_path / "none"))
    with pytest.raises(UsageError, match=f"npm install onnxruntime-web@{VERSION}"):
        find_onnxruntime_web(None)
    assert find_onnxruntime_web(web) == web
    (web / "dist" / WEB_FILES[0]).unlink()
    with pytest.raises(UsageError, match=f"{WEB_FILES[0]}: missing"):
        find_onnxruntime_web(web)
    (web / "package.json").write_text('{"version": "1.2.3"}')
    with pytest.raises(UsageError, match=r"1\.2\.3"):
        find_onnxruntime_web(web)
    (web / "package.json").write_text("[")
    with pytest.raises(UsageError, match="damaged"):
        find_onnxruntime_web(web)


def test_other_folders_are_refused(tmp_path: Path, web: Path):
    with pytest.raises(UsageError, match="--format onnx"):
        add_page(make_folder(tmp_path / "litert", "litert"), web)
    folder = make_folder(tmp_path / "damaged")
    (folder / "attentif.json").write_text("{}")
    with pytest.raises(DataError, match="damaged"):
        add_page(folder, web)


def test_the_packages_of_the_tests_are_those_of_the_page():
    packages = json.loads((Path(__file__).parents[2] / "package.json").read_text(encoding="utf-8"))
    assert packages["dependencies"]["onnxruntime-web"] == VERSION
