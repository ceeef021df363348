"""One trial of a tuning: a training in a process of its own, in a run directory like any other.

A process of its own gives back all its memory, survives nothing that it should not, and takes nobody with
it when it runs out of memory. `TrialOrder` is all that goes in; the run directory is all that comes out.
"""

import codecs
import contextlib
import dataclasses
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from pipeline.data.preparation import open_run
from pipeline.data.run_data import recorded_data
from pipeline.errors import TrainingError
from pipeline.files.durable import write_atomically
from pipeline.monitoring.board import Board
from pipeline.process.installation import own_command, own_environment
from pipeline.runs.best_epoch import read_figures
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.settings.changes import replace_settings
from pipeline.settings.types import Value
from pipeline.training.epochs import fit
from pipeline.training.seeds import set_seed
from pipeline.tuning.directory import TuningDirectory, require_unchanged
from pipeline.tuning.workers import CANNOT_WRITE, MEMORY_SHORT

logger = logging.getLogger(__name__)

FINISHED = "trial.json"
INTERRUPT_SECONDS = 5.0
TAIL = 200  # lines of a trial's messages that are kept to find the reason of a failure


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
    data = open_run(configuration, directory, looks=False, cache=Path(order.cache))
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
    """
    command = [*own_command(), "trial", order.to_json()]
    environment = own_environment()
    for name in [name for name in environment if name.startswith("KERASTUNER_")]:
        del environment[name]
    if log is None and sys.stderr.isatty():
        environment["TQDM_MININTERVAL"] = "0.1"
    if threads is not None:
        environment |= {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    tail: list[str] = []
    reader = threading.Thread(target=_pass_on, args=(process.stderr, tail, log), daemon=True)
    reader.start()
    try:
        process.wait()
    except BaseException:
        # A terminal sends Ctrl-C to the trial too, and then it may be about to end; others do not.
        try:
            process.wait(timeout=INTERRUPT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # an interrupted trial restarts, so that nothing of it is needed
            process.wait()
        raise
    finally:
        reader.join(timeout=5)
        if process.stdin:
            process.stdin.close()
    if process.returncode in (130, 143):
        raise KeyboardInterrupt
    if process.returncode:
        raise TrialFailed(_reason(process.returncode, tail), process.returncode)


def _pass_on(stream: IO[bytes], tail: list[str], log: Path | None) -> None:
    """Copy what a trial says, as it comes: progress bars end in carriage returns, not in new lines."""
    decoder, pending = codecs.getincrementaldecoder("utf-8")("replace"), ""
    with open(log, "a", encoding="utf-8") if log else contextlib.nullcontext(sys.stderr) as target:
        for chunk in iter(lambda: os.read(stream.fileno(), 4096), b""):
            text = decoder.decode(chunk)
            target.write(text)
            target.flush()
            *lines, pending = (pending + text).split("\n")
            tail += [line.rpartition("\r")[2] for line in lines]
            del tail[:-TAIL]


def _reason(code: int, tail: list[str]) -> str:
    said = next((line.removeprefix("error: ") for line in reversed(tail) if line.startswith("error: ")), None)
    if said:
        return said
    if code == -signal.SIGKILL:
        return "killed, probably for want of memory; try fewer data.batch_tokens or model.units"
    if code < 0:
        return f"ended by signal {signal.Signals(-code).name}"
    return next((line for line in reversed(tail) if line.strip()), f"ended with exit code {code}")


def end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, however it went.

    Otherwise the trial of a killed tuning would go on, and write where the same tuning, started again, does.
    """

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os._exit(143)

    threading.Thread(target=watch, daemon=True).start()
