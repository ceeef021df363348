"""A folder that is none, of another version, damaged, or made by a stranger."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import AttentifError, DataError, UsageError
from pipeline.files.durable import checksum
from pipeline.runtime import folder as folders
from pipeline.runtime.folder import is_folder, read_folder
from pipeline.runtime.model import Model
from pipeline.settings.text import TextConfiguration
from tests.plain_engine import write_folder
from tests.runtime.conftest import make_folder


def change_info(folder: Path, **changes: Any) -> None:
    info = json.loads((folder / "attentif.json").read_text(encoding="utf-8"))
    kept = {name: value for name, value in {**info, **changes}.items() if value is not ...}
    (folder / "attentif.json").write_text(json.dumps(kept), encoding="utf-8")


def change_vocabulary(folder: Path, content: str) -> None:
    """With its checksum: what a stranger can do."""
    (folder / "vocabulary.json").write_text(content, encoding="utf-8")
    info = json.loads((folder / "attentif.json").read_text(encoding="utf-8"))
    change_info(folder, files={**info["files"], "vocabulary.json": checksum(folder / "vocabulary.json")})


def test_a_folder_is_read(folder: Path):
    read = read_folder(folder)
    assert is_folder(folder)
    assert read._replace(path=Path("folder")) == make_folder(TextConfiguration())
    (folder / "model.tflite").unlink()
    assert not is_folder(folder)


def test_what_is_no_folder(tmp_path: Path, tiny_export: Path):
    with pytest.raises(UsageError, match="no such folder; give what `export --format litert`"):
        read_folder(tmp_path / "none")
    with pytest.raises(UsageError, match="is no export; give what"):
        read_folder(tmp_path)
    assert not is_folder(tiny_export)
    with pytest.raises(UsageError, match="a SavedModel, which needs TensorFlow: python -m pipeline predict"):
        read_folder(tiny_export)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"format": 99, "attentif": "9.1"}, UsageError, "exported by Attentif 9.1 in another format; export it again"),
        ({"format": 2, "attentif": 3}, UsageError, "an export in another format; export it again"),
        ({"kind": "coreml"}, UsageError, "a folder of kind 'coreml', this version knows litert or onnx"),
        ({"kind": ["litert"]}, UsageError, "a folder of kind"),
        ({"n_best": "3"}, DataError, "n_best is '3'"),
        ({"n_best": True}, DataError, "n_best is True"),
        ({"max_length": 0}, DataError, "max_length is 0"),
        ({"max_target_length": 2**40}, DataError, "max_target_length is"),
        ({"output_form": "nfkc"}, DataError, "output_form is 'nfkc'"),
        ({"model": {"file": "../model.tflite"}}, DataError, r"the model's file is '\.\./model"),
        ({"model": None}, DataError, "damaged"),
        ({"search": {"beam_size": 0}}, DataError, "beam_size: 0 is impossible"),
        ({"search": {"odd": 1}}, DataError, "unexpected keyword argument 'odd'"),
        ({"text": {"source_tokenizer": "odd"}}, DataError, "damaged"),
        ({"text": {"normalization": "odd"}}, DataError, "normalization is 'odd'"),
        ({"text": {"target_normalization": "odd"}}, DataError, "target_normalization is 'odd'"),
        ({"text": {"target_tokenizer": "space", "target_separator": ["-"]}}, DataError, "one character or more"),
        ({"text": {"target_separator": "-"}}, DataError, "null where text.target_tokenizer is char"),
        ({"text": []}, DataError, "damaged"),
        ({"files": ["model.tflite"]}, DataError, "files are no object"),
        ({"files": {}}, DataError, "SHA-256 is another"),
        ({"dictionary": ["a"]}, DataError, "dictionary is no object"),
        ({"dictionary": {"a": 1}}, DataError, "1 is no symbol"),
        ({"dictionary": {"a": "\ud800"}}, DataError, "surrogates not allowed"),
        ({"dictionary": ...}, DataError, "'dictionary'"),
        ({"output_form": ...}, DataError, "'output_form'"),
        ({"text": {"source_tokenizer": "bpe"}}, DataError, r"source\.model: damaged"),
    ],
)
def test_an_info_that_cannot_be_right(folder: Path, changes: dict, error: type[AttentifError], message: str):
    change_info(folder, **changes)
    with pytest.raises(error, match=message):
        read_folder(folder)


@pytest.mark.parametrize(
    "content", ["", "[]", "3", '{"format": 3', "\x00", "[" * 100_000, '{"format": 3, "kind": "onnx"}']
)
def test_an_info_that_is_no_json(folder: Path, content: str):
    (folder / "attentif.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"attentif\.json: damaged .*export it again"):
        read_folder(folder)


def test_an_endless_info(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(folders, "LARGEST_JSON", 100)
    with pytest.raises(DataError, match="more than 100 bytes"):
        read_folder(folder)


@pytest.mark.parametrize("name", ["model.tflite", "vocabulary.json"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "not as it was exported, its SHA-256 is another"),
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "is no file"),
    ],
)
def test_a_file_that_is_another(folder: Path, name: str, damage: Callable[[Path], object], message: str):
    damage(folder / name)
    with pytest.raises(DataError, match=message):
        read_folder(folder)


SPECIALS = '"<pad>", "<s>", "</s>", "<unk>"'
OWN = ['"a", "a"', '""', "1", '"\\ud800"']


@pytest.mark.parametrize("symbols", ["", '"a"', '"<s>", "<pad>", "</s>"', *(f"{SPECIALS}, {own}" for own in OWN)])
def test_a_vocabulary_that_cannot_be_right(folder: Path, symbols: str):
    change_vocabulary(folder, f'{{"source": [{symbols}], "target": [{SPECIALS}, "a"]}}')
    with pytest.raises(DataError, match=r"attentif\.json: damaged"):
        read_folder(folder)


@pytest.mark.parametrize("content", ["[]", "{}", '{"source": "abcd", "target": "abcd"}', "["])
def test_a_vocabulary_that_is_none(folder: Path, content: str):
    change_vocabulary(folder, content)
    with pytest.raises(DataError, match="damaged"):
        read_folder(folder)


def test_special_names_may_be_symbols_of_the_data(folder: Path):
    change_vocabulary(folder, f'{{"source": [{SPECIALS}, "<s>"], "target": [{SPECIALS}, "<unk>"]}}')
    assert read_folder(folder).source.symbols[4:] == ["<s>"]


def test_nothing_of_a_folder_is_executed(folder: Path, tmp_path: Path, engine: None, monkeypatch: pytest.MonkeyPatch):
    for name in ("attentif_runtime.py", "sitecustomize.py", "numpy.py", "pipeline.py", "sentencepiece.py"):
        (folder / name).write_text("raise SystemExit('executed')\n")
    monkeypatch.chdir(folder)
    before = list(sys.path)
    assert Model(folder).predict("ab")[0].texts == ["ba", "ab"]
    assert sys.path == before


def test_a_model_that_is_none(tmp_path: Path, engine: None):
    place = write_folder(tmp_path / "folder", make_folder(TextConfiguration()))
    (place / "model.tflite").write_bytes(b"junk")
    change_info(place, files={path.name: checksum(path) for path in place.iterdir() if path.name != "attentif.json"})
    with pytest.raises(DataError, match=r"model\.tflite: no model that can be run here \(Model provided"):
        Model(place)
