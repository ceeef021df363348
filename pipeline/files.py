"""Writing files so that nobody ever finds half of one, and looking beforehand whether there is room for them."""

import contextlib
import errno
import os
import shutil
from pathlib import Path

from pipeline.errors import UsageError


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file's content at once: readers see the old or the new, never a half.

    Args:
        path: The file; its directory must be there.
        content: Text, written as UTF-8 with plain line ends, or bytes.

    Raises:
        OSError: It cannot be written; the old content is as it was.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        os.replace(unfinished, path)
    finally:
        # An error of its own must not hide the one above.
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def require_room(directory: Path, size: int) -> None:
    """Look before writing `size` bytes with a library that cannot cope with a full disk.

    Raises:
        OSError: There is less room.
    """
    if shutil.disk_usage(directory).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory))


def require_place(path: Path) -> None:
    """Look whether a file can be written before the work that it is to hold.

    Raises:
        UsageError: It is a directory, or its directory is not there.
    """
    if path.is_dir() or not path.absolute().parent.is_dir():
        wrong = "is a directory" if path.is_dir() else "its directory does not exist"
        raise UsageError(f"{path}: {wrong}; choose another place for the file")
