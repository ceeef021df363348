"""Lines of a text file, streamed: plain or gzip, UTF-8 only, every error with file, line and remedy."""

import gzip
import io
import itertools
import os
import re
import stat
import unicodedata
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from pipeline.errors import DataError
from pipeline.files.bad_lines import Fault, keep_good
from pipeline.files.first_bytes import HEAD_BYTES, foreign_kind, mending
from pipeline.stores.copies import local_copy
from pipeline.unicode.white_space import strip

# Bounds the memory that a binary file without line ends can take.
LONGEST_LINE = 1 << 20
# Normalising takes time by the square of their number. Text has 30 at most (UAX #15, stream-safe text format).
MOST_MARKS = 1000
GZIP_ERRORS = (gzip.BadGzipFile, EOFError, zlib.error)
LONE_RETURN = "a lone carriage return"
_MEND_RETURNS = "tr '\\r' '\\n'"
# Of CRLF the other would make two line ends.
_MEND_MIXED_RETURNS = "perl -pe 's/\\r\\n?/\\n/g'"
_NO_NULS = "tr -d '\\0'"
_HIGH_PAIR = re.compile(rb"[\x80-\xff]{2}")
_TOO_LONG, _ONE_ITEM = f"the line has more than {LONGEST_LINE} bytes", "give a text file with one item a line"

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
        DataError: The file is missing, unreadable, empty, a directory, damaged gzip, of another kind (see `file_kinds`)
            or not UTF-8, or a line has more than LONGEST_LINE bytes, more than MOST_MARKS combining marks in a row, a
            NUL, or a carriage return before its end: some programs end lines so, and others would be lost in this one.
    """
    return keep_good(([line] if isinstance(line, Fault) else line for line in scan_lines(path)), None)


def scan_lines(path: str | os.PathLike[str]) -> Iterator[str | Fault]:
    """The same as `read_lines`, with a fault in the place of a line that cannot be used.

    Raises:
        DataError: The file is missing, unreadable, empty, a directory, damaged gzip or of another kind.
    """
    number = 0
    try:
        with open_bytes(path) as handle:
            require_text(handle.peek(HEAD_BYTES), path)
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


def require_text(head: bytes, path: str | os.PathLike[str]) -> None:
    """Refuse a file whose first bytes say that it is something else than UTF-8 text, see `file_kinds`.

    Raises:
        DataError: It says what the file is and which command makes text of it.
    """
    foreign = foreign_kind(head, path)
    if foreign:
        raise DataError(f"{path}: is {foreign.kind}, not UTF-8 text; {foreign.remedy}")


def is_file(stream: BinaryIO) -> bool:
    """Whether a stream is of a file that is there as a whole, which a pipe, a terminal and memory are not."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # in memory
        return False


def open_bytes(path: str | os.PathLike[str]) -> io.BufferedReader | gzip.GzipFile:
    """Open a file, or the copy of an object in a store, for reading.

    One whose name ends in .gz is decompressed, and may raise `GZIP_ERRORS` when read.
    """
    place = local_copy(path)
    return gzip.open(place, "rb") if place.endswith(".gz") else open(place, "rb")


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
        return _lone_return(raw, path, number) if b"\r" in raw else Fault(str(path), number, _TOO_LONG, _ONE_ITEM)
    try:
        text = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start + 1} of the line (0x{raw[error.start]:02x}) is not UTF-8"
        return Fault(str(path), number, wrong, f"convert the file: {mending(path, _convert(raw))}")
    if number == 1:
        text = text.removeprefix("\ufeff")
    if "\r" in text and "\r" in strip(text):
        return _lone_return(raw, path, number)
    if "\0" in text:
        wrong = f"character {text.index(chr(0)) + 1} of the line is a NUL, which no text has"
        return Fault(str(path), number, wrong, f"take it out: {mending(path, _NO_NULS)}")
    if has_heaped_marks(text):
        wrong = f"more than {MOST_MARKS} combining marks in a row"
        return Fault(str(path), number, wrong, "remove them: no text has as many, and normalising would take hours")
    return text


def _lone_return(raw: bytes, path: str | os.PathLike[str], number: int) -> Fault:
    wrong = f"{LONE_RETURN} within the line, as old Macs and some spreadsheets end lines"
    command = _MEND_MIXED_RETURNS if raw.endswith(b"\r\n") else _MEND_RETURNS
    return Fault(str(path), number, wrong, f"make line ends of them: {mending(path, command)}")


def _convert(raw: bytes) -> str:
    """The command that makes UTF-8 of the line's encoding, named where it looks Western: no two odd bytes in a row."""
    return f"iconv -f {'ENCODING' if _HIGH_PAIR.search(raw) else 'WINDOWS-1252'} -t UTF-8"
