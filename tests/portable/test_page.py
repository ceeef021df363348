"""The page beside a folder: whole, named by its checksums, nothing from elsewhere; what cannot be is refused."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.export_loaders import MAX_LENGTH, Kind, make_model
from pipeline.errors import UsageError
from pipeline.files.durable import checksum
from pipeline.portable.export import save_folder
from pipeline.portable.kinds import FolderKind
from pipeline.portable.page import SOURCES, VERSION, WEB_FILES, find_onnxruntime_web, require_readable, write_page
from pipeline.runtime.folder import read_folder
from pipeline.settings.text import TextConfiguration


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A package that has the files' names alone."""
    package = tmp_path / "node_modules" / "onnxruntime-web"
    (package / "dist").mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"version": VERSION}))
    for name in WEB_FILES:
        (package / "dist" / name).write_text(name)
    return package


def test_it_stands_beside_the_model(tmp_path: Path, web: Path):
    for _ in range(2):
        write_page(tmp_path, web)
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"index.html", "page/page.mjs", "page/onnxruntime-web.LICENSE.txt", f"page/{WEB_FILES[1]}"} <= files
    assert json.loads((tmp_path / "page" / "unicode.json").read_text(encoding="utf-8"))


def test_it_is_named_by_its_checksums(tmp_path: Path, web: Path):
    kind = Kind(search={"beam_size": 1})
    text, place = TextConfiguration(kind.tokenizer, kind.tokenizer), tmp_path / "words"
    save_folder(make_model(kind, tmp_path), text, place, FolderKind("onnx", page=True), web)
    info = json.loads((place / "attentif.json").read_text(encoding="utf-8"))
    files = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert set(info["files"]) == files - {"attentif.json"}
    assert all(checksum(place / name) == found for name, found in info["files"].items())
    assert info["page"] == {"name": "words"}
    assert read_folder(place).max_length == MAX_LENGTH


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
def test_subwords_of_sentencepiece_are_refused_by_name(tokenizer: str):
    with pytest.raises(UsageError, match=rf"text.source_tokenizer is {tokenizer}.*char, space or wordpiece"):
        require_readable(tokenizer, "char")


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


def test_the_packages_of_the_tests_are_those_of_the_page():
    packages = json.loads((Path(__file__).parents[2] / "package.json").read_text(encoding="utf-8"))
    assert packages["dependencies"]["onnxruntime-web"] == VERSION
