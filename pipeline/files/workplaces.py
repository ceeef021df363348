"""A directory that is replaced as a whole: written beside its place, which it takes when it is finished."""

import contextlib
import fcntl
import itertools
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.files.durable import REPLACED, put_in_place, sync_files


@contextlib.contextmanager
def replace_directory(directory: Path, beginning: str) -> Iterator[Path]:
    """A new directory to write to, which in the end takes the place of another one, or of none.

    Args:
        directory: The place; its parents are made.
        beginning: What the names of unfinished ones begin with.

    Raises:
        OSError: It cannot be written; what was there before is as it was.
    """
    with _workplace(directory.parent, beginning) as unfinished:
        yield unfinished
        sync_files(unfinished)
        put_in_place(unfinished, directory)


@contextlib.contextmanager
def _workplace(parent: Path, beginning: str) -> Iterator[Path]:
    """A new directory beside the place of another, locked and in the end removed if it still has its name.

    Those that killed processes have left go first.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for path in itertools.chain(parent.glob(f"{beginning}*"), parent.glob(f"{REPLACED}*")):
        # Whose lock can be taken is nobody's; a new one is not locked at once.
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > 60:
                with _locked(path):
                    shutil.rmtree(path, ignore_errors=True)
    place = parent / f"{beginning}{secrets.token_hex(8)}"
    try:
        place.mkdir()
        with _locked(place):
            yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a directory, or raise an OSError if another process does."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
