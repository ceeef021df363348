"""Workers: all shards done once, by whoever lives."""

import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.shards import worker
from pipeline.shards.claims import Claims
from pipeline.shards.worker import Worker, read_failure
from tests.shards.fake_answers import Capitals, asked, begin, read, write


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "WAIT_SECONDS", 0.01)


def make(folder: Path, token: str = "mine", **options: Any) -> Worker:
    place, _ = begin(folder)
    return Worker(asked(folder), Capitals(), place, token, **options)


def test_two_workers_share_the_shards(tmp_path: Path):
    for number in range(20):
        write(tmp_path / "in" / f"{number}.txt", f"a{number}\n".encode())
    _, shards = begin(tmp_path)
    workers = [make(tmp_path), make(tmp_path)]
    threads = [threading.Thread(target=one.work, args=[shards]) for one in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asked_for = [source for one in workers for sources in one.predictor.asked for source in sources]
    assert sorted(asked_for) == sorted(f"a{number}" for number in range(20))  # none twice
    for number in range(20):
        assert read(tmp_path / "out" / f"{number}.answers.txt") == f"A{number}\n".encode()


def test_a_worker_waits_for_what_another_is_at_and_takes_it_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "in" / "a.txt", b"one\n")
    place, shards = begin(tmp_path)
    waits: list[float] = []
    with Claims(place).take(shards[0]):
        monkeypatch.setattr(worker.time, "sleep", waits.append)
        make(tmp_path, claims=Claims(place, stale_seconds=0.0)).work(shards)
    assert len(waits) == 1
    assert read(tmp_path / "out" / "a.answers.txt") == b"ONE\n"


def test_what_is_done_while_one_waits_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "in" / "a.txt", b"one\n")
    place, shards = begin(tmp_path)
    waiting, other = make(tmp_path), make(tmp_path)
    with Claims(place).take(shards[0]) as claim:
        assert claim
        monkeypatch.setattr(worker.time, "sleep", lambda seconds: other._settle(shards[0]))
        other.claims.take = lambda shard: _as_it_is(claim)
        waiting.work(shards)
    assert (len(waiting.predictor.asked), len(other.predictor.asked)) == (0, 1)


class _as_it_is:
    def __init__(self, claim: Any) -> None:
        self.claim = claim

    def __enter__(self) -> Any:
        return self.claim

    def __exit__(self, *_: object) -> None:
        pass


def test_a_bad_shard_is_told_and_the_others_are_done(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    write(tmp_path / "in" / "a.txt", b"one\n")
    bad = write(tmp_path / "in" / "b.txt.gz", b"two\n" * 30)
    bad.write_bytes(bad.read_bytes()[:-4])
    place, shards = begin(tmp_path)
    with caplog.at_level(logging.WARNING):
        make(tmp_path).work(shards)
        make(tmp_path).work(shards)  # of the same command: tried once
    assert len(caplog.messages) == 1
    failed = next(shard for shard in shards if shard.path == bad)
    assert "b.txt.gz:" in str(read_failure(place, failed, "mine"))
    assert read(tmp_path / "out" / "a.answers.txt") == b"ONE\n"
    # The next command tries again.
    write(bad, b"two\n")
    _, shards = begin(tmp_path)
    make(tmp_path, "next").work(shards)
    assert read(tmp_path / "out" / "b.answers.txt.gz") == b"TWO\n"
