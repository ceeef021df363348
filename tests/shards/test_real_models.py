"""Shards answered by real models in real processes: the same bytes, whoever answers them, and however often killed."""

import io
from pathlib import Path

import pytest

from benchmarks.shards import PHASES, answers, kill_and_go_on, make_shards, predict
from pipeline.answering.line_stream import predict_lines
from pipeline.saved_models.opening import load
from pipeline.shards.asked import Asked
from pipeline.shards.job import Job
from pipeline.shards.predict_shards import work
from tests.shards.fake_answers import read, write
from tests.tiny_task import TinyRun, make_sources

COUNT = 5


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    make_shards(tmp_path / "in", 60, COUNT, make_sources(200))
    return tmp_path / "in"


def predicted(model: Path, lines: bytes) -> bytes:
    """What `predict` answers."""
    written: list[str] = []
    predict_lines(load(model), io.BytesIO(lines), written.append)
    return "".join(written).encode()


@pytest.mark.distributed
@pytest.mark.slow
def test_two_processes_answer_as_predict_does(tiny_run: TinyRun, inputs: Path, tmp_path: Path):
    write(inputs / "odd.txt.gz", "ab\n\n東\nß\xad\n".encode() + b"a\xff\na\tb\n" + 30 * b"a" + b"\nX\n")
    code, _, said = predict(tiny_run.path, inputs, tmp_path / "out", 2)
    assert code == 0, said
    for path in inputs.iterdir():
        found = read(tmp_path / "out" / path.name.replace(".txt", ".answers.txt"))
        assert found == predicted(tiny_run.path, read(path))
    assert "odd.txt.gz:5: not UTF-8" in said
    # A worker in this process, of other threads, too.
    work(Job(Asked(tiny_run.path), (str(inputs / "*.gz"),), tmp_path / "alone", "token"))
    assert answers(tmp_path / "alone") == answers(tmp_path / "out")


@pytest.mark.slow
@pytest.mark.distributed
def test_killed_in_every_phase_and_started_again_the_bytes_are_the_same(
    tiny_folder: Path, inputs: Path, tmp_path: Path
):
    assert predict(tiny_folder, inputs, tmp_path / "whole", 1)[0] == 0
    expected = answers(tmp_path / "whole")
    assert len(expected) == COUNT
    # Such small shards are answered before anything is noted of them.
    for number, phase in enumerate(phase for phase in PHASES if phase.where != "progress"):
        found = kill_and_go_on(tiny_folder, inputs, tmp_path / f"killed-{number}", 2, phase)
        assert found["killed"], phase
        assert found["code"] == 0, found
        assert found["bytes"] == expected, phase


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tiny_export", "tiny_folder", "tiny_ensemble"])
def test_every_kind_of_model(kind: str, inputs: Path, tmp_path: Path, request: pytest.FixtureRequest):
    model = request.getfixturevalue(kind)
    for number, asked in enumerate((Asked(model), Asked(model, Asked(model).form._replace(n_best=2, as_json=True)))):
        out = tmp_path / f"out-{number}"
        work(Job(asked, (str(inputs / "*.gz"),), out, "token"))
        assert len(answers(out)) == COUNT
    first = next(inputs.iterdir())
    assert read(tmp_path / "out-0" / first.name.replace(".txt", ".answers.txt")) == predicted(model, read(first))
