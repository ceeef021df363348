"""Workers of a tuning over several machines give signs of life; trials of those that give none any more go to others.

A sign is the time of a file on the disk that the machines share, by the clock of that disk: theirs need not agree.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.tuning.oracles import ResumableOracle

logger = logging.getLogger(__name__)

SIGN_SECONDS = 20.0
LOST_SECONDS = 300.0
"""Without a sign for so long a worker counts as lost; a disk that others fill may be slow for a while."""
CHIEF = "chief"


@contextlib.contextmanager
def signs_of_life(folder: Path, name: str, oracle: ResumableOracle | None = None) -> Iterator[None]:
    """While it is entered, give signs, and look at those of others.

    Args:
        folder: On the shared disk.
        name: Of this process, as keras-tuner knows it.
        oracle: The chief's, which gives up those that are lost; None of a worker.
    """
    folder.mkdir(parents=True, exist_ok=True)
    over = threading.Event()
    watch = _Watch(folder, oracle) if oracle is not None else None
    with contextlib.suppress(OSError):
        _sign(folder, name)

    def go_on() -> None:
        while not over.wait(SIGN_SECONDS):
            # A disk that is away for a moment is no reason to end.
            with contextlib.suppress(OSError):
                _sign(folder, name)
                if watch:
                    watch.look()

    threading.Thread(target=go_on, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _sign(folder: Path, name: str) -> None:
    (folder / name).touch()


class _Watch:
    """What the chief knows of its workers."""

    def __init__(self, folder: Path, oracle: ResumableOracle) -> None:
        self.folder, self.oracle = folder, oracle
        self._known: dict[str, float] = {}
        """When each was heard of first: one that has just come has given no sign yet."""

    def look(self) -> None:
        """Give up those that are lost.

        Raises:
            OSError: The disk cannot be asked.
        """
        now = (self.folder / CHIEF).stat().st_mtime
        for name in sorted(self.oracle.tuner_ids):
            heard = self._known.setdefault(name, time.monotonic())
            file = self.folder / name
            silent = now - file.stat().st_mtime if file.exists() else time.monotonic() - heard
            if silent > LOST_SECONDS:
                del self._known[name]
                trial = self.oracle.give_up(name)
                logger.warning(
                    "%s has given no sign of life for %.0f s: %s",
                    name,
                    silent,
                    f"its trial {trial} goes to another worker" if trial else "it is no longer waited for",
                )
