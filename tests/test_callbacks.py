"""Parts of the epochs on their own; together they are in `test_epochs` and `test_training`."""

import errno
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline import callbacks
from pipeline.callbacks import DevReport, EpochClock, FigureLog
from pipeline.configuration import Configuration
from pipeline.curves import Curves
from pipeline.errors import TrainingError
from pipeline.predictor import Hypothesis, Prediction
from pipeline.run_directory import RunDirectory
from pipeline.write_failures import WriteFailures

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "run")
    run.begin(Configuration())
    return run


def fail(*arguments: object) -> None:
    raise FULL


def test_the_clock_goes_on_where_an_epoch_was_left():
    clock = EpochClock(steps=10, first_step=4, seconds=100.0)
    clock.on_epoch_begin(2)
    assert (clock.epoch, clock.step, clock.all_steps) == (2, 4, 24)
    clock.on_train_batch_end(0)
    assert (clock.step, clock.all_steps) == (5, 25)
    assert 100 < clock.trained < 101
    clock.on_epoch_begin(3)
    assert (clock.step, clock.all_steps) == (0, 30)
    assert clock.seconds < 1


def test_pictures_that_have_no_room(run: RunDirectory, monkeypatch: pytest.MonkeyPatch, caplog: Any):
    best = Hypothesis("A", -1.0, ["A", "</s>"], np.array([[0.75, 0.25], [0.5, 0.5]], np.float32))
    predictions, references = [Prediction([best], ["a", "</s>"])], {"a": ["A"]}
    monkeypatch.setattr(callbacks, "write_atomically", fail)
    for go_on in (True, False):
        report = DevReport(run, Curves(run.logs), 1, True, WriteFailures(go_on, lambda: "checkpoint epoch-0001"))
        if go_on:
            report(1, references, predictions)
            assert "a picture of attention cannot be written" in caplog.text
        else:
            with pytest.raises(TrainingError, match=r"No space left.*saved: checkpoint epoch-0001"):
                report(1, references, predictions)
    monkeypatch.undo()
    DevReport(run, Curves(run.logs), 1, True, WriteFailures(False, str))(1, references, predictions)
    assert [path.name for path in run.attention.iterdir()] == ["01.png"]


def test_figures_that_had_no_room_come_later(run: RunDirectory, monkeypatch: pytest.MonkeyPatch):
    model = SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.5))
    part = FigureLog(run, Curves(run.logs), EpochClock(3), WriteFailures(True, str))
    part.set_model(model)
    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "append_metrics", fail)
        part.on_epoch_end(0, {"loss": 2.0})
        assert not run.metrics.exists()
        with pytest.raises(OSError, match="No space left"):
            part.write()
    part.on_epoch_end(1, {"loss": 1.0, "batch_loss": 0.9, "val_tokens": 5.0})
    rows = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    assert [(row["epoch"], row["loss"], row["learning_rate"]) for row in rows] == [(1, 2.0, 0.5), (2, 1.0, 0.5)]
    assert set(rows[1]) == {"epoch", "loss", "learning_rate", "tokens_per_second", "seconds"}
