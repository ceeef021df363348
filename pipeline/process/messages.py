"""Where messages and progress bars go: standard error, and in a notebook below the cell, not in red."""

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TextIO

from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    from tqdm import tqdm

PACKAGES = ("pipeline", "layers")


class Formatter(logging.Formatter):
    """A message as it is; from warnings on with its level before it."""

    def format(self, record: logging.LogRecord) -> str:
        """See above."""
        prefix = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        return prefix + super().format(record)


@contextlib.contextmanager
def log_to_stderr(names: Iterable[str] = PACKAGES) -> Iterator[None]:
    """Show what these loggers say, and of others warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter("%(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    for name in names:
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)


def complain(message: str, unexpected: Exception | None = None) -> None:
    """Say why a command ends; with ATTENTIF_DEBUG=1 where an unexpected error came from, too."""
    if unexpected is not None and os.environ.get("ATTENTIF_DEBUG") == "1":
        traceback.print_exception(unexpected, file=sys.stderr)
    try:
        print(f"error: {message}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        # As on the full disk of a log: what is in the buffer would fail once more at the end, with a code of its own.
        Results(sys.stderr).discard()


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def message_stream() -> TextIO:
    """Where what is no result goes: notebooks paint standard error red, as if all had failed."""
    return sys.stdout if in_notebook() else sys.stderr


def progress_bar(**options: Any) -> "tqdm":
    """A bar that is gone when it is closed, of tqdm's options; in a notebook a widget, if it can show any."""
    options = {"leave": False, **options}
    if in_notebook() and find_spec("ipywidgets"):
        from tqdm.notebook import tqdm as widget

        return widget(**options)
    from tqdm import tqdm

    return tqdm(file=message_stream(), **options)


class _Handler(logging.StreamHandler):
    """Looks for the stream at every message: each cell of a notebook has its own."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = message_stream()
        super().emit(record)


def show_in_notebook() -> None:
    """In a notebook, show what `pipeline` and `layers` say where nobody has arranged for it; elsewhere do nothing."""
    if not in_notebook():
        return
    for name in PACKAGES:
        logger = logging.getLogger(name)
        if not logger.handlers:
            handler = _Handler()
            handler.setFormatter(Formatter("%(message)s"))
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
            logger.propagate = False  # others have handlers on top that would say it again
