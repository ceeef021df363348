"""The benchmark of the server: it sees wrong answers, and its parts run."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import pytest

from benchmarks import server_load
from benchmarks.load_clients import Load, _ask_all, requests_of
from pipeline.runtime.model import Model
from pipeline.serving.limits import Limits
from pipeline.settings.text import TextConfiguration
from tests.runtime.conftest import make_folder
from tests.serving.conftest import GatedEngine, Running, wait_until
from tests.tiny_task import TinyRun, make_sources


@contextlib.contextmanager
def serving() -> Iterator[Running]:
    engine = GatedEngine()
    running = Running(Model.of(make_folder(TextConfiguration()), engine), engine, Limits())
    wait_until(lambda: running.service.ready)
    yield running
    running.end()


def test_requests_are_seeded_and_of_all_sizes():
    load = Load(0, 2000, 1, 32, 7)
    sizes = [len(request) for request in requests_of(load, ["a", "b"])]
    assert (min(sizes), max(sizes)) == (1, 32)
    assert min(sizes.count(size) for size in range(1, 33)) > 2000 / 32 / 2
    assert list(requests_of(load, ["a", "b"])) == list(requests_of(load, ["a", "b"]))


def test_wrong_answers_are_seen():
    with serving() as running:
        said = {word: running.predict([word])[1]["predictions"][0] for word in ("ab", "abc", "b")}
        answers = {word: json.dumps(answer, ensure_ascii=False).encode() for word, answer in said.items()}
        load, done = Load(running.port, 30, 1, 4, 0), get_context("spawn").Value("q", 0)
        seen = _ask_all(load, answers, done)
        assert (len(seen.seconds), seen.wrong, seen.retries, done.value) == (30, 0, 0, 30)
        asked = sum("b" in request for request in requests_of(load, list(answers)))
        assert _ask_all(load, {**answers, "b": answers["ab"]}, done).wrong == asked > 5


@pytest.mark.slow
def test_every_part(tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "words").write_text("\n".join(make_sources(50)) + "\n", encoding="utf-8")
    parts = ["load", "huge", "killed", *(["session"] if shutil.which("gcc") else [])]
    counts = ["--requests", "160", "--killed-requests", "160", "--seconds", "2", "--huge", "300"]
    server_load.main([str(tiny_run.path), "--file", str(tmp_path / "words"), *counts, "--parts", *parts])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(found) == parts
    assert [found[part]["wrong"] for part in ("load", "huge", "killed")] == [0, 0, 0]
    assert found["load"]["requests"] == found["killed"]["requests"] == 160
    assert found["killed"]["kills"] == 3
    assert [found[part]["exit code"] for part in ("load", "huge", "killed")] == [0, 0, 0]
    if "session" in parts:
        assert (found["session"]["requests"], found["session"]["other strings"]) == (160, 0)
