"""Whose a directory is: what is refused, and what the refusal says."""

import json
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.runs.ownership import (
    checksums_of_first_run,
    read_info,
    require_format,
    require_free,
    require_same,
    whole,
)


def test_somebody_elses_directory():
    require_free(Path("place"), "study", is_free=True)
    with pytest.raises(UsageError, match=r"^place: exists and is not a study; choose another --run or empty it$"):
        require_free(Path("place"), "study", is_free=False)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "7", "{}", '{"format": 1}', '{"attentif": "1.0"}', '"text"'], ids=repr
)
def test_damaged_notes(tmp_path: Path, content: str):
    (tmp_path / "tuning.json").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=r"tuning\.json: damaged, this is not a usable tuning \("):
        read_info(tmp_path / "tuning.json", "tuning")


def test_notes_that_are_gone(tmp_path: Path):
    with pytest.raises(UsageError, match="damaged"):
        read_info(tmp_path / "run.json", "run")


def test_our_own_refusals_are_no_damage():
    with pytest.raises(UsageError, match="mine"), whole(Path("x"), "run"):
        raise UsageError("mine")


def test_another_format(tmp_path: Path):
    info = {"attentif": "0.1", "format": 1, "more": 2}
    (tmp_path / "run.json").write_text(json.dumps(info), encoding="utf-8")
    assert read_info(tmp_path / "run.json", "run") == info
    require_format(tmp_path, info, 1, "")
    with pytest.raises(UsageError, match=r": made by Attentif 0\.1; begin again$"):
        require_format(tmp_path, info, 2, "; begin again")


def test_other_settings():
    require_same(Path("place"), "another one", [])
    expected = r"^place: holds another one \(a; b\); choose another --run, or replace it with --overwrite \(but c\)$"
    with pytest.raises(UsageError, match=expected):
        require_same(Path("place"), "another one", ["a", "b"], " (but c)")


def test_checksums_of_earlier_versions(tmp_path: Path):
    assert checksums_of_first_run(tmp_path / "none") == {}
    for name in "ba":
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.json").write_text(json.dumps({"file": name}), encoding="utf-8")
    assert checksums_of_first_run(tmp_path) == {"file": "a"}
