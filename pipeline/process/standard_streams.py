"""Standard input, output and error of a command, also where they are closed or nobody reads them."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from pipeline.errors import UsageError


class ReaderGone(Exception):
    """Nobody reads standard output any more, as in `… | head`."""


class Results:
    """The real standard output, flushed at every write."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def require(self) -> TextIO:
        """The stream, if there is one.

        Raises:
            UsageError: It was closed when the command began.
        """
        if self._stream is None:
            raise UsageError("standard output is closed, the results would be lost: > /dev/null throws them away")
        return self._stream

    def write(self, text: str) -> None:
        """Write and flush.

        Raises:
            ReaderGone: The pipe is closed at its other end.
            OSError: The results cannot be written.
        """
        try:
            stream = self.require()
            stream.write(text)
            stream.flush()
        except OSError as error:
            self.discard()
            if isinstance(error, BrokenPipeError):
                raise ReaderGone from None
            raise OSError(error.errno, error.strerror, "standard output") from None

    def write_json(self, result: dict[str, Any]) -> None:
        """Write an object as a line; NumPy's numbers become plain ones."""
        self.write(json.dumps(result, ensure_ascii=False, default=float) + "\n")

    def on_terminal_of_messages(self) -> bool:
        """Whether results and messages come on a terminal, where a bar would garble the results."""
        return self.require().isatty() and sys.stderr.isatty()

    def discard(self) -> None:
        """Write nothing more: what is still in the buffer would fail once more, loudly, when Python exits."""
        with contextlib.suppress(OSError, ValueError):
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, self.require().fileno())
            os.close(sink)


def hold_standard_streams() -> None:
    """Take the numbers 0 to 2 where they are closed, before a file gets them and messages are written into it.

    Messages go nowhere then. Standard input and output keep failing when they are used, instead of losing anything.
    """
    for number, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (to the end)


@contextlib.contextmanager
def divert_stderr(open_sink: Callable[[], int]) -> Iterator[None]:
    """Point the file descriptor itself elsewhere: compiled code does not write through `sys.stderr`.

    Args:
        open_sink: Gives a file descriptor, which is closed afterwards. Not asked where standard error is closed.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    sink = open_sink()
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


def use_utf8() -> None:
    """Whatever the locale says."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # File names that are no UTF-8 come as lone surrogates: shown escaped, which JSON reads too.
            reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
