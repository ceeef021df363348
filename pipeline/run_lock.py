"""One training at a time in a run directory."""

import contextlib
import datetime
import json
import logging
import os
import socket
from collections.abc import Iterator

from filelock import FileLock, Timeout

from pipeline.errors import UsageError
from pipeline.run_directory import RunDirectory

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def lock_run(directory: RunDirectory) -> Iterator[None]:
    """Keep other trainings out of a run directory while this is entered.

    The system itself takes the lock from a process that ends, however it ends: a lock is never stale. What such a
    process left written about itself is reported.

    Raises:
        UsageError: Another process trains there; the message names it.
    """
    existed = directory.path.is_dir()
    if directory.path.exists() and not existed:
        raise UsageError(f"{directory.path}: exists and is not a run; choose another --run")
    directory.path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory.lock, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"{directory.path}: is being trained by {_read_holder(directory)}; wait for it, end it, "
            "or choose another --run"
        ) from None
    try:
        if directory.lock_holder.is_file():
            logger.info("%s: %s ended without a word", directory.path, _read_holder(directory))
        with contextlib.suppress(OSError):  # on a full disk the lock still holds, without a name
            directory.lock_holder.write_text(json.dumps(_describe_this_process()), encoding="utf-8")
        yield
    finally:
        directory.lock_holder.unlink(missing_ok=True)
        # Before the lock is free: the file of somebody else would be removed after that.
        _leave_nothing(directory, existed)
        lock.release()


def _describe_this_process() -> dict[str, object]:
    now = datetime.datetime.now().isoformat(sep=" ", timespec="seconds")
    return {"process": os.getpid(), "machine": socket.gethostname(), "since": now}


def _read_holder(directory: RunDirectory) -> str:
    try:
        holder = json.loads(directory.lock_holder.read_text(encoding="utf-8"))
        return f"process {holder['process']} on {holder['machine']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _leave_nothing(directory: RunDirectory, existed: bool) -> None:
    """A training that was refused before it began leaves no directory behind."""
    if directory.exists():
        return
    with contextlib.suppress(OSError):
        directory.lock.unlink(missing_ok=True)
        if not existed:
            directory.path.rmdir()
