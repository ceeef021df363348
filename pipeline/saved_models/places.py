"""Where an export goes: what may be replaced, and that no half of one is ever found there."""

import contextlib
import errno
import fcntl
import itertools
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from pipeline.errors import UsageError
from pipeline.files.durable import REPLACED, put_in_place, require_local, sync_files
from pipeline.saved_models.export_info import EXPORT_INFO

# What TensorFlow says of a file in words alone.
_CODES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO, errno.ENOENT)
_WORKPLACE = "unfinished-export-"


def require_export_place(directory: Path) -> Path:
    """The absolute path of a directory that an export may go to: a new one, an empty one, or an earlier export.

    Raises:
        UsageError: It holds something else.
    """
    require_local(Path(directory))
    directory = Path(directory).resolve()
    if (
        directory.exists()
        and not (directory / EXPORT_INFO).is_file()
        and (not directory.is_dir() or any(directory.iterdir()))
    ):
        raise UsageError(f"{directory}: exists and is not an export; choose another place")
    return directory


@contextlib.contextmanager
def replace_export(directory: Path) -> Iterator[Path]:
    """A new directory to write an export to, which in the end takes its place.

    Raises:
        OSError: It cannot be written; what was there before is as it was.
    """
    try:
        with _workplace(directory.parent) as unfinished:
            yield unfinished
            sync_files(unfinished)
            put_in_place(unfinished, directory)
    except tf.errors.OpError as error:
        code = next((code for code in _CODES if os.strerror(code) in str(error)), None)
        if code is None:
            raise
        raise OSError(code, os.strerror(code), str(directory)) from error
    except OSError as error:
        # Not the name beside it.
        raise OSError(error.errno, error.strerror, str(directory)) from error


@contextlib.contextmanager
def _workplace(parent: Path) -> Iterator[Path]:
    """A new directory beside the place of an export, locked and in the end removed if it still has its name.

    Those that killed processes have left go first.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for path in itertools.chain(parent.glob(f"{_WORKPLACE}*"), parent.glob(f"{REPLACED}*")):
        # Whose lock can be taken is nobody's; a new one is not locked at once.
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > 60:
                with _locked(path):
                    shutil.rmtree(path, ignore_errors=True)
    place = parent / f"{_WORKPLACE}{secrets.token_hex(8)}"
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
