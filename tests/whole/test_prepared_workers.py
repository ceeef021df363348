"""A training on a prepared corpus, as any number of workers and broken off anywhere: it is the same training."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from pipeline.process.environment import usable_cores
from tests.tiny_corpus import prepare_tiny

EPOCHS = 3
SETTINGS = {
    "data.batch_tokens": 200,
    "data.buckets": 2,
    "model.units": 8,
    "model.embedding_units": 8,
    "model.fast": "false",
    "model.precision": "float64",
    "train.epochs": EPOCHS,
    "train.patience": "null",
    "train.min_epoch_tokens": 1,
    "train.deterministic": "true",
    "train.attention_samples": 0,
    "train.keep_checkpoints": EPOCHS,
}


def command(corpus: Path, run: Path, workers: int) -> list[str]:
    words = ["train", str(corpus), "--config", "cmudict", "--run", str(run), "--workers", str(workers)]
    return [sys.executable, "-m", "pipeline", *words, *(f"--{key}={value}" for key, value in SETTINGS.items())]


def stop_after(words: list[str], run: Path, epoch: int) -> None:
    """Within the epoch after that, or later."""
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        while not (run / "checkpoints" / f"epoch-{epoch:04d}").is_dir():
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)


def difference(one: Path, other: Path) -> float:
    name = f"checkpoints/epoch-{EPOCHS:04d}/variables.safetensors"
    first, second = load_file(one / name), load_file(other / name)
    assert first.keys() == second.keys()
    apart = [
        np.abs(first[key] - second[key]).max() / max(np.abs(first[key]).max(), 1e-30)
        for key in first
        if first[key].size
    ]
    return float(max(apart))


@pytest.mark.distributed
@pytest.mark.slow
def test_two_workers_then_one_then_two_train_what_one_does(tmp_path: Path):
    if usable_cores() < 2:
        pytest.skip("two workers need two cores")
    corpus = prepare_tiny(tmp_path)
    alone, broken, together = tmp_path / "alone", tmp_path / "broken", tmp_path / "together"
    subprocess.run(command(corpus, alone, 1), check=True, capture_output=True)
    stop_after(command(corpus, broken, 2), broken, 1)
    stop_after(command(corpus, broken, 1), broken, 2)
    subprocess.run(command(corpus, broken, 2), check=True, capture_output=True)
    assert difference(alone, broken) < 1e-9
    # Broken off and gone on with as many, not a bit differs.
    stop_after(command(corpus, together, 1), together, 1)
    subprocess.run(command(corpus, together, 1), check=True, capture_output=True)
    assert difference(alone, together) == 0
    epochs = [json.loads(line)["epoch"] for line in (broken / "metrics.jsonl").read_text().splitlines()]
    assert epochs == list(range(1, EPOCHS + 1))


@pytest.mark.distributed
@pytest.mark.slow
def test_processes_prepare_what_one_does(tmp_path: Path):
    """Real processes, killed with all that they have started, and then let go on."""
    from tests.tiny_corpus import content_of, write_files

    train = write_files(tmp_path / "in", 6, 400)
    words = [sys.executable, "-m", "pipeline", "prepare", train, "--config", "cmudict", "--workers", "2", "--out"]
    subprocess.run([*words, str(tmp_path / "whole")], check=True, capture_output=True)
    with subprocess.Popen([*words, str(tmp_path / "broken")], stderr=subprocess.PIPE) as process:
        while not (tmp_path / "broken" / "shards" / "00000").is_dir():
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
    # Its children end with it, a moment later.
    time.sleep(1)
    subprocess.run([*words, str(tmp_path / "broken")], check=True, capture_output=True)
    assert content_of(tmp_path / "broken") == content_of(tmp_path / "whole")
