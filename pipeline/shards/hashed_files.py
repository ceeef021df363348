"""Files of lines read and written, plain or gzip, with the SHA-256 of their bytes on the way."""

import gzip
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from pipeline.answering.line_stream import BATCH_BYTES, BATCH_LINES
from pipeline.errors import DataError
from pipeline.files.lines import GZIP_ERRORS, damaged_gzip, iter_bounded
from pipeline.shards.records import FileState

GZIP_LEVEL = 6
"""As of `gzip` itself; the highest one takes twice the time for a hundredth less."""

BUFFER = 1 << 14
"""Small, so that how much has been read says how far the lines are."""


class ShardError(DataError):
    """A shard cannot be answered; others can."""


class _Hashed(io.RawIOBase):
    """A file whose bytes are counted and hashed as they pass."""

    def __init__(self, file: io.FileIO) -> None:
        super().__init__()
        self.file, self.digest, self.passed = file, hashlib.sha256(), 0

    def readable(self) -> bool:
        return self.file.readable()

    def writable(self) -> bool:
        return self.file.writable()

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]
        got = self.file.read(len(buffer)) or b""
        buffer[: len(got)] = got
        self._pass(got)
        return len(got)

    def write(self, content: bytes) -> int:  # type: ignore[override]
        # A disk that is nearly full takes a part.
        taken = self.file.write(content) or 0
        self._pass(content[:taken])
        return taken

    def _pass(self, content: bytes) -> None:
        self.digest.update(content)
        self.passed += len(content)

    def state(self) -> FileState:
        """What has passed, of a file that now has all of it on the disk."""
        now = os.fstat(self.file.fileno())
        return FileState(self.passed, now.st_mtime_ns, self.digest.hexdigest())


class Source:
    """A file of lines, read once from its beginning to its end.

    Args:
        path: Decompressed where its name ends in .gz.

    Raises:
        ShardError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.lines = path, 0
        try:
            self._hashed = _Hashed(open(path, "rb", buffering=0))  # noqa: SIM115 (closed by `close`)
        except OSError as error:
            raise self._unreadable(error) from error
        before = os.fstat(self._hashed.file.fileno())
        self._before = before.st_size, before.st_mtime_ns

    @property
    def compressed(self) -> bool:
        """Whether it is gzip."""
        return self.path.name.endswith(".gz")

    @property
    def read(self) -> int:
        """Bytes of the file so far."""
        return self._hashed.passed

    def windows(self, most_lines: int = BATCH_LINES, most_bytes: int = BATCH_BYTES) -> Iterator[list[bytes]]:
        """Lines that are answered together. Where one window ends depends on the lines alone, so that whoever answers
        them, at whatever speed, gives a model the same strings at once, and it says the same.

        Raises:
            ShardError: The file cannot be read, or is damaged gzip.
        """
        buffered = io.BufferedReader(self._hashed, BUFFER)
        stream = gzip.GzipFile(fileobj=buffered, mode="rb") if self.compressed else buffered
        lines, size = list[bytes](), 0
        try:
            for raw in iter_bounded(cast(BinaryIO, stream)):
                self.lines += 1
                lines.append(raw)
                size += len(raw)
                if len(lines) == most_lines or size >= most_bytes:
                    yield lines
                    lines, size = [], 0
        # Those of gzip come first: one of them is an OSError that does not know its file.
        except GZIP_ERRORS as error:
            raise ShardError(str(damaged_gzip(self.path, self.lines + 1, error))) from error
        except OSError as error:
            raise self._unreadable(error) from error
        if lines:
            yield lines

    def state(self) -> FileState:
        """What the file was, when all of it has been read.

        Raises:
            ShardError: It has changed since it was opened.
        """
        found, now = self._hashed.state(), os.fstat(self._hashed.file.fileno())
        if (now.st_size, now.st_mtime_ns) != self._before or found.size != now.st_size:
            raise ShardError(f"{self.path}: was changed while it was read; start again when nobody writes it")
        return found

    def close(self) -> None:
        """Done with it."""
        self._hashed.file.close()

    def _unreadable(self, error: OSError) -> ShardError:
        return ShardError(f"{self.path}: cannot be read ({error.strerror or error}); check the path and the disk")


class Sink:
    """A file of answers that is written from its beginning; the same answers are the same bytes, compressed too.

    Args:
        path: Replaced, if it is there.
        compressed: Whether it becomes gzip, without a name and a time in it.

    Raises:
        OSError: It cannot be written.
    """

    def __init__(self, path: Path, compressed: bool) -> None:
        self._path = path
        self._hashed = _Hashed(open(path, "wb", buffering=0))  # noqa: SIM115 (closed by `finish` or `close`)
        self._buffered = io.BufferedWriter(cast(Any, self._hashed), BUFFER)
        self._stream: IO[bytes] | gzip.GzipFile = self._buffered
        if compressed:
            self._stream = gzip.GzipFile("", "wb", GZIP_LEVEL, self._buffered, mtime=0)

    def write(self, answers: list[str]) -> None:
        """A line each.

        Raises:
            OSError: The disk does not take it.
        """
        text = "".join(f"{answer}\n" for answer in answers)
        self._guard(lambda: self._stream.write(text.encode("utf-8", errors="backslashreplace")))

    def finish(self) -> FileState:
        """Have all of it on the disk.

        Raises:
            OSError: The disk does not take it.
        """
        self._guard(self._flush)
        return self._hashed.state()

    def close(self) -> None:
        """Done with it, finished or not."""
        self._hashed.file.close()

    def _flush(self) -> None:
        if self._stream is not self._buffered:
            self._stream.close()
        self._buffered.flush()
        self._hashed.file.flush()
        os.fsync(self._hashed.file.fileno())

    def _guard(self, do: Callable[[], object]) -> None:
        try:
            do()
        except OSError as error:
            # Writing, unlike opening, does not say where.
            error.filename = error.filename or str(self._path)
            raise
