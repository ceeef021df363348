"""How far the answering of a file has come; a pipe or a person at a terminal is left alone."""

import contextlib
import gzip
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from tqdm.contrib.logging import logging_redirect_tqdm

from pipeline.files.lines import is_file, open_bytes
from pipeline.pairs.locations import is_built_in, source_files
from pipeline.process.messages import message_stream, progress_bar
from pipeline.stores.copies import is_there

COUNTED_BYTES = 1 << 20


OnProgress = Callable[[int], object] | None


@contextlib.contextmanager
def show_progress(stream: BinaryIO, in_the_way: bool = False) -> Iterator[OnProgress]:
    """A bar on standard error, with the time left where the number of lines is known: what to call with lines done.

    Args:
        stream: What is read, at its beginning.
        in_the_way: Whether answers come on the same terminal, which a bar would garble.
    """
    if in_the_way or not is_file(stream):
        yield None
        return
    with _show_bar("predicting", "lines", count_lines(stream)) as on_progress:
        yield on_progress


@contextlib.contextmanager
def show_pair_progress(location: str, in_the_way: bool = False) -> Iterator[OnProgress]:
    """The same for the scoring of pairs, see `read_pairs`; without the time left of a pipe or a built-in corpus."""
    if in_the_way:
        yield None
        return
    pairs = None
    if not is_built_in(location) and is_there(first := source_files(location)[0]):
        with open_bytes(first) as stream:
            pairs = count_lines(cast(BinaryIO, stream))
    with _show_bar("scoring", "pairs", pairs) as on_progress:
        yield on_progress


@contextlib.contextmanager
def _show_bar(doing: str, unit: str, total: int | None) -> Iterator[OnProgress]:
    is_terminal = message_stream().isatty()
    # In a log, what is done soon needs no bar.
    delay = 0.0 if is_terminal else float(os.environ.get("TQDM_MININTERVAL", "0.1"))
    with progress_bar(total=total, desc=doing, unit=f" {unit}", delay=delay) as bar, above_bars():
        yield bar.update


def above_bars() -> contextlib.AbstractContextManager[None]:
    """While this is entered, messages go above bars on a terminal; in a log they have lines of their own."""
    return logging_redirect_tqdm() if message_stream().isatty() else contextlib.nullcontext()


def count_lines(stream: BinaryIO) -> int | None:
    """How many lines there are from here on; None where only reading would tell: in what is compressed or no file."""
    if isinstance(stream, gzip.GzipFile) or not is_file(stream):
        return None
    file, lines, last = stream.fileno(), 0, b"\n"
    place = os.lseek(file, 0, os.SEEK_CUR)
    while chunk := os.pread(file, COUNTED_BYTES, place):
        lines, last, place = lines + chunk.count(b"\n"), chunk[-1:], place + len(chunk)
    return lines + (last != b"\n")
