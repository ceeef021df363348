"""A search for settings: keras-tuner proposes, every trial trains in a process of its own, the best is written.

One process does both, or one asks (keras-tuner's chief, who has the oracle) and others train (its workers);
`KERASTUNER_TUNER_ID`, `KERASTUNER_ORACLE_IP` and `KERASTUNER_ORACLE_PORT` say which, see docs/tuning.md.
"""

import contextlib
import dataclasses
import ipaddress
import logging
import os
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from keras_tuner.engine.base_tuner import BaseTuner

from pipeline.best_epoch import read_figures
from pipeline.configuration import Configuration, TuneConfiguration
from pipeline.errors import TrainingError
from pipeline.files import write_atomically
from pipeline.metrics import objectives
from pipeline.oracles import ResumableOracle, decode_values, make_oracle
from pipeline.run_directory import RunDirectory
from pipeline.search_directory import SearchDirectory, begin_search, wait_for_search
from pipeline.search_processes import MEMBER, run_members
from pipeline.space import SearchSpace, find_space, read_space
from pipeline.trial import TrialFailed, TrialOrder, is_finished, start_trial
from pipeline.trial_report import SearchResult, TrialRecord, write_report

logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0


def tune(
    configuration: Configuration,
    tune_configuration: TuneConfiguration,
    run: Path,
    space: SearchSpace | None = None,
    overwrite: bool = False,
) -> SearchResult:
    """Search, or go on with an unfinished search; then report.

    Args:
        configuration: What the space lies around; its `train.epochs` is that of a full trial unless
            `tune_configuration` says otherwise.
        tune_configuration: How to search.
        run: Directory of the search. A finished trial in it is never run again.
        space: What varies; None reads the file that `tune_configuration` names.
        overwrite: Replace a search that is already there.

    Returns:
        Every trial, and the best.

    Raises:
        UsageError: The directory holds another search or something else.
        DataError: The data cannot be used.
        TrainingError: No trial succeeded, or three failed in a row.
    """
    configuration = _with_epochs(configuration, tune_configuration)
    if space is None:
        space = read_space(find_space(tune_configuration.space), configuration)
    else:
        space = dataclasses.replace(space, configuration=configuration)
    directory = SearchDirectory(Path(run))
    role = os.environ.get("KERASTUNER_TUNER_ID", "") if "KERASTUNER_ORACLE_IP" in os.environ else ""
    is_worker = bool(role) and "chief" not in role
    if not is_worker:
        begin_search(directory, configuration, tune_configuration, space, overwrite)
    else:
        wait_for_search(directory)
    if not role and tune_configuration.workers > 1:
        run_members(directory.path, configuration, tune_configuration)
        # What the chief's process wrote.
        oracle = make_oracle(tune_configuration, space, configuration.train.epochs)
        oracle._set_project_dir(str(directory.path), directory.oracle.name)
        oracle.reload()
        return _conclude(oracle, directory, space)
    _warn_of_address(role)
    oracle = make_oracle(tune_configuration, space, configuration.train.epochs)
    tuner = TrialTuner(oracle, directory, space, tune_configuration)
    logger.info("searching %d settings, algorithm %s", len(space.dimensions), tune_configuration.algorithm)
    with contextlib.redirect_stdout(sys.stderr):  # keras-tuner prints
        tuner.search(verbose=0)
    if is_worker or MEMBER in os.environ:
        return SearchResult(directory.path, [], space)
    return _conclude(oracle, directory, space)


def _with_epochs(configuration: Configuration, tune_configuration: TuneConfiguration) -> Configuration:
    epochs = tune_configuration.epochs or configuration.train.epochs
    return dataclasses.replace(configuration, train=dataclasses.replace(configuration.train, epochs=epochs))


def _warn_of_address(role: str) -> None:
    address = os.environ.get("KERASTUNER_ORACLE_IP", "")
    if role and not _is_loopback(address):
        logger.warning(
            "keras-tuner's chief at %s asks for no password: whoever reaches it can steer the search; "
            "use it in a private network only",
            address,
        )


def _is_loopback(address: str) -> bool:
    """Whether only this machine can reach it, as far as the address itself tells."""
    try:
        return address == "localhost" or ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


