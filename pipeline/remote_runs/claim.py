"""Who may write a run in a store, which has no locks: a claim written by one alone, with signs of life."""

import contextlib
import dataclasses
import datetime
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from pipeline.errors import AttentifError, TrainingError, UsageError
from pipeline.stores.store import Store

logger = logging.getLogger(__name__)

CLAIMS = "claims"
BEAT_SECONDS, STALE_SECONDS = 15.0, 60.0
"""How often a claim shows that it lives, and after how long without a sign it may be taken over."""


@dataclasses.dataclass
class Claim:
    """The right to write a run, held by one process at a time.

    Claims are numbered. Who wants the run writes the next number, which a store lets only one do; from then on what is
    written under an older number counts for nothing. So no clock has to agree with another, and a process that was
    stopped and wakes up does no harm.
    """

    store: Store
    address: str
    """Of the run."""
    number: int
    lost: bool = False
    """Whether another process has taken it over."""

    def require(self) -> None:
        """Refuse to go on where another process has taken the run over.

        Raises:
            TrainingError: One has.
        """
        if self.lost:
            raise TrainingError(
                f"{self.address}: another process has taken this run over, for this one gave no sign of life for "
                f"{STALE_SECONDS:.0f} seconds; what the other does counts, and this one ends"
            )

    def show_life(self, beat: int, ended: bool = False) -> None:
        """Write that it is alive, or has ended, and look whether it still counts.

        Raises:
            DataError: The store cannot be reached.
        """
        self.store.write(_place(self.address, self.number), _content(beat, ended))
        newest = max(_numbers(self.store, self.address), default=0)
        self.lost = self.lost or newest > self.number


@contextlib.contextmanager
def claim(store: Store, address: str) -> Iterator[Claim]:
    """Hold a run, until this is left.

    Raises:
        UsageError: Another process holds it, and lives.
        DataError: The store cannot be reached.
    """
    held = Claim(store, address, _take(store, address))
    ended = threading.Event()
    thread = threading.Thread(target=_live, args=(held, ended), name="signs of life", daemon=True)
    thread.start()
    try:
        yield held
    finally:
        ended.set()
        thread.join()
        if not held.lost:
            with contextlib.suppress(AttentifError):  # the next one waits for a sign of life then
                held.show_life(0, ended=True)


def _live(held: Claim, ended: threading.Event) -> None:
    beat = 1
    while not ended.wait(BEAT_SECONDS) and not held.lost:
        beat += 1
        try:
            held.show_life(beat)
        except AttentifError as error:
            logger.warning("%s: no sign of life could be written (%s)", held.address, error)


def _take(store: Store, address: str) -> int:
    """Write the next claim; returns its number."""
    numbers = _numbers(store, address)
    newest = max(numbers, default=0)
    if newest:
        _wait_for_end(store, address, newest)
    if not store.write_new(_place(address, newest + 1), _content(1)):
        raise UsageError(
            f"{address}: another process has just begun with this run; wait for it, or choose another --run"
        )
    for number in numbers:
        if number < newest:
            store.delete(_place(address, number))
    return newest + 1


def _wait_for_end(store: Store, address: str, number: int) -> None:
    """Return when the holder of a claim has ended or shows no life.

    Raises:
        UsageError: It lives.
    """
    place = _place(address, number)
    before = store.read(place)
    holder = _read(before)
    if holder.get("ended") or _is_gone(holder):
        return
    who = f"process {holder.get('process')} on {holder.get('machine')} since {holder.get('since')}"
    logger.info("%s: held by %s; looking for %.0f seconds whether it lives", address, who, STALE_SECONDS)
    end = time.monotonic() + STALE_SECONDS
    while time.monotonic() < end:
        time.sleep(min(1.0, STALE_SECONDS / 10))
        now = store.read(place)
        if now != before:
            if _read(now).get("ended"):
                return
            raise UsageError(f"{address}: is being trained by {who}; wait for it, end it, or choose another --run")
    logger.warning("%s: no sign of life of %s; taken over", address, who)


def _numbers(store: Store, address: str) -> list[int]:
    names = (name.rpartition("/")[2].removesuffix(".json") for name in store.find(f"{address}/{CLAIMS}"))
    return [int(name) for name in names if name.isdecimal()]


def _place(address: str, number: int) -> str:
    return f"{address}/{CLAIMS}/{number:08d}.json"


_SINCE = datetime.datetime.now().isoformat(sep=" ", timespec="seconds")


def _content(beat: int, ended: bool = False) -> bytes:
    who = {"process": os.getpid(), "machine": socket.gethostname(), "since": _SINCE, "system": _system()}
    return (json.dumps({**who, "beat": beat, "ended": ended}, indent=1) + "\n").encode()


def _system() -> str:
    """What has processes of its own: numbers of processes of another say nothing here."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _is_gone(holder: dict[str, Any]) -> bool:
    """Whether the holder was a process of this system and is none any more."""
    if not holder.get("system") or holder["system"] != _system():
        return False
    try:
        os.kill(int(holder["process"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, TypeError):
        return False
    return int(holder["process"]) == os.getpid() and holder.get("since") != _SINCE


def _read(content: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(content or b"{}")
        return found if isinstance(found, dict) else {}
    except ValueError:
        return {}
