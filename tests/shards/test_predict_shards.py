"""The command: workers started, watched, and what is said in the end. Workers are threads here, but for one test."""

import json
import logging
import signal
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pipeline.commands.main import how_to_go_on, main
from pipeline.errors import CircumstanceError, DataError, MemoryShortError, UsageError
from pipeline.shards import job
from pipeline.shards import predict_shards as command
from pipeline.shards.asked import Asked
from pipeline.shards.job import Job
from pipeline.shards.predict_shards import predict_shards, work
from tests.shards.fake_answers import IDENTITY, Capitals, read, write


class FakeChild:
    """A worker in a thread."""

    ends: ClassVar[list[int]] = []
    """With which exit code the next ones end, before they have done anything."""
    said = "error: it went wrong"

    def __init__(self, given: Job) -> None:
        self.code: int | None = self.ends.pop(0) if self.ends else None
        if self.code is None:
            threading.Thread(target=self._work, args=[given]).start()

    def _work(self, given: Job) -> None:
        told, patterns = given.arguments()[1], given.arguments()[3:]
        work(Job.read(told, patterns))
        self.code = 0

    def exit_code(self) -> int | None:
        return self.code

    def describe_end(self, killed: str, otherwise: str) -> str:
        return killed if self.code == -signal.SIGKILL else self.said

    def ask_to_end(self) -> None:
        pass

    def stop(self, patience: float) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for number in range(6):
        write(tmp_path / "in" / f"{number}.txt.gz", b"one\n\ntwo\n")
    monkeypatch.setattr(command, "_start", FakeChild)
    monkeypatch.setattr(command, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(job, "require_model", lambda model: None)
    monkeypatch.setattr(Asked, "open", lambda asked: Capitals())
    monkeypatch.setattr(Asked, "identity", lambda asked: {**IDENTITY, "n_best": asked.form.n_best})
    monkeypatch.setattr(FakeChild, "ends", [])
    return tmp_path


def predict(folder: Path, **options: Any) -> dict[str, Any]:
    return predict_shards(Asked(folder / "model", **options), [str(folder / "in" / "*")], folder / "out", 2)


def test_all_is_done_and_told(folder: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        figures = predict(folder)
    assert figures == {
        "shards": 6,
        "done_before": 0,
        "lines": 18,
        "unanswered": 6,
        "cut": 0,
        "limited": 0,
    }
    assert caplog.messages[0] == "6 shards, 0 of them done before; 2 workers"
    assert caplog.messages[-1] == f"6 of 18 lines got no prediction (first: {folder}/in/0.txt.gz:2)"
    assert "18 lines in 6 shards, 18 of them now, " in caplog.messages[-2]
    for number in range(6):
        assert read(folder / "out" / f"{number}.answers.txt.gz") == b"ONE\n\nTWO\n"
    assert {path.suffix for path in (folder / "out" / ".shards").iterdir()} == {".json"}


def test_a_second_time_there_is_nothing_to_do(folder: Path, caplog: pytest.LogCaptureFixture):
    predict(folder)
    (folder / "out" / "3.answers.txt.gz").unlink()
    with caplog.at_level(logging.INFO):
        assert predict(folder)["done_before"] == 5
        assert predict(folder)["done_before"] == 6
    assert "6 shards, 6 of them done before: nothing to do" in caplog.messages
    assert "1 of them done before" not in caplog.text


def test_other_settings_are_refused_before_a_worker_starts(folder: Path):
    predict(folder)
    FakeChild.ends.append(3)
    with pytest.raises(UsageError, match="n_best was 1, is now 2"):
        predict(folder, form=Asked(folder).form._replace(n_best=2))
    assert FakeChild.ends == [3]


def test_bad_shards_are_named_in_the_end(folder: Path):
    for number in (1, 4):
        path = folder / "in" / f"{number}.txt.gz"
        path.write_bytes(path.read_bytes()[:-1])
    said = r"2 of 6 shards got no answers, all others are done: .*in/\d\.txt\.gz:\d: truncated.*; .*in/\d\.txt\.gz"
    with pytest.raises(DataError, match=said):
        predict(folder)
    assert len(list((folder / "out").glob("*.gz"))) == 4


def test_what_a_killed_worker_leaves_the_others_do(folder: Path, caplog: pytest.LogCaptureFixture):
    FakeChild.ends.append(-signal.SIGKILL)
    assert predict(folder)["lines"] == 18
    assert "a worker: ended by signal SIGKILL, probably for want of memory; the others go on" in caplog.messages


@pytest.mark.parametrize(
    ("codes", "error"),
    [
        ([-9, 137], MemoryShortError),
        ([2, 2], UsageError),
        ([75, 75], CircumstanceError),
        ([1, 1], DataError),
        ([143, 143], KeyboardInterrupt),
    ],
)
def test_why_the_workers_ended(folder: Path, codes: list[int], error: type[BaseException]):
    FakeChild.ends += codes
    with pytest.raises(error):
        predict(folder)
    assert predict(folder)["lines"] == 18


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "o"], "--out: needs --shards"),
        (["--workers", "2"], "--workers: needs --shards"),
        (["--shards", "x"], "--shards: needs --out DIR"),
        (["words.txt", "--shards", "x", "--out", "o"], "--shards: words.txt is given besides"),
        (["--shards", "x", "--out", "o", "--attention", "p.html"], "--attention: impossible with --shards"),
        (["--shards", "x", "--out", "o", "--alignments", "a"], "--alignments: impossible with --shards"),
        (["--shards", "x", "--out", "o", "--round-trip", "b"], "--round-trip: impossible with --shards"),
        (["--shards", "x", "--out", "o"], "runs/none: no such run or export"),
    ],
)
def test_options_that_do_not_go_together(options: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert main(["predict", "runs/none", *options]) == 2
    assert said in capsys.readouterr().err


def test_what_an_interrupted_command_says():
    assert how_to_go_on(["predict", "m", "--shards", "x"]) == (
        "; the same command goes on with the shards that are not done"
    )
    assert how_to_go_on(["predict", "m", "x"]) == "; the same command begins again"
    assert how_to_go_on(["shards", "{}"]) == ""


def test_an_order_is_read_as_it_was_given(tmp_path: Path):
    asked = Asked(tmp_path, beam=3, search={"length_penalty": 0.5}, lexicon=tmp_path / "l")
    order = Job(asked, ("-a", "b*"), tmp_path / "out", "token")
    _, told, dashes, *patterns = order.arguments()
    assert (Job.read(told, patterns), dashes) == (order, "--")
    json.loads(told)
