"""Who answers which shard, without a server: a lock on a file in the folder of the answers.

The system takes a lock from a process that ends, however it ends, and a server of files from a machine that does.
Beside the lock lies a note with how far the work has come. Where a file system has no locks, the note alone is the
claim; and one that does not change for a long time counts for nothing, lock or not: its process is stopped, or its
machine gone.

None of this has to be right. Two processes with the same shard do the work twice, and write the same.
"""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from pipeline.runs.lock import NO_LOCKS
from pipeline.shards.listing import Shard
from pipeline.shards.place import Place

STALE_SECONDS = 300.0
"""Without a sign of life."""
NOTE_SECONDS = 1.0


class Note(NamedTuple):
    """What a worker says of the shard that it is at."""

    machine: str
    process: int
    lines: int = 0
    """Answered so far."""
    bytes: int = 0
    """Read so far of the file."""


class Claim:
    """A shard that this process answers; says how far it has come, at most once a second.

    Args:
        path: Of the note.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = Note(socket.gethostname(), os.getpid())
        self._said = 0.0

    def tell(self, lines: int, read: int) -> None:
        """How far the work has come."""
        self._note = self._note._replace(lines=lines, bytes=read)
        if time.monotonic() >= self._said + NOTE_SECONDS:
            self.write()

    def write(self) -> None:
        """Put the note there. That it cannot be is no reason to stop: it only saves others work."""
        self._said = time.monotonic()
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            beside.write_text(json.dumps(self._note._asdict()), encoding="utf-8")
            os.replace(beside, self.path)


class Claims:
    """Claims on the shards of a folder, and what is seen of those of others.

    Args:
        place: The folder.
        stale_seconds: See `STALE_SECONDS`.
    """

    def __init__(self, place: Place, stale_seconds: float = STALE_SECONDS) -> None:
        self.place, self.stale_seconds = place, stale_seconds
        self._seen: dict[Shard, tuple[Note | None, float]] = {}

    @contextlib.contextmanager
    def take(self, shard: Shard) -> Iterator[Claim | None]:
        """Claim a shard while this is entered; None where another process is at it.

        Raises:
            OSError: The folder cannot be written.
        """
        lock = FileLock(self.place.beside(shard, ".lock"), blocking=False, fallback_to_soft=False)
        note = self.place.beside(shard, ".claim")
        if not self._is_free(lock, shard):
            yield None
            return
        claim = Claim(note)
        claim.write()
        try:
            yield claim
        finally:
            note.unlink(missing_ok=True)
            lock.release()

    def _is_free(self, lock: FileLock, shard: Shard) -> bool:
        try:
            lock.acquire()
            return True
        except Timeout:
            return self._is_stale(shard)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            return self._has_no_owner(shard)

    def _has_no_owner(self, shard: Shard) -> bool:
        """Whether a note, where it is all there is, is nobody's: not there, or of a process here that is gone."""
        note = read_note(self.place, shard)
        if note is None or (note.machine == socket.gethostname() and not _is_running(note.process)):
            return True
        return self._is_stale(shard)

    def _is_stale(self, shard: Shard) -> bool:
        """Whether the same note was there for too long; by this process's clock, for others may go otherwise."""
        note, now = read_note(self.place, shard), time.monotonic()
        before, since = self._seen.get(shard, (None, now))
        if note != before or shard not in self._seen:
            self._seen[shard] = note, now
            return False
        return now - since >= self.stale_seconds


def read_note(place: Place, shard: Shard) -> Note | None:
    """What is noted of a shard; None where nobody is at it."""
    try:
        told: dict[str, Any] = json.loads(place.beside(shard, ".claim").read_text(encoding="utf-8"))
        return Note(**told)
    except (OSError, ValueError, TypeError):
        return None


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
