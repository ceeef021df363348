"""Parts of the epochs on their own; together they are in `test_epochs` and `test_training`."""

import errno
import json
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.monitoring.board import Board
from pipeline.monitoring.callbacks import EndWhenAsked, FigureLog
from pipeline.monitoring.epoch_clock import EpochClock
from pipeline.monitoring.write_failures import WriteFailures
from pipeline.process.interruption import Interrupted, Interruption
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


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("first_step", [0, 2])
def test_it_ends_where_all_is_saved(number: int, code: int, first_step: int):
    interruption, clock = Interruption(), EpochClock(5, first_step)
    part = EndWhenAsked(interruption, clock)
    clock.on_epoch_begin(1)
    clock.on_train_batch_end(0)
    part.on_train_batch_end(0)
    part.on_epoch_end(0)  # nobody asked
    interruption.number = number
    while clock.step < 4:
        clock.on_train_batch_end(0)
        with pytest.raises(Interrupted) as caught:
            part.on_train_batch_end(0)
        assert caught.value.exit_code == code
    clock.on_train_batch_end(0)
    part.on_train_batch_end(0)  # the epoch's end follows
    with pytest.raises(Interrupted):
        part.on_epoch_end(1)
