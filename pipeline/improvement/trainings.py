"""Trainings side by side, each in a process of its own, with a word about where they stand."""

import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from typing import TypeVar

from pipeline.errors import CircumstanceError, TrainingError
from pipeline.improvement.directory import Clock, ImprovementDirectory, in_time
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from pipeline.study.jobs import Job, run_jobs

logger = logging.getLogger(__name__)

TELL_SECONDS = 60.0
Wanted = TypeVar("Wanted")


def train_all(
    directory: ImprovementDirectory,
    orders: Mapping[str, tuple[RunDirectory, Configuration]],
    workers: int,
    clock: Clock,
) -> list[str]:
    """Train what is not trained yet.

    Args:
        directory: The improvement.
        orders: Run and settings, by name.
        workers: How many at the same time.
        clock: Runs on.

    Returns:
        The names of those that are trained.

    Raises:
        CircumstanceError: One failed for want of room or memory; the same command goes on.
        TrainingError: None could be trained.
    """
    jobs = []
    for name, (run, configuration) in orders.items():
        if run.read_result() is None:
            settings = directory.settings / f"{name}.yaml"
            configuration.save(settings)
            # Of all of them one is exported, and to another place.
            words = ["train", f"--config={settings}", f"--run={run.path}", "--no-export"]
            jobs.append(Job(name, words, directory.logs / f"{name}.log"))
    failures = run_jobs(jobs, min(workers, len(jobs)), _Watch(orders, clock)) if jobs else {}
    again = [f"{name}: {failure.reason}" for name, failure in failures.items() if failure.try_again]
    if again:
        raise CircumstanceError(f"{'; '.join(again)}; then the same command goes on")
    trained = [name for name, (run, _) in orders.items() if run.read_result() is not None]
    if not trained:
        raise TrainingError("; ".join(f"{name}: {failure.reason}" for name, failure in failures.items()))
    for name in failures:
        logger.warning("%s is left out; its messages are in %s", name, directory.logs / f"{name}.log")
    return trained


class _Watch:
    """Says now and then how far the trainings are."""

    def __init__(self, orders: Mapping[str, tuple[RunDirectory, Configuration]], clock: Clock) -> None:
        self.orders, self.clock = orders, clock
        self.began = self.told = time.monotonic()
        self.before = self._epochs()

    def __call__(self) -> None:
        self.clock.tick()
        if time.monotonic() - self.told < TELL_SECONDS:
            return
        self.told = time.monotonic()
        epochs, most = self._epochs(), sum(configuration.train.epochs for _, configuration in self.orders.values())
        speed = (sum(epochs.values()) - sum(self.before.values())) / (self.told - self.began)
        running = ", ".join(f"{name} epoch {number}" for name, number in epochs.items() if not self._ended(name))
        missing = most - sum(epochs.values())
        left = f"; at most {in_time(missing / speed)} left" if speed > 0 and missing else ""
        of_all = sum(map(self._ended, self.orders))
        logger.info("%d of %d trained; %s%s", of_all, len(self.orders), running, left)

    def _ended(self, name: str) -> bool:
        return self.orders[name][0].result.is_file()

    def _epochs(self) -> dict[str, int]:
        """How many each has behind it; all of them where it has ended early."""
        found = {}
        for name, (run, configuration) in self.orders.items():
            if run.result.is_file():
                found[name] = configuration.train.epochs
            else:
                found[name] = run.metrics.read_bytes().count(b"\n") if run.metrics.is_file() else 0
        return found


def training_seconds(run: RunDirectory) -> float:
    """How long the epochs of a run took, over all interruptions."""
    lines = run.metrics.read_text(encoding="utf-8").splitlines() if run.metrics.is_file() else []
    return sum(float(json.loads(line).get("seconds", 0.0)) for line in lines)


def student_epochs(epochs: int, share: float, seconds: float, left: float) -> int:
    """How many epochs of a student there is time for; at least as many as have the steps of a member.

    Args:
        epochs: Of a member.
        share: How many times as long an epoch of the student is.
        seconds: What all these epochs would take of it.
        left: Seconds that there are.

    Example:
        >>> [student_epochs(30, 3.0, 900, left) for left in (1000, 600, 0)]
        [30, 20, 10]
    """
    fitting = int(epochs * max(0.0, left) / seconds) if seconds > left else epochs
    return min(epochs, max(fitting, math.ceil(epochs / share)))


def how_many_fit(left: float, reserve: float, wave: float, workers: int, wanted: Sequence[Wanted]) -> list[Wanted]:
    """Those of further trainings for which there is time.

    Args:
        left: Seconds that there are.
        reserve: Of these, what is needed afterwards.
        wave: How long as many as run at the same time take.
        workers: How many that are.
        wanted: What they are.

    Example:
        >>> how_many_fit(100, 40, 25, 2, ["3", "4", "5", "6", "7"])
        ['3', '4', '5', '6']
    """
    waves = max(0, int((left - reserve) // wave)) if wave > 0 else len(wanted)
    return list(wanted[: waves * workers])
