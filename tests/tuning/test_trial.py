"""A trial: what it leaves, how it goes on from another, how it fails."""

import dataclasses
import json
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.runs.best_epoch import read_figures
from pipeline.runs.directory import RunDirectory
from pipeline.tuning.trial import TrialFailed, TrialOrder, is_finished, run_trial, start_trial
from tests.tiny_task import tiny_configuration


@pytest.fixture
def base(tmp_path: Path, tiny_splits: dict[str, str]) -> Path:
    model = {"units": 8, "embedding_units": 4, "fast": False, "dropout": 0.2}
    configuration = tiny_configuration(tiny_splits, model=model, train={"epochs": 4, "attention_samples": 1})
    configuration.save(tmp_path / "config.yaml")
    return tmp_path


def order(base: Path, name: str, last_epoch: int, **more: Any) -> TrialOrder:
    paths = {"run": str(base / "trials" / name), "base": str(base), "cache": str(base / "data")}
    return TrialOrder(name=name, values={"model.units": 6}, last_epoch=last_epoch, **paths, **more)


def figures(base: Path, name: str) -> list[dict[str, float]]:
    lines = (base / "trials" / name / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    kept = ("epoch", "loss", "val_loss", "val_wer", "val_per", "learning_rate")
    return [{key: json.loads(line)[key] for key in kept} for line in lines]


@pytest.mark.slow
def test_going_on_equals_never_having_stopped(base: Path):
    run_trial(order(base, "whole", 4))
    run_trial(order(base, "first", 2))
    run_trial(order(base, "second", 4, go_on_from=str(base / "trials" / "first")))
    # Optimizer, dropout, data order and schedule included.
    assert figures(base, "second") == figures(base, "whole")
    assert figures(base, "first") == figures(base, "whole")[:2]
    found = read_figures(RunDirectory(base / "trials" / "second"))
    assert found is not None
    assert found["epochs"] == 4


@pytest.mark.slow
def test_what_an_interrupted_trial_left_goes(base: Path):
    assert not is_finished(order(base, "one", 1))
    run_trial(order(base, "one", 1))
    assert is_finished(order(base, "one", 1))
    assert not is_finished(order(base, "one", 2))
    run_trial(order(base, "one", 1))
    assert [line["epoch"] for line in figures(base, "one")] == [1]
    assert len(list((base / "data").glob("*/train"))) == 1  # tokenised once for all trials
    assert not (base / "trials" / "one" / "data").exists()


@pytest.mark.slow
def test_in_a_process_of_its_own(base: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path):
    log = tmp_path / "trial.log"
    start_trial(order(base, "one", 1), threads=1, log=log)
    assert "epoch 1/4" in log.read_text(encoding="utf-8")
    assert capfd.readouterr().err == ""
    assert figures(base, "one")


def test_a_failure_says_why(base: Path, capsys: pytest.CaptureFixture[str]):
    wrong = TrialOrder(
        name="one",
        run=str(base / "trials" / "one"),
        base=str(base),
        values={"data.max_length": 1},
        last_epoch=1,
        cache=str(base / "data"),
    )
    with pytest.raises(TrialFailed, match="no pair is left"):
        start_trial(wrong)
    assert "no pair is left" in capsys.readouterr().err


@pytest.mark.slow
def test_an_interrupt_ends_the_trial(base: Path, tmp_path: Path):
    # As `kill -INT` of the tuning's process alone, without a terminal that tells its children.
    log = tmp_path / "trial.log"

    main = threading.get_ident()

    def interrupt() -> None:
        while not (log.is_file() and "epoch 1/4" in log.read_text(encoding="utf-8")):
            time.sleep(0.05)
        signal.pthread_kill(main, signal.SIGINT)

    waiting = threading.Thread(target=interrupt, daemon=True)
    waiting.start()
    long = order(base, "one", 4)
    values = {"model.units": 6, "train.min_epoch_tokens": 10_000_000}
    with pytest.raises(KeyboardInterrupt):
        start_trial(dataclasses.replace(long, values=values), threads=1, log=log)
    assert not is_finished(long)
    running = subprocess.run(["pgrep", "-f", str(base)], capture_output=True, check=False)
    assert running.stdout == b""


def test_nothing_to_read(tmp_path: Path):
    assert read_figures(RunDirectory(tmp_path)) is None
