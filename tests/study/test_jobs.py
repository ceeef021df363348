"""Processes one after the other and side by side; why they fail."""

import logging
import os
import signal
import sys
from pathlib import Path

import pytest

from pipeline.process.interruption import Interrupted
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


def test_of_several_the_lines_that_are_wanted_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    code = "import sys; print('epoch 1\\nmore\\nwarning: odd', file=sys.stderr)"
    monkeypatch.setattr("pipeline.process.children.own_command", lambda: [sys.executable, "-c", code])
    assert run_jobs([make_job(tmp_path, name) for name in ("one", "two")], workers=2, told=("epoch ", "warning:")) == {}
    for name in ("one", "two"):
        assert [line for line in caplog.messages if line.startswith(f"{name}: ")] == [
            f"{name}: epoch 1",
            f"{name}: warning: odd",
        ]


def test_an_interruption_reaches_them_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    saved = tmp_path / "saved"
    code = f"""
import signal, sys, time
def save(*_):
    open({str(saved)!r}, "a").write("x")
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
print("epoch 1", file=sys.stderr, flush=True)
time.sleep(60)
"""
    monkeypatch.setattr("pipeline.process.children.own_command", lambda: [sys.executable, "-c", code])

    def interrupt_once_they_run() -> None:
        if sum(": epoch" in line for line in caplog.messages) == 2 and not saved.exists():
            os.kill(os.getpid(), signal.SIGINT)

    jobs = [make_job(tmp_path, name) for name in ("one", "two")]
    with pytest.raises(Interrupted):
        run_jobs(jobs, workers=2, watch=interrupt_once_they_run, told=("epoch",))
    assert saved.read_text() == "xx"
