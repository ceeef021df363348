"""One trial of a tuning: a training in a process of its own, in a run directory like any other.

A process of its own gives back all its memory, survives nothing that it should not, and takes nobody with
it when it runs out of memory. `TrialOrder` is all that goes in; the run directory is all that comes out.
"""

import dataclasses
import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

from pipeline.data.preparation import open_run
from pipeline.data.run_data import recorded_data
from pipeline.errors import TrainingError
from pipeline.files.durable import write_atomically
from pipeline.model.seeds import set_seed
from pipeline.monitoring.board import Board
from pipeline.process.children import CANNOT_WRITE, INTERRUPTED, MEMORY_SHORT, Child, Messages
from pipeline.process.installation import own_environment
from pipeline.runs.best_epoch import read_figures
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.settings.changes import replace_settings
from pipeline.settings.types import Value
from pipeline.training.epochs import fit
from pipeline.training.teaching import teach
from pipeline.tuning.directory import TuningDirectory, require_unchanged

logger = logging.getLogger(__name__)

FINISHED = "trial.json"
KILLED = "killed, probably for want of memory; try fewer data.batch_tokens or model.units"


@dataclasses.dataclass(frozen=True)
class TrialOrder:
    """What a trial is to do."""

    name: str
    """Its number in the tuning."""
    run: str
    """Run directory; what an interrupted trial left there goes."""
    base: str
    """Run directory whose `config.yaml` holds what the values below change: that of the tuning."""
    values: Mapping[str, Value]
    """Settings of this trial, by `section.key`."""
    last_epoch: int
    """Epochs to train, those of `go_on_from` included."""
    cache: str
    """Tokenised data that all trials share."""
    go_on_from: str | None = None
    """Run directory of a finished trial to go on from, optimizer included."""

    def to_json(self) -> str:
        """As a line."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)


class TrialFailed(Exception):
    """A trial ended without a result; the message says why.

    Args:
        message: The reason.
        code: Exit code of its process.
    """

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.cannot_write = code == CANNOT_WRITE
        """Whether the disk is at fault, so that no other trial would do better."""
        self.try_again = code < 0 or code in (CANNOT_WRITE, MEMORY_SHORT)
        """Whether not its settings alone are at fault."""


def run_trial(order: TrialOrder) -> None:
    """Train as ordered, in this process.

    Raises:
        AttentifError: The settings, data or training are at fault.
    """
    tuning = TuningDirectory(Path(order.base))
    configuration = replace_settings(load_configuration(RunDirectory(tuning.path)), order.values)
    directory = RunDirectory(Path(order.run))
    shutil.rmtree(directory.path, ignore_errors=True)
    set_seed(configuration.train.seed, configuration.train.deterministic)
    if order.go_on_from is not None:
        # Events would draw the same curve twice.
        shutil.copytree(order.go_on_from, directory.path, ignore=shutil.ignore_patterns("logs", "data"))
        directory.adopt()
    data = teach(configuration, directory, open_run(configuration, directory, looks=False, cache=Path(order.cache)))
    # Also those that change while the tuning runs: figures of other data must not stand in one table.
    require_unchanged(tuning, recorded_data(directory).checksums)
    # A learning rate that diverges is a bad one: half of it is another trial's.
    train = dataclasses.replace(configuration.train, max_rollbacks=0)
    fit(dataclasses.replace(configuration, train=train), directory, data, order.last_epoch)
    figures = read_figures(directory)
    if figures is None:
        raise TrainingError("no epoch was finished")
    board = Board(directory.logs)
    board.result(configuration, figures)
    board.flush()
    write_atomically(directory.path / FINISHED, order.to_json())


def is_finished(order: TrialOrder) -> bool:
    """Whether this very trial ran to its end, perhaps just before the tuning was stopped."""
    note = Path(order.run) / FINISHED
    return note.is_file() and note.read_text(encoding="utf-8") == order.to_json()


def start_trial(order: TrialOrder, threads: int | None = None, log: Path | None = None) -> None:
    """Run a trial in a process of its own and wait for it.

    Args:
        order: What to do.
        threads: TensorFlow's threads; None leaves it to TensorFlow.
        log: File for its messages; None passes them on to standard error.

    Raises:
        TrialFailed: It did not end well.
        KeyboardInterrupt: It was asked to end. It restarts, so that nothing of it is needed.
    """
    environment = {name: value for name, value in own_environment().items() if not name.startswith("KERASTUNER_")}
    messages = Messages(log, shown=log is None)
    child = Child(["trial", order.to_json()], environment, threads, messages)
    code = child.wait()
    if code in INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        last = next((line for line in reversed(messages.lines) if line.strip()), f"ended with exit code {code}")
        raise TrialFailed(child.describe_end(killed=KILLED, otherwise=last), code)
