"""One training at a time in a run directory, and one tuning or study in its own."""

import contextlib
import datetime
import errno
import json
import logging
import os
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from pipeline.errors import UsageError
from pipeline.files.durable import require_local
from pipeline.runs.ownership import require_free

logger = logging.getLogger(__name__)

NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""What a file system without locks says, as some that are on other machines do."""


class Lockable(Protocol):
    """A directory that one process at a time writes to."""

    path: Path
    lock: Path
    lock_holder: Path

    def exists(self) -> bool:
        """Whether anything was begun there."""


@contextlib.contextmanager
def lock_run(directory: Lockable, kind: str = "run") -> Iterator[None]:
    """Keep others out of a directory while this is entered.

    The system itself takes the lock from a process that ends, however it ends: a lock is never stale. What such a
    process left written about itself is reported. Where the file system has no locks, there is a warning.

    Args:
        directory: A run's, a tuning's or a study's.
        kind: Which of them, for messages.

    Raises:
        UsageError: Another process is at work there; the message names it.
    """
    require_local(directory.path)
    existed = directory.path.is_dir()
    require_free(directory.path, kind, existed or not directory.path.exists(), remedy="choose another --run")
    directory.path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory.lock, blocking=False)
    _acquire(lock, directory, kind)
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


def _acquire(lock: FileLock, directory: Lockable, kind: str) -> None:
    said: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True, action="always") as said:
            lock.acquire()
    except Timeout:
        at_work = "is being trained" if kind == "run" else f"a {kind} is being run there"
        # Without the system's locks a file stands for one, which another machine may have left behind.
        over = f", delete {directory.lock} if it has ended on another machine" if said else ""
        holder = _read_holder(directory)
        raise UsageError(
            f"{directory.path}: {at_work} by {holder}; wait for it, end it{over}, or choose another --run"
        ) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        logger.warning(
            "%s: this file system has no locks (%s): do not start a second command here before this one has ended",
            directory.path,
            error.strerror or error,
        )


def _describe_this_process() -> dict[str, object]:
    now = datetime.datetime.now().isoformat(sep=" ", timespec="seconds")
    return {"process": os.getpid(), "machine": socket.gethostname(), "since": now}


def _read_holder(directory: Lockable) -> str:
    try:
        holder = json.loads(directory.lock_holder.read_text(encoding="utf-8"))
        return f"process {holder['process']} on {holder['machine']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _leave_nothing(directory: Lockable, existed: bool) -> None:
    """What was refused before it began leaves no directory behind."""
    if directory.exists():
        return
    with contextlib.suppress(OSError):
        directory.lock.unlink(missing_ok=True)
        if not existed:
            directory.path.rmdir()
