"""One training at a time, and nothing that stays locked."""

import errno
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.runs.directory import RunDirectory
from pipeline.runs.lock import lock_run
from pipeline.settings.configuration import Configuration
from pipeline.study.directory import StudyDirectory
from pipeline.tuning.directory import TuningDirectory

HOLD = """
import sys, time
from pathlib import Path
from pipeline.runs.directory import RunDirectory
from pipeline.runs.lock import lock_run
with lock_run(RunDirectory(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


def hold(path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"held\n"
    return process


def test_the_second_is_refused_and_a_dead_one_is_no_first(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    directory = RunDirectory(tmp_path / "run")
    directory.begin(Configuration())
    with lock_run(directory):
        pass
    assert not directory.lock_holder.exists()
    process = hold(directory.path)
    message = rf"run: is being trained by process {process.pid} on \S+ since 20\S+ \S+; wait for it"
    with pytest.raises(UsageError, match=message), lock_run(directory):
        raise AssertionError
    process.send_signal(signal.SIGKILL)
    process.wait()
    with lock_run(directory):
        assert json.loads(directory.lock_holder.read_text())["process"] == os.getpid()
    assert f"process {process.pid} on " in caplog.text
    assert "ended without a word" in caplog.text


def test_two_in_one_process(tmp_path: Path):
    directory = RunDirectory(tmp_path / "run")
    with lock_run(directory), pytest.raises(UsageError, match=rf"process {os.getpid()} on"), lock_run(directory):
        raise AssertionError
    with lock_run(directory):
        pass


def test_nothing_is_left_where_no_run_began(tmp_path: Path):
    with lock_run(RunDirectory(tmp_path / "run")):
        pass
    assert not (tmp_path / "run").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with lock_run(RunDirectory(tmp_path / "mine")):
        pass
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    file = RunDirectory(tmp_path / "mine" / "thesis.txt")
    with pytest.raises(UsageError, match="exists and is not a run"), lock_run(file):
        raise AssertionError


def test_a_run_can_begin_in_a_locked_directory(tmp_path: Path):
    directory = RunDirectory(tmp_path / "run")
    with lock_run(directory):
        directory.begin(Configuration())
    assert directory.exists()


def test_a_damaged_note_of_the_first_hides_nothing(tmp_path: Path):
    directory = RunDirectory(tmp_path / "run")
    with lock_run(directory):
        for content in ("", "{", "[]", '{"process": 1}'):
            directory.lock_holder.write_text(content)
            with pytest.raises(UsageError, match="is being trained by another process"), lock_run(directory):
                raise AssertionError


@pytest.mark.parametrize("kind", ["search", "study"])
def test_a_search_or_study_has_a_lock_too(tmp_path: Path, kind: str):
    directory = TuningDirectory(tmp_path / "it") if kind == "search" else StudyDirectory(tmp_path / "it")
    with lock_run(directory, kind):
        directory.info.write_text("{}")
        with (
            pytest.raises(UsageError, match=f"it: a {kind} is being run there by process {os.getpid()} on"),
            lock_run(directory, kind),
        ):
            raise AssertionError
        # The same place is no place for a training either.
        with pytest.raises(UsageError, match="is being trained by process"), lock_run(RunDirectory(directory.path)):
            raise AssertionError


def test_a_file_stands_for_locks_that_a_file_system_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", refuse)
    directory = RunDirectory(tmp_path / "run")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with (
            lock_run(directory),
            pytest.raises(UsageError, match=r"delete .*\.lock if it has ended on another machine"),
            lock_run(directory),
        ):
            raise AssertionError
        with lock_run(directory):
            pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, number: int
):
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("pipeline.runs.lock.FileLock.acquire", refuse)
    with lock_run(RunDirectory(tmp_path / "run")):
        pass
    assert f"this file system has no locks ({os.strerror(number)})" in caplog.text
