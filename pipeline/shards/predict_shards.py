"""`predict --shards`: workers are started, watched, and what came of it is summed up."""

import logging
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.answering.line_progress import above_bars
from pipeline.errors import CircumstanceError, DataError, MemoryShortError, UsageError, count_of
from pipeline.process.children import INTERRUPTED, MEMORY_SHORT, Child, Messages
from pipeline.process.environment import usable_cores
from pipeline.process.installation import own_environment
from pipeline.process.interruption import Interruption
from pipeline.shards.asked import Asked
from pipeline.shards.job import Job
from pipeline.shards.listing import Shard
from pipeline.shards.survey import Survey, show_survey

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
THREADS = 1
"""Of each worker. Sums of floating-point numbers depend on how many threads share them; answers must not."""
KILLED = "ended by signal SIGKILL, probably for want of memory"


def predict_shards(asked: Asked, patterns: Sequence[str], out: Path, workers: int | None = None) -> dict[str, Any]:
    """Answer every line of many files, each into a file of its own; what was done before stays as it is.

    Killed at any moment and called again, it does the rest, and all is as if nothing had happened: the same bytes. The
    same call on other machines with the same folder shares the work.

    Args:
        asked: The model, and what is wanted of it.
        patterns: Of the files, see `list_shards`.
        out: The folder for the answers.
        workers: Processes; None takes one for each usable core.

    Returns:
        Figures: shards, lines, unanswered, and how many shards were done before.

    Raises:
        UsageError: Among others, answers are there that are made of something else, or by something else.
        DataError: Some shards cannot be answered; the others are.
        KeyboardInterrupt: It was asked to end.
    """
    job = Job(asked, tuple(patterns), out, secrets.token_hex(8))
    begun = job.begin()
    left = begun.look()
    _tell_beginning(begun.shards, left, workers := min(workers or usable_cores(), len(left)))
    if left:
        _run(job, workers, Survey(begun.place, begun.shards, begun.before))
    return begun.end()


def work(job: Job) -> None:
    """What a worker does: open the model once, and answer shards until none is left.

    Raises:
        UsageError: See `Asked.open`; and `Worker.work`.
        DataError: A file of the model is damaged.
        OSError: The folder cannot be written.
    """
    begun = job.begin()
    begun.open().work(begun.shards)


def _tell_beginning(shards: Sequence[Shard], left: Sequence[Shard], workers: int) -> None:
    done = len(shards) - len(left)
    said = f"{count_of(len(shards), 'shard')}, {done:,} of them done before"
    if not left:
        logger.info("%s: nothing to do", said)
        return
    logger.info("%s; %s", said, count_of(workers, "worker"))
    if workers < usable_cores() and workers == len(left):
        logger.info("a shard is answered by one worker: more and smaller files would use all %d cores", usable_cores())


def _run(job: Job, workers: int, survey: Survey) -> None:
    """Start the workers, and wait for their end.

    Raises:
        AttentifError: One ended otherwise than well, and so would the others; or none is left.
        KeyboardInterrupt: This process, or one of them, was interrupted.
    """
    running = list[Child]()
    with Interruption() as interruption, show_survey(survey) as update, above_bars():
        try:
            running += [_start(job) for _ in range(workers)]
            while running:
                interruption.end_if_asked()
                time.sleep(POLL_SECONDS)
                update()
                for child in [child for child in running if child.exit_code() is not None]:
                    running.remove(child)
                    _hear_end(child, others=bool(running))
        finally:
            for child in running:
                child.ask_to_end()
            for child in running:
                child.stop(patience=1.0)


def _start(job: Job) -> Child:
    def tell(line: str) -> None:
        if line.startswith("warning: "):
            logger.warning("%s", line.removeprefix("warning: "))

    # Of a GPU the first of several processes would take all memory.
    variables = {**own_environment(), "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    return Child(job.arguments(), variables, THREADS, Messages(shown=False, tell=tell), apart=True)


def _hear_end(child: Child, others: bool) -> None:
    code = child.exit_code() or 0
    if code in INTERRUPTED:
        raise KeyboardInterrupt
    if not code:
        return
    reason = child.describe_end(KILLED, f"a worker ended with exit code {code}")
    if code < 0 or code == MEMORY_SHORT:
        if others:
            # What it was at is free, and others take it.
            logger.warning("a worker: %s; the others go on", reason)
            return
        raise MemoryShortError(f"the last worker: {reason}; the same command does the rest (--workers takes fewer)")
    if code == UsageError.exit_code:
        raise UsageError(reason)
    raise CircumstanceError(reason) if code == CircumstanceError.code_for_parent else DataError(reason)
