"""`train --workers N`: the other workers of a training on this machine, which this process leads."""

import contextlib
import json
import logging
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence

from pipeline.cluster.members import TF_CONFIG, find_members
from pipeline.errors import LostWorkerError, UsageError
from pipeline.process.children import Child, Messages
from pipeline.process.environment import usable_cores
from pipeline.process.installation import own_environment

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
PATIENCE = 30.0
"""Seconds in which this process should have noticed that a worker is gone, and a worker that this one has ended."""
GPUS = "CUDA_VISIBLE_DEVICES"


@contextlib.contextmanager
def local_workers(number: int, words: Sequence[str]) -> Iterator[None]:
    """Start the others, and make this process the first of them; to be entered before TensorFlow is imported.

    Args:
        number: How many there are in all.
        words: The command line of each.

    Raises:
        UsageError: There cannot be so many.
        LostWorkerError: One has ended.
    """
    if find_members(os.environ):
        raise UsageError(f"--workers {number}: impossible here, {TF_CONFIG} or SLURM has named the workers already")
    cores, gpus = usable_cores(), visible_gpus()
    if number > (len(gpus) or cores):
        there = f"{len(gpus)} GPUs" if gpus else f"{cores} cores"
        raise UsageError(f"--workers {number}: impossible, there are {there} here, and each needs one of its own")
    addresses = [f"127.0.0.1:{port}" for port in free_ports(number)]
    threads = max(1, cores // number)
    _set_own_environment(addresses, threads, gpus)
    logger.info("%d workers with %d %s each", number, threads, "thread" if threads == 1 else "threads")
    children = [
        Child(
            list(words),
            environment=own_environment() | worker_environment(addresses, rank, gpus),
            threads=threads,
            messages=Messages(shown=False),
            apart=True,
        )
        for rank in range(1, number)
    ]
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(children, over), daemon=True)
    watcher.start()
    try:
        yield
        _wait(children)
    except LostWorkerError as error:
        reason = describe_lost(children)
        raise LostWorkerError(f"{reason}; the same command goes on from the last checkpoint") from error
    finally:
        over.set()
        deadline = time.monotonic() + PATIENCE / 6
        for child in children:
            child.stop(patience=deadline - time.monotonic())


def worker_environment(addresses: Sequence[str], rank: int, gpus: Sequence[str] = ()) -> dict[str, str]:
    """What tells a process which of the workers it is.

    Example:
        >>> sorted(worker_environment(["a:1", "a:2"], 1, ["0", "1"]))
        ['CUDA_VISIBLE_DEVICES', 'TF_CONFIG']
    """
    task = {"cluster": {"worker": list(addresses)}, "task": {"type": "worker", "index": rank}}
    return {TF_CONFIG: json.dumps(task)} | ({GPUS: gpus[rank]} if gpus else {})


def visible_gpus() -> list[str]:
    """The names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES has them; without TensorFlow."""
    chosen = os.environ.get(GPUS)
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    return [str(place) for place, line in enumerate(listed.splitlines()) if line.startswith("GPU ")]


def free_ports(number: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _set_own_environment(addresses: Sequence[str], threads: int, gpus: Sequence[str]) -> None:
    os.environ.update(worker_environment(addresses, 0, gpus))
    for kind in ("INTRAOP", "INTEROP"):
        os.environ[f"TF_NUM_{kind}_THREADS"] = str(threads)


def _watch(children: Sequence[Child], over: threading.Event) -> None:
    """End this process where a worker has ended and TensorFlow waits for it all the same, as it does at the start."""
    lost = None
    while not over.wait(POLL_SECONDS):
        if any(child.exit_code() for child in children):
            lost = lost or time.monotonic()
            if time.monotonic() - lost > PATIENCE:
                logger.error("error: %s; the same command goes on from the last checkpoint", describe_lost(children))
                os._exit(LostWorkerError.exit_code)


def _wait(children: Sequence[Child]) -> None:
    """For the others' end, which is near."""
    deadline = time.monotonic() + PATIENCE
    while any(child.exit_code() is None for child in children) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS / 5)


def describe_lost(children: Sequence[Child]) -> str:
    """Which of the workers has ended, and why as far as it said."""
    for rank, child in enumerate(children, 1):
        code = child.exit_code()
        if code:
            why = child.describe_end(
                "ended by signal SIGKILL, perhaps for want of memory", f"ended with exit code {code}"
            )
            return f"worker {rank} is lost: {why}"
    return "a worker no longer answers"