class TrialTuner(BaseTuner):
    """keras-tuner's loop over trials, each handed to a process of its own.

    Args:
        oracle: Proposes values.
        search: Where everything goes.
        space: What varies.
        tune_configuration: How to search.
    """

    def __init__(
        self,
        oracle: ResumableOracle,
        search: SearchDirectory,
        space: SearchSpace,
        tune_configuration: TuneConfiguration,
    ) -> None:
        self.search_directory, self.space, self.tune_configuration = search, space, tune_configuration
        with contextlib.redirect_stdout(sys.stderr):
            super().__init__(oracle, directory=str(search.path), project_name=search.oracle.name)
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

    def on_search_begin(self) -> None:
        """Leave a note from the first trial on that there is something to go on with."""
        self.save()

    def run_trial(self, trial: Any, *arguments: Any, **options: Any) -> dict[str, float]:
        """Train.

        Raises:
            TrialFailed: It did not end well; counted, and the search goes on.
        """
        values = decode_values(trial.hyperparameters.values, self.space)
        told = trial.hyperparameters.values
        search, epochs = self.search_directory, int(told.get("tuner/epochs", self.space.configuration.train.epochs))
        shown = ", ".join(f"{key} {value}" for key, value in values.items())
        number, trials = int(trial.trial_id) + 1, self.tune_configuration.trials
        logger.info("trial %s (%d of %d): %s (%d epochs)", trial.trial_id, number, trials, shown, epochs)
        run = search.trials / trial.trial_id
        before = told.get("tuner/trial_id")
        order = TrialOrder(
            name=trial.trial_id,
            run=str(run),
            base=str(search.path),
            values=values,
            last_epoch=epochs,
            cache=str(search.data),
            go_on_from=str(search.trials / before) if before else None,
        )
        several = self.tune_configuration.workers > 1
        threads = max(1, (os.cpu_count() or 1) // self.tune_configuration.workers) if several else None
        search.failure(trial.trial_id).unlink(missing_ok=True)
        try:
            if not is_finished(order):
                start_trial(order, threads, search.trials / f"{trial.trial_id}.log" if several else None)
        except TrialFailed as error:
            search.failure(trial.trial_id).write_text(f"{error}\n", encoding="utf-8")
            logger.warning("trial %s failed: %s", trial.trial_id, error)
            raise
        figures = read_figures(RunDirectory(run))
        assert figures is not None
        name = self.oracle.objective.name
        logger.info("trial %s: %s %.2f", trial.trial_id, name, figures[name])
        return {name: figures[name]}

    def _try_run_and_update_trial(self, trial: Any, *arguments: Any, **options: Any) -> None:
        # keras-tuner's own takes any error for a failed trial, also one of ours, and prints its traceback.
        try:
            self._run_and_update_trial(trial, *arguments, **options)
            trial.status = "COMPLETED"
        except TrialFailed as error:
            trial.status, trial.message = "FAILED", str(error)

    def _get_tuner_fname(self) -> str:
        # One for all: a search begun with workers may go on without them.
        return str(self.search_directory.oracle / "tuner.json")

    def save(self) -> None:
        """Note that there is something to go on with; the oracle writes its own state."""
        if not self._is_worker():
            self.oracle.save()
        write_atomically(Path(self._get_tuner_fname()), "{}")


def _conclude(oracle: ResumableOracle, directory: SearchDirectory, space: SearchSpace) -> SearchResult:
    records = [_record(trial, directory, space) for trial in oracle.trials.values()]
    result = SearchResult(directory.path, records, space)
    write_report(result)
    if oracle.stopped_by_failures:
        what = f"{len(oracle.failures)} trials failed in a row ({_reasons(records, oracle.failures)})"
        raise TrainingError(f"{what}; mend the cause, and the same command goes on")
    if result.best is None:
        what = f"no trial succeeded ({_reasons(records, oracle.trials)})"
        raise TrainingError(f"{what}; mend the cause, then ask for more tune.trials or begin anew with --overwrite")
    return result


def _reasons(records: list[TrialRecord], names: Collection[str]) -> str:
    return "; ".join(f"trial {record.name}: {record.reason}" for record in records if record.name in names)


def _record(trial: Any, directory: SearchDirectory, space: SearchSpace) -> TrialRecord:
    run, failure = directory.trials / trial.trial_id, directory.failure(trial.trial_id)
    figures = read_figures(RunDirectory(run)) if trial.status == "COMPLETED" else None
    metrics = objectives(space.configuration.text)
    said = failure.read_text(encoding="utf-8").strip() if failure.is_file() else trial.message or "unknown reason"
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
