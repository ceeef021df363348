"""Lines of a text file, streamed: plain or gzip, UTF-8 only, every error with file, line and remedy."""

import gzip
import io
import itertools
import os
import unicodedata
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from pipeline.bad_lines import Fault, keep_good
from pipeline.errors import DataError

# Bounds the memory that a binary file without line ends can take.
LONGEST_LINE = 1 << 20
# Normalising takes time by the square of their number. Text has 30 at most (UAX #15, stream-safe text format).
MOST_MARKS = 1000
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
            or a line has more than LONGEST_LINE bytes or more than MOST_MARKS combining marks in a row.
    """
    return keep_good(([line] if isinstance(line, Fault) else line for line in scan_lines(path)), None)


def scan_lines(path: str | os.PathLike[str]) -> Iterator[str | Fault]:
    """The same as `read_lines`, with a fault in the place of a line that cannot be used.

    Raises:
        DataError: The file is missing, unreadable, empty, a directory or damaged gzip.
    """
    number = 0
    try:
        with open_bytes(path) as handle:
            for number, raw in enumerate(iter_bounded(handle), 1):
                yield _decode(raw, path, number)
    except GZIP_ERRORS as error:
        raise damaged_gzip(path, number + 1, error) from error
    except OSError as error:
        wrong = _OPEN_ERRORS.get(
            type(error), f"cannot be read ({error.strerror or error}); check the path and the disk"
        )
        raise DataError(f"{path}: {wrong}") from error
    except ValueError as error:  # NUL or half a surrogate pair in the path
        raise DataError(f"{os.fspath(path)!r}: no file can have this name ({error}); check the path") from error
    if number == 0:
        raise DataError(f"{path}: the file is empty; give a file with at least one line")


def open_bytes(path: str | os.PathLike[str]) -> io.BufferedReader | gzip.GzipFile:
    """Open a file for reading; one whose name ends in .gz is decompressed, and may raise `GZIP_ERRORS` when read."""
    return gzip.open(path, "rb") if os.fspath(path).endswith(".gz") else open(path, "rb")


def iter_bounded(handle: "BinaryIO | io.BufferedReader | gzip.GzipFile") -> Iterator[bytes]:
    """The lines with their ends; of one that `is_overlong` the beginning, the rest is read and forgotten."""
    while raw := handle.readline(LONGEST_LINE + 1):
        yield raw
        while is_overlong(raw):
            raw = handle.readline(LONGEST_LINE + 1)


def is_overlong(raw: bytes) -> bool:
    """Whether a line of `iter_bounded` is only the beginning of one that has more than LONGEST_LINE bytes."""
    return len(raw) > LONGEST_LINE and not raw.endswith(b"\n")


def has_heaped_marks(text: str) -> bool:
    """Whether more than MOST_MARKS combining marks stand in a row.

    Example:
        >>> has_heaped_marks("e" + 1000 * chr(0x301)), has_heaped_marks("e" + 1001 * chr(0x301))
        (False, True)
    """
    if len(text) <= MOST_MARKS or text.isascii():
        return False
    # So long a run covers one of these places.
    for place in range(MOST_MARKS, len(text), MOST_MARKS):
        if unicodedata.combining(text[place]):
            after = itertools.takewhile(unicodedata.combining, text[place : place + MOST_MARKS + 1])
            before = itertools.takewhile(unicodedata.combining, reversed(text[place - MOST_MARKS : place]))
            if sum(1 for _ in itertools.chain(before, after)) > MOST_MARKS:
                return True
    return False


def damaged_gzip(path: str | os.PathLike[str], number: int, error: Exception) -> DataError:
    """What to say of one of `GZIP_ERRORS`, met in the line of that number."""
    remedy = "copy the file again, or drop .gz from its name if it is not compressed"
    return DataError(f"{path}:{number}: truncated or corrupt gzip data ({error}); {remedy}")


def _decode(raw: bytes, path: str | os.PathLike[str], number: int) -> str | Fault:
    if is_overlong(raw):
        wrong = f"the line has more than {LONGEST_LINE} bytes"
        return Fault(str(path), number, wrong, "give a text file with one item a line")
    try:
        text = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start + 1} of the line (0x{raw[error.start]:02x}) is not UTF-8"
        remedy = "convert the file (iconv -f ENCODING -t UTF-8), or end its name in .gz if it is compressed"
        return Fault(str(path), number, wrong, remedy)
    if number == 1:
        text = text.removeprefix("\ufeff")
    if has_heaped_marks(text):
        wrong = f"more than {MOST_MARKS} combining marks in a row"
        return Fault(str(path), number, wrong, "remove them: no text has as many, and normalising would take hours")
    return text
