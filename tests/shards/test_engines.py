"""The examples for Ray Data and Apache Beam, with the bytes of `predict --shards`."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks.shards import answers, make_shards
from pipeline.shards.adapters import Answers, ask, make_job
from pipeline.shards.asked import Asked
from pipeline.shards.job import Job
from pipeline.shards.predict_shards import work
from tests.shards.fake_answers import write
from tests.tiny_task import make_sources

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
ODD = "ab\n\n東\nß\n".encode() + b"a\xff\na\tb\n"
# In the environment of Beam.
STRINGS = """
import sys
import apache_beam as beam
from apache_beam.ml.inference.base import RunInference
from beam_shards import StringsHandler
from pipeline.shards.adapters import ask
with beam.Pipeline() as pipeline:
    found = pipeline | beam.Create(sys.argv[3:]) | RunInference(StringsHandler(ask(sys.argv[1])))
    found | beam.Map(lambda one: f"{one.example}\\t{one.inference}") | beam.io.WriteToText(sys.argv[2])
"""


@pytest.fixture
def job(tiny_folder: Path, tmp_path: Path) -> Job:
    make_shards(tmp_path / "in", 200, 6, make_sources(200))
    write(tmp_path / "in" / "odd.txt.gz", ODD)
    return make_job(ask(tiny_folder), [str(tmp_path / "in" / "*.gz")], tmp_path / "out")


@pytest.fixture
def expected(job: Job, tmp_path: Path) -> dict[str, str]:
    work(Job(Asked(job.asked.model), job.patterns, tmp_path / "alone", "token"))
    return answers(tmp_path / "alone")


def test_what_examples_need_is_pinned():
    for name, package in (("ray", r"ray\[data\]"), ("beam", "apache-beam")):
        lines = (ROOT / f"requirements-{name}.txt").read_text(encoding="utf-8").splitlines()
        assert any(re.match(rf"{package}==[\d.]+ ", line) for line in lines)
        assert f"requirements-{name}.txt" in (EXAMPLES / f"{name}_shards.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def ray_example() -> Iterator[ModuleType]:
    ray = pytest.importorskip("ray", reason="the example needs Ray: pip install -r requirements-ray.txt")
    spec = importlib.util.spec_from_file_location("ray_shards", EXAMPLES / "ray_shards.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    environment = {"env_vars": {"PYTHONPATH": str(ROOT)}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    yield module
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.distributed
def test_ray_answers_files_by_the_same_bytes(ray_example: ModuleType, job: Job, expected: dict[str, str]):
    figures = ray_example.answer_shards(job, 2)
    assert answers(job.out) == expected
    # An empty line at an end is nobody's mistake.
    assert (figures["shards"], figures["lines"], figures["unanswered"]) == (7, 206, 3)
    assert ray_example.answer_shards(job, 2)["done_before"] == 7


@pytest.mark.slow
@pytest.mark.distributed
def test_ray_does_again_what_a_killed_actor_was_at(
    ray_example: ModuleType, job: Job, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    marks, whole = job.out.parent / "marks", ray_example.AnswerShards

    class Deadly(whole):  # type: ignore[misc, valid-type]
        """Its process is killed at the first shard that any of them gets."""

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            try:
                marks.mkdir()
            except FileExistsError:
                return dict(super().__call__(batch))
            os.kill(os.getpid(), signal.SIGKILL)
            return {}

    monkeypatch.setattr(ray_example, "AnswerShards", Deadly)
    assert ray_example.answer_shards(job, 2)["lines"] == 206
    assert marks.is_dir()
    assert answers(job.out) == expected


@pytest.mark.slow
@pytest.mark.distributed
def test_ray_answers_a_column_of_strings(ray_example: ModuleType, job: Job):
    import ray

    sources = [*make_sources(50), ""]
    one = ray.data.ActorPoolStrategy(size=1)
    column = ray.data.from_items([{"text": source} for source in sources])
    found = column.map_batches(ray_example.AnswerStrings, fn_constructor_args=[job.asked], compute=one).take_all()
    wanted = dict(zip(sources, Answers(job.asked)(sources), strict=True))
    assert {row["text"]: row["answer"] for row in found} == wanted


@pytest.fixture(scope="module")
def beam_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment of its own: Beam and TensorFlow need different versions of protobuf."""
    place = tmp_path_factory.mktemp("beam") / "environment"
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(ROOT / "requirements-beam.txt")]
    done = subprocess.run(install, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"requirements-beam.txt cannot be installed: {done.stderr.splitlines()[-1:]}")
    return python


def in_beam(python: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{EXAMPLES}"}
    done = subprocess.run([str(python), *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.distributed
def test_beam_answers_by_the_same_bytes(beam_python: Path, job: Job, expected: dict[str, str], tmp_path: Path):
    command = [str(EXAMPLES / "beam_shards.py"), str(job.asked.model), str(job.out), *job.patterns]
    figures = json.loads(in_beam(beam_python, *command).splitlines()[-1])
    assert answers(job.out) == expected
    assert (figures["shards"], figures["lines"], figures["done_before"]) == (7, 206, 0)
    # What is lost of it is done again, and nothing else.
    (job.out / "odd.answers.txt.gz").unlink()
    assert json.loads(in_beam(beam_python, *command).splitlines()[-1])["done_before"] == 6
    assert answers(job.out) == expected
    sources = make_sources(20)
    in_beam(beam_python, "-c", STRINGS, str(job.asked.model), str(tmp_path / "strings"), *sources)
    lines = [line for path in tmp_path.glob("strings*") for line in path.read_text(encoding="utf-8").splitlines()]
    wanted = dict(zip(sources, Answers(job.asked)(sources), strict=True))
    assert dict(line.split("\t") for line in lines) == wanted
