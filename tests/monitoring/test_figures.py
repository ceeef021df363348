"""Figures on their own; together with the other parts of the epochs they are in `test_epochs` and `test_run`."""

import errno
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.monitoring.board import Board
from pipeline.monitoring.epoch_clock import EpochClock
from pipeline.monitoring.figures import FigureLog
from pipeline.monitoring.write_failures import WriteFailures
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "run")
    run.begin(Configuration())
    return run


def fail(*arguments: object) -> None:
    raise FULL


def test_figures_that_had_no_room_come_later(run: RunDirectory, monkeypatch: pytest.MonkeyPatch):
    model = SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.5))
    part = FigureLog(run, Board(run.logs), EpochClock(3), WriteFailures(True, str))
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
