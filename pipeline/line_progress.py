"""How far the answering of a file has come; a pipe or a person at a terminal is left alone."""

import contextlib
import gzip
import os
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO

from tqdm.contrib.logging import logging_redirect_tqdm

from pipeline.messages import progress_bar

COUNTED_BYTES = 1 << 20
DELAY_SECONDS = 2  # what is done by then needs no bar


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
    lines, wait = count_lines(stream), float(os.environ.get("TQDM_MININTERVAL", "0.1"))
    with (
        progress_bar(total=lines, desc="predicting", unit=" lines", delay=max(DELAY_SECONDS, wait)) as bar,
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
