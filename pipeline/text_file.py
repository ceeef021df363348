"""Lines of a text file, streamed: plain or gzip, UTF-8 only, every error with file, line and remedy."""

import codecs
import functools
import gzip
import io
import os
import zlib
from collections.abc import Iterator

from pipeline.errors import DataError

# Bounds the memory that a binary file without line ends can take.
LONGEST_LINE = 1 << 20
GZIP_ERRORS = (gzip.BadGzipFile, EOFError, zlib.error)

_OPEN_ERRORS: dict[type[OSError], str] = {
    FileNotFoundError: "no such file; check the path",
    IsADirectoryError: "is a directory; give the path of a file",
    PermissionError: "permission denied; make the file readable for this user (chmod u+r)",
}


def read_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    r"""Stream the lines of a UTF-8 text file, without their ends.

    Only \n and \r\n end a line (U+2028 and its kin do not); a byte order mark at the start is dropped;
    a name that ends in .gz is decompressed.

    Raises:
        DataError: The file is missing, unreadable, empty, a directory, damaged gzip or not UTF-8,
            or a line has more than LONGEST_LINE bytes.
    """
    number = 0
    try:
        with open_bytes(path) as handle:
            for number, raw in enumerate(iter(functools.partial(handle.readline, LONGEST_LINE + 1), b""), 1):
                yield _decode(raw, path, number)
    except GZIP_ERRORS as error:
        raise damaged_gzip(path, number + 1, error) from error
    except OSError as error:
        wrong = _OPEN_ERRORS.get(
            type(error), f"cannot be read ({error.strerror or error}); check the path and the disk"
        )
        raise DataError(f"{path}: {wrong}") from error
    if number == 0:
        raise DataError(f"{path}: the file is empty; give a file with at least one line")


def open_bytes(path: str | os.PathLike[str]) -> io.BufferedReader | gzip.GzipFile:
    """Open a file for reading; one whose name ends in .gz is decompressed, and may raise `GZIP_ERRORS` when read."""
    return gzip.open(path, "rb") if os.fspath(path).endswith(".gz") else open(path, "rb")


def damaged_gzip(path: str | os.PathLike[str], number: int, error: Exception) -> DataError:
    """What to say of one of `GZIP_ERRORS`, met in the line of that number."""
    remedy = "copy the file again, or drop .gz from its name if it is not compressed"
    return DataError(f"{path}:{number}: truncated or corrupt gzip data ({error}); {remedy}")


def _decode(raw: bytes, path: str | os.PathLike[str], number: int) -> str:
    if len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
        raise DataError(
            f"{path}:{number}: the line has more than {LONGEST_LINE} bytes; give a text file with one item a line"
        )
    if number == 1:
        raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start + 1} of the line (0x{raw[error.start]:02x}) is not UTF-8"
        remedy = "convert the file (iconv -f ENCODING -t UTF-8), or end its name in .gz if it is compressed"
        raise DataError(f"{path}:{number}: {wrong}; {remedy}") from error
