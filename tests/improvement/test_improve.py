"""The whole of `distill` and `improve` on a tiny task, killed on the way and started again."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pipeline.improvement.directory import ImprovementDirectory
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.saved_models.opening import load
from pipeline.settings.train import TEACHER_WEIGHT
from tests.tiny_task import capitals, make_sources, tiny_configuration

ROOT = Path(__file__).parents[2]
PATIENCE = 1800
"""Seconds, on a machine that does much besides."""


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", *words]


def finish(*words: str) -> dict[str, Any]:
    ended = subprocess.run(command(*words), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stderr
    return {"err": ended.stderr, **json.loads(ended.stdout.splitlines()[-1])}


def kill_when(place: Path, *words: str) -> None:
    """Start a command, and kill it with all that it started as soon as something is there."""
    process = subprocess.Popen(command(*words), cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    try:
        while not place.exists():
            assert process.poll() is None, "it has ended before"
            assert time.monotonic() < deadline, f"it took more than {PATIENCE} s"
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()


def inflections(words: list[str]) -> list[tuple[str, str, str]]:
    """Of words their capitals and themselves, as their features say."""
    return [(word, how, word.upper() if how == "N;UP" else word) for word in words for how in ("N;UP", "N;LOW")]


def write_rows(path: Path, rows: Iterable[tuple[str, ...]]) -> None:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.slow
def test_a_student_of_two(tmp_path: Path):
    for name, number in (("train", 120), ("dev", 12)):
        write_rows(tmp_path / f"{name}.tsv", inflections(make_sources(number, seed=number)))
    data = [f"--data.{name}={tmp_path / name}.tsv" for name in ("train", "dev")]
    columns = {"source": 1, "features": 2, "target": 3}
    settings = ["--config=cmudict", *data, f"--data.columns={columns}", "--text.target_tokenizer=char"]
    settings += ["--model.units=32", "--train.warmup_steps=20", "--data.batch_tokens=256", "--data.buckets=1"]
    teacher, run = tmp_path / "one", tmp_path / "student"
    finish("train", *settings, "--train.epochs=2", "--train.min_epoch_tokens=30000", f"--run={teacher}", "--no-export")
    words = tmp_path / "lemmas.tsv"
    write_rows(words, [("zebra", "N;UP"), ("zebra", "N;LOW")])
    options = [f"{teacher},{teacher}", f"--run={run}", f"--data.unlabeled={words}", *settings, "--train.epochs=3"]
    options.append("--train.min_epoch_tokens=1000")
    kill_when(run / "checkpoints", "distill", *options)
    labels = (run / "labels" / "labels.tsv").read_bytes()
    result = finish("distill", *options)
    assert result["split"] == "dev"
    assert (run / "labels" / "labels.tsv").read_bytes() == labels
    lines = [line.split("\t") for line in labels.decode().splitlines()]
    assert len(lines) > 200
    assert all(len(line) == 3 and line[2] for line in lines)
    assert {tuple(line[:2]) for line in lines} >= {("zebra", "N;UP"), ("zebra", "N;LOW")}
    found = load_configuration(RunDirectory(run))
    assert found.data.columns == columns
    assert list(found.data.train) == [str(run / "labels" / name) for name in ("train-1.tsv", "labels.tsv")]
    assert found.model == load_configuration(RunDirectory(teacher)).model
    assert (found.train.teacher, found.train.teacher_weight) == (f"{teacher},{teacher}", TEACHER_WEIGHT)
    # Who measures it by the files it came of reads them as they are meant.
    assert finish("evaluate", str(run), str(tmp_path / "dev.tsv"))["n"] == 24
    # Of other labels it is refused, and a finished student is asked for at once.
    assert "finished before, nothing to do" in finish("distill", *options)["err"]
    other = subprocess.run(command("distill", *options, "--n-best=2"), cwd=ROOT, capture_output=True, text=True)
    assert other.returncode == 2
    assert "holds labels that were made with other settings (n_best)" in other.stderr
    # It goes on as it was begun, also where it was begun without a teacher.
    other = subprocess.run(command("distill", *options, "--teacher-weight=0"), cwd=ROOT, capture_output=True, text=True)
    assert other.returncode == 2
    assert "train.teacher was" in other.stderr


@pytest.mark.slow
def test_improved_in_spite_of_kills(tiny_splits: dict[str, str], tmp_path: Path):
    configuration = tiny_configuration(tiny_splits, data={"buckets": 1}, train={"epochs": 3})
    configuration.save(tmp_path / "tiny.yaml")
    directory = ImprovementDirectory(tmp_path / "best")
    options = [f"--config={tmp_path / 'tiny.yaml'}", f"--run={directory.path}", "--members=3", "--recombined=200"]
    kill_when(directory.labels.info, "improve", *options)
    kill_when(directory.student(1).checkpoints, "improve", *options, "--hours=0.000001")
    result = finish("improve", *options, "--hours=0.000001")
    assert result["skipped"][-1] == "labels of weight 0.5 and 2"
    names = [model["name"] for model in result["models"]]
    assert any(name.startswith("member 3, other direction") for name in names)
    assert names[-1] == "student, labels of weight 1 (exported)"
    assert all(set(model["figures"]) == {"dev", "test"} for model in result["models"])
    assert "member 3, other direction" in directory.table.read_text(encoding="utf-8")
    assert load(directory.export).predict("aß")[0].texts == [capitals("aß")]
    assert not any(run.export.exists() for run in (directory.member(1), directory.student(1)))
    taught = load_configuration(directory.student(1)).train.teacher
    assert taught == f"{directory.member(1).path},{directory.member(2).path}"
    assert "finished before, nothing to do" in finish("improve", *options)["err"]
