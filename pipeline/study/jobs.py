"""Trainings of a study: each a `train` in a process of its own, one after the other or several at the same time."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.process.installation import own_command, own_environment
from pipeline.tuning.workers import CANNOT_WRITE, MEMBER, MEMORY_SHORT

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
INTERRUPT_SECONDS = 20.0


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


def run_jobs(jobs: Sequence[Job], workers: int = 1) -> dict[str, Failure]:
    """Run them and wait for all; one that fails does not stop the others.

    The processes end with this one, however it ends. Of a single worker the messages are shown as they come.

    Args:
        jobs: In the order in which they are to begin.
        workers: How many may run at the same time.

    Returns:
        Why the ones that failed did, by name.

    Raises:
        KeyboardInterrupt: One of them was interrupted; the others are ended.
    """
    waiting, running, failures = list(jobs), list[_Process](), dict[str, Failure]()
    threads = max(1, (os.cpu_count() or 1) // workers) if workers > 1 else None
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                logger.info("%s begins (%d of %d)", waiting[0].name, len(jobs) - len(waiting) + 1, len(jobs))
                running.append(_Process(waiting.pop(0), threads, shown=workers == 1))
            time.sleep(POLL_SECONDS)
            for process in [process for process in running if process.has_ended()]:
                running.remove(process)
                failure = process.failure()
                if failure:
                    failures[process.name] = failure
                    logger.warning("%s failed: %s", process.name, failure.reason)
    finally:
        _stop(running)
    return failures


class _Process:
    """A job that runs."""

    def __init__(self, job: Job, threads: int | None, shown: bool) -> None:
        self.name, self.log, self.shown, self.position = job.name, job.log, shown, 0
        environment = {**own_environment(), MEMBER: "1"}
        if threads is not None:
            environment |= {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)}
        if shown and sys.stderr.isatty():
            environment["TQDM_MININTERVAL"] = "0.5"
        command = [*own_command(), *job.arguments]
        with open(job.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log, env=environment
            )

    def has_ended(self) -> bool:
        """Whether it has; passes on what it said since the last time."""
        ended = self.process.poll() is not None
        if self.shown:
            with open(self.log, "rb") as log:
                log.seek(self.position)
                said = log.read()
            self.position += len(said)
            sys.stderr.write(said.decode("utf-8", errors="replace"))
            sys.stderr.flush()
        return ended

    def failure(self) -> Failure | None:
        """Why it ended otherwise than well.

        Raises:
            KeyboardInterrupt: Because of Ctrl-C.
        """
        self.close()
        code = self.process.returncode
        if code in (130, 143, -signal.SIGINT):
            raise KeyboardInterrupt
        if not code:
            return None
        if code < 0:
            memory = ", probably for want of memory" if code == -signal.SIGKILL else ""
            return Failure(f"ended by signal {signal.Signals(-code).name}{memory}", try_again=True)
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        reason = said[-1] if said else f"ended with exit code {code}, see {self.log}"
        return Failure(reason, try_again=code in (CANNOT_WRITE, MEMORY_SHORT))

    def close(self) -> None:
        """Close its standard input, whose end ends it too."""
        if self.process.stdin:
            self.process.stdin.close()


def _stop(processes: Sequence[_Process]) -> None:
    """End them; a terminal sends Ctrl-C to them too, and then they are about to save where they stand."""
    deadline = time.monotonic() + INTERRUPT_SECONDS
    for process in processes:
        try:
            process.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.close()
            try:
                process.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.process.kill()
                process.process.wait()
        process.close()
