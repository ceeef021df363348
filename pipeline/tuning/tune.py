"""Tuning: keras-tuner proposes settings, every trial trains in a process of its own, the best is written.

One process does both, or one asks (keras-tuner's chief, who has the oracle) and others train (its workers);
`KERASTUNER_TUNER_ID`, `KERASTUNER_ORACLE_IP` and `KERASTUNER_ORACLE_PORT` say which, see docs/tuning.md; where the
chief listens at another address than workers ask for (behind a Service of Kubernetes), `KERASTUNER_ORACLE_BIND` has it.
"""

import contextlib
import dataclasses
import ipaddress
import logging
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from pipeline.errors import TrainingError, count_of
from pipeline.files.durable import readable_name
from pipeline.model.own_attention import require_importable
from pipeline.process.children import CHILD
from pipeline.process.messages import message_stream
from pipeline.runs.lock import lock_run
from pipeline.settings.configuration import Configuration
from pipeline.settings.tune import TuneConfiguration
from pipeline.tuning.directory import TuningDirectory, begin_tuning, wait_for_tuning
from pipeline.tuning.oracles import ResumableOracle, make_oracle
from pipeline.tuning.report import write_report
from pipeline.tuning.result import TrialRecord, TuningResult
from pipeline.tuning.signs_of_life import CHIEF, signs_of_life
from pipeline.tuning.space import Space, find_space, read_space
from pipeline.tuning.trial_tuner import TrialTuner, collect_trials
from pipeline.tuning.workers import run_workers

logger = logging.getLogger(__name__)

BIND = "KERASTUNER_ORACLE_BIND"
"""Where the chief listens, where that is not the address that workers ask for."""


def tune(
    configuration: Configuration,
    tune_configuration: TuneConfiguration,
    run: Path | str,
    space: Space | None = None,
    overwrite: bool = False,
    on_trial: Callable[[TuningResult], None] | None = None,
) -> TuningResult:
    """Tune, or go on with an unfinished tuning; then report.

    Args:
        configuration: What the space lies around; its `train.epochs` is that of a full trial unless
            `tune_configuration` says otherwise.
        tune_configuration: How to tune.
        run: Directory of the tuning. A finished trial in it is never run again.
        space: What varies; None reads the file that `tune_configuration` names.
        overwrite: Replace a tuning that is already there.
        on_trial: Called with all trials so far whenever one has ended, as `LiveTrials` takes them.

    Returns:
        Every trial, and the best.

    Raises:
        UsageError: The directory holds another tuning or something else, is being tuned by another process, or its
            trials had other data.
        DataError: The data cannot be used.
        TrainingError: No trial succeeded, three failed in a row, or one could not write.
    """
    configuration = _with_epochs(configuration, tune_configuration)
    if space is None:
        space = read_space(find_space(tune_configuration.space), configuration)
    else:
        space = dataclasses.replace(space, configuration=configuration)
    require_importable(configuration.model.attention, *space.values_of("model.attention"))
    directory = TuningDirectory(Path(run))
    role = os.environ.get("KERASTUNER_TUNER_ID", "") if "KERASTUNER_ORACLE_IP" in os.environ else ""
    is_worker = bool(role) and "chief" not in role
    if is_worker:
        wait_for_tuning(directory)
        return _tune(directory, tune_configuration, space, role, None)
    # The one that started a chief has the lock.
    with contextlib.nullcontext() if CHILD in os.environ else lock_run(directory, "tuning"):
        begin_tuning(directory, configuration, tune_configuration, space, overwrite)
        if role or tune_configuration.workers == 1:
            return _tune(directory, tune_configuration, space, role, on_trial)
        progress = _Progress(directory, tune_configuration, space, on_trial)
        run_workers(directory.path, configuration, tune_configuration, progress.look)
        return _conclude(progress.read_oracle(), directory, space)


