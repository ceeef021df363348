"""Processes one after the other and side by side; why they fail."""

import logging
from pathlib import Path

import pytest

from pipeline.study.jobs import Job, run_jobs


def make_job(folder: Path, name: str, *arguments: str) -> Job:
    return Job(name, list(arguments), folder / f"{name}.log")


def test_failures_are_told_and_stop_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    (tmp_path / "a").write_text("x\n")
    files = [str(tmp_path / name) for name in "aaa"]
    jobs = [
        make_job(tmp_path, "wrong", "export"),
        make_job(tmp_path, "missing", "compare", *files[:2], str(tmp_path / "b")),
        make_job(tmp_path, "right", "compare", *files, "--samples", "2"),
    ]
    failures = run_jobs(jobs)
    assert list(failures) == ["wrong", "missing"]
    assert failures["missing"].reason == f"{tmp_path / 'b'}: no such file; check the path"
    assert "error: " + failures["wrong"].reason in capsys.readouterr().err  # shown as it comes
    assert "right begins (3 of 3)" in caplog.text
    assert run_jobs([]) == {}


def test_side_by_side_they_are_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    failures = run_jobs([make_job(tmp_path, name, "nothing") for name in ("one", "two")], workers=2)
    assert sorted(failures) == ["one", "two"]
    assert "nothing: no such command" in failures["one"].reason
    assert capsys.readouterr().err == ""
