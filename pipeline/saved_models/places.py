"""Where an export goes: what may be replaced, and that no half of one is ever found there."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from pipeline.errors import UsageError
from pipeline.files.durable import require_local
from pipeline.files.workplaces import replace_directory
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
        with replace_directory(directory, _WORKPLACE) as unfinished:
            yield unfinished
    except tf.errors.OpError as error:
        code = next((code for code in _CODES if os.strerror(code) in str(error)), None)
        if code is None:
            raise
        raise OSError(code, os.strerror(code), str(directory)) from error
    except OSError as error:
        # Not the name beside it.
        raise OSError(error.errno, error.strerror, str(directory)) from error
