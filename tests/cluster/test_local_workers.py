"""Workers on this machine: their environment, what is refused, and that together they train what one does."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.cluster.local_workers import free_ports, local_workers, visible_gpus, worker_environment
from pipeline.cluster.members import find_members
from pipeline.errors import UsageError
from pipeline.process.environment import usable_cores
from tests.killing import children_of

MANY = 10_000


def test_a_workers_environment_names_it():
    found = find_members(worker_environment(["a:1", "b:1"], 1))
    assert found is not None
    assert (found.rank, found.addresses) == (1, ("a:1", "b:1"))
    assert worker_environment(["a:1", "b:1"], 1, ["0", "GPU-x"])["CUDA_VISIBLE_DEVICES"] == "GPU-x"


def test_ports_are_apart():
    assert len(set(free_ports(4))) == 4


def test_gpus_that_the_shell_hides_are_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_gpus() == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert visible_gpus() == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, GPU-x")
    assert visible_gpus() == ["1", "GPU-x"]


def test_more_workers_than_cores_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    message = f"--workers {MANY}: impossible, there are {usable_cores()} cores"
    with pytest.raises(UsageError, match=message), local_workers(MANY, ["train"]):
        pass


def test_more_workers_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(UsageError, match="there are 1 GPUs"), local_workers(2, ["train"]):
        pass


def test_workers_in_a_cluster_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TF_CONFIG", worker_environment(["a:1", "b:1"], 0)["TF_CONFIG"])
    with pytest.raises(UsageError, match="TF_CONFIG or SLURM"), local_workers(2, ["train"]):
        pass


@pytest.mark.distributed
@pytest.mark.slow
def test_two_workers_train_what_one_does():
    """Weights after 22 steps, with dropout, R-Drop, a clipped gradient and a moving average."""
    command = [sys.executable, "-m", "benchmarks.workers", "--workers", "2", "--steps", "22", "--only", "r-drop"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])["differences"]
    assert len(found) == 2
    for name, row in found.items():
        assert row["2"]["largest"] < (1e-12 if name.endswith("float64") else 1e-5), name
        assert row["2"]["all"] <= row["2"]["largest"], name


@pytest.mark.distributed
@pytest.mark.slow
def test_a_training_goes_on_after_a_worker_is_killed(tiny_splits: dict[str, str], tmp_path: Path):
    """It ends with exit code 75 and says so; the same command, also with one worker, goes on."""
    if usable_cores() < 2:
        pytest.skip("two workers need two cores")
    run = tmp_path / "run"
    settings = ["--model.units=8", "--model.fast=false", "--data.buckets=1", "--train.min_epoch_tokens=500"]
    places = [f"--data.{split}={path}" for split, path in tiny_splits.items()]
    command = [sys.executable, "-m", "pipeline", "train", "--run", str(run), *places, *settings, "--train.epochs=60"]
    with subprocess.Popen([*command, "--workers", "2"], stderr=subprocess.PIPE, text=True) as process:
        while not list((run / "checkpoints").glob("epoch-*")):
            assert process.poll() is None
            time.sleep(0.1)
        # Another child watches over the first one's end.
        [worker] = [child for child in children_of(process.pid) if '"index": 1' in environment_of(child)]
        os.kill(worker, signal.SIGKILL)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 75, said
    assert "worker 1 is lost: ended by signal SIGKILL" in said
    assert "goes on from the last checkpoint" in said
    assert "Traceback" not in said
    before = max(int(path.name.split("-")[1]) for path in (run / "checkpoints").glob("epoch-*"))
    alone = subprocess.run(command, capture_output=True, text=True, check=False)
    assert alone.returncode == 0, alone.stderr
    assert "going on with the unfinished run" in alone.stderr
    rows = [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows == list(range(1, len(rows) + 1))
    assert len(rows) > before


def environment_of(process: int) -> str:
    return Path(f"/proc/{process}/environ").read_text(encoding="utf-8", errors="replace")
