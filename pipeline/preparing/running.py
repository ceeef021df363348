"""A stage done by many processes: started, watched, and heard how they end."""

import logging
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import CircumstanceError, DataError, MemoryShortError, UsageError
from pipeline.preparing.plan import Plan
from pipeline.preparing.progress import show_progress
from pipeline.preparing.stages import is_done, work
from pipeline.process.children import INTERRUPTED, MEMORY_SHORT, Child, Messages
from pipeline.process.installation import own_environment
from pipeline.process.interruption import Interruption

logger = logging.getLogger(__name__)

COMMAND = "prepare-shards"
"""That a worker in a process of its own is started by."""
POLL_SECONDS = 0.2


def run_stage(plan: Plan, stage: str, workers: int, pairs: int | None = None) -> None:
    """Do what is left of a stage.

    Raises:
        AttentifError: A worker ended otherwise than well.
        KeyboardInterrupt: This process, or one of them, was interrupted.
    """
    left = [shard for shard in range(len(plan.shards)) if not is_done(plan, stage, shard)]
    token = secrets.token_hex(8)
    if not left:
        return
    shutil.rmtree(plan.work / "claims", ignore_errors=True)
    with show_progress(plan, stage, left, pairs) as progress:
        if min(workers, len(left)) == 1:
            work(plan.out, stage, token, progress.tell)
        else:
            _run_children(plan, stage, token, min(workers, len(left)), progress.look)
    undone = [plan.name(shard) for shard in left if not is_done(plan, stage, shard)]
    if undone:
        raise CircumstanceError(
            f"{plan.out}: {undone[0]} is not done, its worker ended; the same command does the rest"
        )


def _run_children(plan: Plan, stage: str, token: str, workers: int, look: Callable[[], object]) -> None:
    running = list[Child]()
    with Interruption() as interruption:
        try:
            running += [_start(plan.out, stage, token) for _ in range(workers)]
            while running:
                interruption.end_if_asked()
                time.sleep(POLL_SECONDS)
                look()
                for child in [child for child in running if child.exit_code() is not None]:
                    running.remove(child)
                    _hear_end(child)
        finally:
            for child in running:
                child.ask_to_end()
            for child in running:
                child.stop(patience=1.0)


def _start(out: Path, stage: str, token: str) -> Child:
    def tell(line: str) -> None:
        if line.startswith("warning: "):
            logger.warning("%s", line.removeprefix("warning: "))

    # Nothing that a GPU could help with.
    variables = {**own_environment(), "CUDA_VISIBLE_DEVICES": "-1"}
    return Child([COMMAND, str(out), stage, token], variables, 1, Messages(shown=False, tell=tell), apart=True)


def _hear_end(child: Child) -> None:
    code = child.exit_code() or 0
    if code in INTERRUPTED:
        raise KeyboardInterrupt
    if not code:
        return
    reason = child.describe_end(
        "ended by signal SIGKILL, probably for want of memory", f"a worker ended with exit code {code}"
    )
    if code < 0 or code == MEMORY_SHORT:
        raise MemoryShortError(f"a worker: {reason}; the same command does the rest (--workers takes fewer)")
    if code == UsageError.exit_code:
        raise UsageError(reason)
    raise CircumstanceError(reason) if code == CircumstanceError.code_for_parent else DataError(reason)
