import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DataError, UsageError
from pipeline.saved_models.export_info import EXPORT_INFO, checksums, read_export_info, require_whole


def test_checksums_by_hand(tmp_path: Path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "a").write_bytes(b"abc")
    (tmp_path / EXPORT_INFO).write_text("{}")
    # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert checksums(tmp_path) == {"variables/a": expected}
    require_whole(tmp_path, {"variables/a": expected})


def test_altered_and_missing_files_are_named(tiny_export: Path, tmp_path: Path):
    place = Path(shutil.copytree(tiny_export, tmp_path / "export"))
    files = read_export_info(place).files
    assert set(files) >= {"saved_model.pb", "fingerprint.pb", "variables/variables.index"}
    require_whole(place, files)
    changed = bytearray((place / "variables" / "variables.index").read_bytes())
    changed[10] ^= 1
    (place / "variables" / "variables.index").write_bytes(changed)
    with pytest.raises(DataError, match=r"variables\.index: the exported model is damaged \(not as it was exported"):
        require_whole(place, files)
    (place / "variables" / "variables.index").unlink()
    with pytest.raises(DataError, match=r"variables\.index: the exported model is damaged \(cannot be read"):
        require_whole(place, files)


WRONG: list[dict[str, Any]] = [
    {"n_best": 0},
    {"n_best": True},
    {"n_best": "3"},
    {"text": {"source_tokenizer": "python"}},
    {"text": {"code": "x"}},
    {"text": None},
    {"search": {"beam_size": 0}},
    {"search": []},
    {"files": {}},
    {"files": None},
    {"files": {"saved_model.pb": "", "variables/variables.index": "", "../../etc/passwd": ""}},
    {"files": {"saved_model.pb": 1, "variables/variables.index": ""}},
]


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_nothing_in_the_info_is_trusted(tiny_export: Path, tmp_path: Path, change: dict[str, Any]):
    info = json.loads((tiny_export / EXPORT_INFO).read_text(encoding="utf-8"))
    (tmp_path / EXPORT_INFO).write_text(json.dumps({**info, **change}))
    with pytest.raises(UsageError, match=r"attentif\.json: damaged, this is not a usable export"):
        read_export_info(tmp_path)


@pytest.mark.parametrize("content", ["[" * 100_000, '"format"', "\udcff", "1e999"])
def test_what_is_no_info_at_all(tmp_path: Path, content: str):
    (tmp_path / EXPORT_INFO).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UsageError, match=r"attentif\.json: damaged"):
        read_export_info(tmp_path)
