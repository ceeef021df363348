"""keras-tuner's loop over the trials of a tuning, and what became of each."""

import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_tuner.engine.base_tuner import BaseTuner

from pipeline.errors import CircumstanceError, count_of
from pipeline.evaluation.metrics import objectives
from pipeline.files.durable import write_atomically
from pipeline.process.environment import usable_cores
from pipeline.process.messages import in_notebook, message_stream
from pipeline.runs.best_epoch import read_figures
from pipeline.runs.directory import RunDirectory
from pipeline.settings.tune import TuneConfiguration
from pipeline.tuning.directory import TuningDirectory, read_dev_size
from pipeline.tuning.oracles import ENDED, ResumableOracle, decode_values
from pipeline.tuning.result import TrialRecord, TuningResult
from pipeline.tuning.space import Space
from pipeline.tuning.trial import TrialFailed, TrialOrder, is_finished, start_trial

logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0


class TrialTuner(BaseTuner):
    """keras-tuner's loop over trials, each handed to a process of its own.

    Args:
        oracle: Proposes values.
        directory: Where everything goes.
        space: What varies.
        tune_configuration: How to tune.
        name: The tuning's directory by a name that keras-tuner can read.
        on_trial: See `tune`.
    """

    def __init__(
        self,
        oracle: ResumableOracle,
        directory: TuningDirectory,
        space: Space,
        tune_configuration: TuneConfiguration,
        name: Path,
        on_trial: Callable[[TuningResult], None] | None = None,
    ) -> None:
        self.tuning_directory, self.space, self.tune_configuration = directory, space, tune_configuration
        self.on_trial, self._known = on_trial, dict[str, TrialRecord]()
        with contextlib.redirect_stdout(message_stream()):
            super().__init__(oracle, directory=str(name), project_name=directory.oracle.name)
        if oracle.max_trials:
            oracle.max_trials = tune_configuration.trials

    _asked_in_vain = False

    def pre_create_trial(self) -> None:
        """Wait a little where the chief had nothing to do: keras-tuner would ask again at once, and again."""
        if self._asked_in_vain:
            time.sleep(IDLE_SECONDS)
        self._asked_in_vain = True

    def on_trial_begin(self, trial: Any) -> None:
        """Note that there was something."""
        self._asked_in_vain = False

    def on_trial_end(self, trial: Any) -> None:
        """Tell of it."""
        super().on_trial_end(trial)
        if isinstance(self.oracle, ResumableOracle):
            result = collect_trials(self.oracle, self.tuning_directory, self.space, self._known)
            if result.best:
                logger.info("%s", result.describe_best())
            if self.on_trial:
                self.on_trial(result)

    def reload(self) -> None:
        """Go on; trials whose settings were not at fault when they failed are tried again."""
        if not self._is_worker():
            self.oracle.reload()
            self.oracle.try_again(lambda trial_id: self.tuning_directory.setback(trial_id).is_file())

    def on_search_begin(self) -> None:
        """Leave a note from the first trial on that there is something to go on with."""
        self.save()

    def run_trial(self, trial: Any, *arguments: Any, **options: Any) -> dict[str, float]:
        """Train.

        Raises:
            TrialFailed: It did not end well; counted, and the tuning goes on.
            CircumstanceError: It could not write, as nor could the next.
        """
        order = self._order(trial)
        for note in (self.tuning_directory.failure(order.name), self.tuning_directory.setback(order.name)):
            note.unlink(missing_ok=True)
        if not is_finished(order):
            self._start(order)
        figures = read_figures(RunDirectory(Path(order.run)))
        assert figures is not None
        name = self.oracle.objective.name
        logger.info("trial %s: %s %.2f", order.name, name, figures[name])
        return {name: figures[name]}

    def _order(self, trial: Any) -> TrialOrder:
        values = decode_values(trial.hyperparameters.values, self.space)
        told, directory = trial.hyperparameters.values, self.tuning_directory
        epochs = int(told.get("tuner/epochs", self.space.configuration.train.epochs))
        shown = ", ".join(f"{key} {value}" for key, value in values.items())
        number, trials = int(trial.trial_id) + 1, self.tune_configuration.trials
        length = count_of(epochs, "epoch")
        logger.info("trial %s (%d of %d): %s (%s)", trial.trial_id, number, trials, shown, length)
        before = told.get("tuner/trial_id")
        return TrialOrder(
            name=trial.trial_id,
            run=str(directory.trials / trial.trial_id),
            base=str(directory.path),
            values=values,
            last_epoch=epochs,
            cache=str(directory.data),
            go_on_from=str(directory.trials / before) if before else None,
        )

    def _start(self, order: TrialOrder) -> None:
        directory, several = self.tuning_directory, self.tune_configuration.workers > 1
        threads = max(1, usable_cores() // self.tune_configuration.workers) if several else None
        # Messages of several at once nobody could read, nor in a notebook those of twenty, one after the other.
        log = directory.trials / f"{order.name}.log" if several or in_notebook() else None
        try:
            start_trial(order, threads, log)
        except TrialFailed as error:
            if error.cannot_write:
                raise CircumstanceError(f"trial {order.name}: {error}; the same command goes on with it") from error
            note = directory.setback(order.name) if error.try_again else directory.failure(order.name)
            write_atomically(note, f"{error}\n")
            logger.warning("trial %s failed: %s%s", order.name, error, f"; its messages are in {log}" if log else "")
            raise

    def _try_run_and_update_trial(self, trial: Any, *arguments: Any, **options: Any) -> None:
        # keras-tuner's own takes any error for a failed trial, also one of ours, and prints its traceback.
        try:
            self._run_and_update_trial(trial, *arguments, **options)
            trial.status, trial.message = "COMPLETED", None
        except TrialFailed as error:
            trial.status, trial.message = "FAILED", str(error)

    def _get_tuner_fname(self) -> str:
        # One for all: a tuning begun with workers may go on without them.
        return os.path.join(self.directory, self.project_name, "tuner.json")

    def save(self) -> None:
        """Note that there is something to go on with; the oracle writes its own state."""
        if not self._is_worker():
            self.oracle.save()
            # Never a worker: before the chief has made the place there is none.
            write_atomically(Path(self._get_tuner_fname()), "{}")


def collect_trials(
    oracle: ResumableOracle,
    directory: TuningDirectory,
    space: Space,
    known: dict[str, TrialRecord] | None = None,
) -> TuningResult:
    """The trials so far.

    Args:
        oracle: Has their states.
        directory: The tuning.
        space: What varies.
        known: Those of earlier calls, by name, which are not read again; takes the others.
    """
    known = {} if known is None else known
    ended = [trial for trial in oracle.trials.values() if trial.status in ENDED]
    for trial in ended:
        if trial.trial_id not in known:
            known[trial.trial_id] = _record(trial, directory, space)
    records = [known[trial.trial_id] for trial in ended]
    return TuningResult(directory.path, records, space, read_dev_size(directory))


def _record(trial: Any, directory: TuningDirectory, space: Space) -> TrialRecord:
    run = directory.trials / trial.trial_id
    notes = [directory.failure(trial.trial_id), directory.setback(trial.trial_id)]
    figures = read_figures(RunDirectory(run)) if trial.status == "COMPLETED" else None
    metrics = objectives(space.configuration)
    told = [note.read_text(encoding="utf-8").strip() for note in notes if note.is_file()]
    said = next(iter(told), trial.message or "unknown reason")
    return TrialRecord(
        name=trial.trial_id,
        values=decode_values(trial.hyperparameters.values, space),
        epochs=int(figures["epochs"]) if figures else 0,
        best_epoch=int(figures["epoch"]) if figures else None,
        value=float(figures[metrics[0].log_name]) if figures else None,
        second=float(figures[metrics[1].log_name]) if figures else None,
        seconds=float(figures["seconds"]) if figures else None,
        reason=None if figures else said,
        go_on_from=trial.hyperparameters.values.get("tuner/trial_id"),
    )