class _Progress:
    """Looks at a tuning that other processes do.

    Args:
        directory: Of the tuning.
        tune_configuration: How to tune.
        space: What varies.
        on_trial: See `tune`.
    """

    def __init__(
        self,
        directory: TuningDirectory,
        tune_configuration: TuneConfiguration,
        space: Space,
        on_trial: Callable[[TuningResult], None] | None,
    ) -> None:
        self.directory, self.tune_configuration, self.space = directory, tune_configuration, space
        self.on_trial, self._ended = on_trial, -1

    def read_oracle(self) -> ResumableOracle:
        """The state of the tuning, as the chief's process wrote it."""
        oracle = make_oracle(self.tune_configuration, self.space, self.space.configuration.train.epochs)
        with readable_name(self.directory.path) as name:
            oracle._set_project_dir(str(name), self.directory.oracle.name)
            oracle.reload()
        return oracle

    def look(self) -> None:
        """Tell of the trials that have ended, if there are more than at the last look."""
        if self.on_trial is None or not (self.directory.oracle / "oracle.json").is_file():
            return
        oracle = self.read_oracle()
        if len(oracle.end_order) > max(0, self._ended):
            self.on_trial(collect_trials(oracle, self.directory, self.space))
        self._ended = len(oracle.end_order)


def _tune(
    directory: TuningDirectory,
    tune_configuration: TuneConfiguration,
    space: Space,
    role: str,
    on_trial: Callable[[TuningResult], None] | None,
) -> TuningResult:
    """Tune in this process, alone or as one of several."""
    _warn_of_address(role)
    oracle = make_oracle(tune_configuration, space, space.configuration.train.epochs)
    tuned = count_of(len(space.dimensions), "setting")
    logger.info("tuning %s, algorithm %s", tuned, tune_configuration.algorithm)
    # keras-tuner prints, and knows only names that are UTF-8.
    with (
        contextlib.redirect_stdout(message_stream()),
        readable_name(directory.path) as name,
        _among_others(directory, role, oracle),
    ):
        tuner = TrialTuner(oracle, directory, space, tune_configuration, name, on_trial)
        tuner.search(verbose=0)
    if CHILD in os.environ or (role and "chief" not in role):
        return TuningResult(directory.path, [], space)
    return _conclude(oracle, directory, space)


@contextlib.contextmanager
def _among_others(directory: TuningDirectory, role: str, oracle: ResumableOracle) -> Iterator[None]:
    """As one of several processes: give signs of life, and, as the chief, listen where a Service hands on to."""
    if not role:
        yield
        return
    leads = "chief" in role
    if leads and os.environ.get(BIND):
        os.environ["KERASTUNER_ORACLE_IP"] = os.environ[BIND]
    with signs_of_life(directory.signs, CHIEF if leads else role, oracle if leads else None):
        yield


def _with_epochs(configuration: Configuration, tune_configuration: TuneConfiguration) -> Configuration:
    epochs = tune_configuration.epochs or configuration.train.epochs
    return dataclasses.replace(configuration, train=dataclasses.replace(configuration.train, epochs=epochs))


def _warn_of_address(role: str) -> None:
    address = os.environ.get("KERASTUNER_ORACLE_IP", "")
    if role and not _is_loopback(address):
        logger.warning(
            "keras-tuner's chief at %s asks for no password: whoever reaches it can steer the tuning; "
            "use it in a private network only",
            address,
        )


def _is_loopback(address: str) -> bool:
    """Whether only this machine can reach it, as far as the address itself tells."""
    try:
        return address == "localhost" or ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def _conclude(oracle: ResumableOracle, directory: TuningDirectory, space: Space) -> TuningResult:
    result = collect_trials(oracle, directory, space)
    records = result.trials
    write_report(result)
    if oracle.stopped_by_failures:
        what = f"{count_of(len(oracle.failures), 'trial')} failed in a row ({_reasons(records, oracle.failures)})"
        raise TrainingError(f"{what}; mend the cause, and the same command goes on")
    if result.best is None:
        what = f"no trial succeeded ({_reasons(records, oracle.trials)})"
        raise TrainingError(f"{what}; mend the cause, then ask for more tune.trials or begin anew with --overwrite")
    return result


def _reasons(records: list[TrialRecord], names: Collection[str]) -> str:
    return "; ".join(f"trial {record.name}: {record.reason}" for record in records if record.name in names)
