"""Trainings of a study: each a `train` in a process of its own, one after the other or several at the same time."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import CircumstanceError, TrainingError
from pipeline.process.children import CANNOT_WRITE, INTERRUPTED, MEMORY_SHORT, Child, Messages
from pipeline.process.environment import usable_cores
from pipeline.process.interruption import Interruption

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
INTERRUPT_SECONDS = 20.0
KILLED = "ended by signal SIGKILL, probably for want of memory"


class Failure(NamedTuple):
    """How a job ended that did not end well."""

    reason: str
    try_again: bool
    """Whether not its settings alone are at fault, but the disk, memory or somebody who ended it."""


class Job(NamedTuple):
    """A command of the pipeline that is to be run."""

    name: str
    arguments: list[str]
    log: Path
    """File for its messages."""


def run_jobs(
    jobs: Sequence[Job], workers: int = 1, watch: Callable[[], None] = lambda: None, told: tuple[str, ...] = ()
) -> dict[str, Failure]:
    """Run them and wait for all; one that fails does not stop the others.

    The processes end with this one, however it ends; Ctrl-C and SIGTERM are passed on to them, and they save. Of a
    single worker the messages are shown as they come.

    Args:
        jobs: In the order in which they are to begin.
        workers: How many may run at the same time.
        watch: Called now and then, while they run.
        told: How lines begin that are shown of each of several workers, with its name before them.

    Returns:
        Why the ones that failed did, by name.

    Raises:
        KeyboardInterrupt: This process, or one of them, was interrupted; the others are ended.
    """
    with Interruption() as interruption:
        return _run_jobs(jobs, workers, watch, told, interruption)


def threads_of(workers: int) -> int | None:
    """TensorFlow's threads in each of so many processes at the same time; None leaves all to a single one."""
    return max(1, usable_cores() // workers) if workers > 1 else None


def require_all(failures: dict[str, Failure]) -> None:
    """Raise an error that says why trainings failed, those that failed for the same reason together.

    Raises:
        TrainingError: There are any.
    """
    if not failures:
        return
    names: dict[str, list[str]] = {}
    for name, failure in failures.items():
        names.setdefault(failure.reason, []).append(name)
    said = "; ".join(f"{', '.join(of)}: {reason}" for reason, of in names.items())
    again = any(failure.try_again for failure in failures.values())
    raise (CircumstanceError if again else TrainingError)(f"{said} (the same command tries again)")


def _run_jobs(
    jobs: Sequence[Job], workers: int, watch: Callable[[], None], told: tuple[str, ...], interruption: Interruption
) -> dict[str, Failure]:
    waiting, running, failures = list(jobs), list[_Running](), dict[str, Failure]()
    try:
        while waiting or running:
            interruption.end_if_asked()
            while waiting and len(running) < workers:
                job = waiting.pop(0)
                logger.info("%s begins (%d of %d)", job.name, len(jobs) - len(waiting), len(jobs))
                running.append(_Running(job, _start(job, workers, told)))
            time.sleep(POLL_SECONDS)
            watch()
            for job, child in [one for one in running if one.child.exit_code() is not None]:
                running.remove(_Running(job, child))
                failure = _failure(job, child)
                if failure:
                    failures[job.name] = failure
                    logger.warning("%s failed: %s", job.name, failure.reason)
    finally:
        deadline = time.monotonic() + INTERRUPT_SECONDS
        for _, child in running:
            child.ask_to_end()
        for _, child in running:
            child.stop(patience=deadline - time.monotonic())
    return failures


class _Running(NamedTuple):
    job: Job
    child: Child


def _start(job: Job, workers: int, told: tuple[str, ...]) -> Child:
    def tell(line: str) -> None:
        if workers > 1 and line.startswith(told):
            logger.info("%s: %s", job.name, line)

    job.log.unlink(missing_ok=True)
    messages = Messages(job.log, shown=workers == 1, tell=tell)
    return Child(job.arguments, threads=threads_of(workers), messages=messages, apart=True)


def _failure(job: Job, child: Child) -> Failure | None:
    """Why a child that has ended did so otherwise than well.

    Raises:
        KeyboardInterrupt: Because of Ctrl-C.
    """
    code = child.exit_code()
    if code in INTERRUPTED:
        raise KeyboardInterrupt
    if not code:
        return None
    reason = child.describe_end(killed=KILLED, otherwise=f"ended with exit code {code}, see {job.log}")
    return Failure(reason, try_again=code < 0 or code in (CANNOT_WRITE, MEMORY_SHORT))
