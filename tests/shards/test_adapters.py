"""What engines call: strings in and answers out, and shards by name."""

import logging
import os
import pickle
import sys
from pathlib import Path

import pytest

from pipeline.answering.lines.answers import AnswerForm
from pipeline.errors import DataError, UsageError
from pipeline.shards import job as job_module
from pipeline.shards.adapters import Answers, ShardAnswers, ask, make_job, shards_left
from pipeline.shards.asked import Asked
from pipeline.shards.job import Job
from tests.shards.fake_answers import IDENTITY, Capitals, read, write


@pytest.fixture(autouse=True)
def fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "require_model", lambda model: None)
    monkeypatch.setattr(Asked, "open", lambda asked: Capitals())
    monkeypatch.setattr(Asked, "identity", lambda asked: IDENTITY)


def test_strings_in_answers_out(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    answers = Answers(ask(tmp_path, AnswerForm(n_best=2)))
    with caplog.at_level(logging.WARNING):
        given = ["ab", b"cd\n", "", "\ud800", "é"]
        assert answers(given, first=7, name="x.txt") == [
            "AB\tba",
            "CD\tdc",
            "",
            "",
            "É\té",
        ]
    assert [message.split(": ")[0] for message in caplog.messages] == ["x.txt:9", "x.txt:10"]
    assert answers([]) == []


def test_tensorflow_gets_one_thread_where_it_is_not_there_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "8")
    Answers(ask(tmp_path))
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == os.environ["TF_NUM_INTEROP_THREADS"] == "1"


def test_places_count_from_where_the_job_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    job = make_job(ask("runs/a,runs/b", lexicon="l.tsv"), ["in/*"], "out")
    assert job.asked.model == Path(f"{tmp_path}/runs/a,{tmp_path}/runs/b")
    assert (job.asked.lexicon, job.patterns, job.out) == (tmp_path / "l.tsv", (f"{tmp_path}/in/*",), tmp_path / "out")


def made(folder: Path) -> Job:
    """A job that has come to another process."""
    job: Job = pickle.loads(pickle.dumps(make_job(ask(folder / "model"), [str(folder / "in" / "*")], folder / "out")))
    return job


def test_shards_are_answered_by_name_and_what_is_done_stays(tmp_path: Path):
    for name in ("a.txt.gz", "b.txt"):
        write(tmp_path / "in" / name, b"one\n\n")
    job = made(tmp_path)
    begun = job.begin()
    assert sorted(shards_left(begun)) == ["a.answers.txt.gz", "b.answers.txt"]
    answer = ShardAnswers(job)
    assert answer("a.answers.txt.gz") == ""
    assert shards_left(made(tmp_path).begin()) == ["b.answers.txt"]
    with pytest.raises(DataError, match=r"1 of 2 shards got no answers.*b\.txt: not answered"):
        begun.end()
    other = ShardAnswers(job)
    assert [other(name) for name in ("b.answers.txt", "a.answers.txt.gz")] == ["", ""]
    assert other._worker.predictor.asked == [["one"]]
    assert begun.end()["lines"] == 4
    assert read(tmp_path / "out" / "b.answers.txt") == b"ONE\n\n"


def test_what_cannot_be_answered_is_told(tmp_path: Path):
    path = write(tmp_path / "in" / "a.txt.gz", b"one\n" * 99)
    path.write_bytes(path.read_bytes()[:-3])
    job = made(tmp_path)
    assert "truncated or corrupt gzip data" in ShardAnswers(job)("a.answers.txt.gz")
    with pytest.raises(UsageError, match=r"x\.txt: no shard of this job"):
        ShardAnswers(job)("x.txt")
