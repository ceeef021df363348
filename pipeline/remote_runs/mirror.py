"""A training whose run lies in a store: it works on a copy here, which is sent there at every checkpoint."""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import AttentifError, CircumstanceError, count_of
from pipeline.files.durable import write_atomically
from pipeline.remote_runs.claim import Claim, claim
from pipeline.remote_runs.contents import Aside, Content, bring
from pipeline.remote_runs.remote_run import Listing, RemoteRun
from pipeline.remote_runs.trees import send_tree
from pipeline.stores.copies import copies_folder, name_of
from pipeline.stores.store import Store

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 30.0
"""After how long sending is tried again, while the training goes on."""
LAST_TRIES = 5
FOR_OTHERS = ("README.md", "config.yaml", "metrics.jsonl", "result.json", "export")
"""What lies in the store under its own name as well, for people and for servers, once the run is finished."""


class Mirror:
    """The copy of a run, and how it gets into its store.

    Args:
        held: The claim on it.
        remote: The run in the store.
        place: The copy.
    """

    def __init__(self, held: Claim, remote: RemoteRun, place: Path) -> None:
        self.held, self.remote, self.place = held, remote, place
        self._state = place.with_name(f"{place.name}.json")
        """Which list of the store the copy is, or came of."""
        self._aside = Aside(place, place.with_name(f"{place.name}.sending"))
        self._written, self._there = 0, dict[str, Content]()
        self._waiting: dict[str, Content] | None = None
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._send_all, name="sending", daemon=True)

    def open(self) -> None:
        """Bring the copy to what the store has, if it is not that, or what came of that here.

        Raises:
            DataError: The store cannot be read.
        """
        newest = self.remote.newest()
        sign = newest.sign if newest else None
        self._there = newest.files if newest else {}
        if self._state.is_file() and _read_state(self._state) == sign:
            logger.info("%s: this machine's copy goes on, %s", self.remote.address, self.place)
        else:
            self._state.unlink(missing_ok=True)
            self.place.mkdir(parents=True, exist_ok=True)
            bring(self.place, self._there, self.remote.fetch)
            self._note(sign)
            if newest:
                logger.info("%s: %s brought to %s", self.remote.address, count_of(len(self._there), "file"), self.place)
        self._thread.start()

    def saved(self) -> None:
        """Send what the run holds now, while the training goes on.

        Raises:
            TrainingError: Another process has taken the run over.
        """
        self.held.require()
        try:
            found = self._aside.take()
        except OSError as error:
            logger.warning("%s: not sent (%s); the next checkpoint is", self.place, error)
            return
        with self._changed:
            self._waiting = found
            self._changed.notify()

    def close(self, last: bool) -> None:
        """Send what is there, and wait until it is.

        Args:
            last: Whether nothing may be left out; else, as when the training was interrupted, once is enough.

        Raises:
            CircumstanceError: It cannot be sent.
            TrainingError: Another process has taken the run over.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self.held.require()
        found = self._aside.take()
        for left in reversed(range(LAST_TRIES if last else 1)):
            try:
                self._send(found)
                break
            except AttentifError as error:
                if not left:
                    raise CircumstanceError(
                        f"{self.remote.address}: not all of the run is in the store ({error}); what lacks there is in "
                        f"{self.place}: the same command on this machine sends it"
                    ) from error
                logger.warning("%s; again in %.0f seconds", error, AGAIN_SECONDS)
                time.sleep(AGAIN_SECONDS)

    def send_for_others(self) -> None:
        """Write what others read under its own name: what explains the run, its figures, the export.

        Raises:
            CircumstanceError: It cannot be written.
        """
        address = self.remote.address
        try:
            for name in FOR_OTHERS:
                path = self.place / name
                if path.is_dir():
                    send_tree(path, f"{address}/{name}")
                elif path.is_file():
                    self.remote.store.write(f"{address}/{name}", path.read_bytes())
        except AttentifError as error:
            raise CircumstanceError(
                f"{address}: not all of the run is in the store under its own name ({error}); the same command sends it"
            ) from error

    def _send_all(self) -> None:
        while True:
            with self._changed:
                while self._waiting is None and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                found, self._waiting = self._waiting, None
            assert found is not None
            try:
                self._send(found)
            except AttentifError as error:
                logger.warning("%s: not sent yet (%s); the training goes on", self.remote.address, error)
                with self._changed:
                    self._changed.wait_for(lambda: self._closing or self._waiting is not None, AGAIN_SECONDS)
                    self._waiting = self._waiting or found

    def _send(self, files: dict[str, Content]) -> None:
        if files == self._there or self.held.lost:
            return
        known = {content.sha256 for content in self._there.values()}
        new = {content.sha256: content for content in files.values() if content.sha256 not in known}
        number = (self.held.number, self._written + 1)
        sent = self.remote.write(number, files, {sha: self._aside.place(of) for sha, of in new.items()})
        self._written, self._there = self._written + 1, files
        self._note(Listing(number, files).sign)
        for content in new.values():
            self._aside.drop(content)
        logger.info("%s: sent %s, %s bytes", self.remote.address, count_of(len(new), "file"), f"{sent:,}")
        try:
            self.remote.drop_old()
        except AttentifError as error:
            logger.warning("%s: what is no longer needed there is not deleted yet (%s)", self.remote.address, error)

    def _note(self, sign: str | None) -> None:
        """Remember that the copy is what the store has, or what came of it."""
        write_atomically(self._state, json.dumps(sign) + "\n")


def _read_state(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "damaged"


def mirror_place(address: str) -> Path:
    """Where the copy of a run in a store is that a training works on."""
    address = address.rstrip("/")
    return copies_folder() / "runs" / name_of(address) / address.rpartition("/")[2]


@contextlib.contextmanager
def mirrored(address: str) -> Iterator[Mirror]:
    """The copy of a run to train in, held while this is entered, and in the store when it is left.

    Args:
        address: Of the run, as `address_of` has it.

    Raises:
        UsageError: Another process trains it, or nothing can write to such a store.
        DataError: The store cannot be reached.
        CircumstanceError: In the end it cannot be written to.
    """
    store, address = Store(address, writes=True), address.rstrip("/")
    place = mirror_place(address)
    place.parent.mkdir(parents=True, exist_ok=True)
    with claim(store, address) as held:
        mirror = Mirror(held, RemoteRun(store, address), place)
        mirror.open()
        try:
            yield mirror
        except BaseException:
            with contextlib.suppress(AttentifError, OSError):
                mirror.close(last=False)
            raise
        mirror.close(last=True)
        mirror.send_for_others()
        logger.info("%s: all of the run is there, and its copy in %s", address, place)
