"""How far the answering of a file has come; a pipe or a person at a terminal is left alone."""

import contextlib
import gzip
import os
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO

from tqdm.contrib.logging import logging_redirect_tqdm

from pipeline.messages import message_stream, progress_bar

COUNTED_BYTES = 1 << 20


@contextlib.contextmanager
def show_progress(stream: BinaryIO, in_the_way: bool = False) -> Iterator[Callable[[int], object] | None]:
    """A bar on standard error, with the time left where the number of lines is known: what to call with lines done.

    Args:
        stream: What is read, at its beginning.
        in_the_way: Whether answers come on the same terminal, which a bar would garble.
    """
    if in_the_way or not _is_file(stream):
        yield None
        return
    if not message_stream().isatty():
        # In a log, what is done soon needs no bar, and messages have lines of their own.
        wait = float(os.environ.get("TQDM_MININTERVAL", "0.1"))
        with progress_bar(total=count_lines(stream), desc="predicting", unit=" lines", delay=wait) as bar:
            yield bar.update
        return
    with (
        progress_bar(total=count_lines(stream), desc="predicting", unit=" lines") as bar,
        logging_redirect_tqdm(),
    ):
        yield bar.update


def count_lines(stream: BinaryIO) -> int | None:
    """How many lines there are from here on; None where only reading would tell: in what is compressed or no file."""
    if isinstance(stream, gzip.GzipFile) or not _is_file(stream):
        return None
    file, lines, last = stream.fileno(), 0, b"\n"
    place = os.lseek(file, 0, os.SEEK_CUR)
    while chunk := os.pread(file, COUNTED_BYTES, place):
        lines, last, place = lines + chunk.count(b"\n"), chunk[-1:], place + len(chunk)
    return lines + (last != b"\n")


def _is_file(stream: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # in memory
        return False
