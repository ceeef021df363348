"""A run in a store: contents by their SHA-256, and lists of them, of which the newest that is whole counts."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import DataError, UsageError
from pipeline.files.durable import checksum
from pipeline.remote_runs.contents import Content
from pipeline.stores.addresses import leads_out
from pipeline.stores.store import Store
from pipeline.version import __version__

LISTS, CONTENTS = "lists", "contents"
FORMAT = 1
KEPT_LISTS = 2
"""The newest, and the one before it, which somebody may be reading."""


class Listing(NamedTuple):
    """What a run held at a moment."""

    number: tuple[int, int]
    """Of the claim under which it was written, and which of that claim's lists it is."""
    files: dict[str, Content]
    """By path."""

    @property
    def sign(self) -> str:
        """What no other list has, be it of a run of the same name that was begun when this one had been deleted."""
        return hashlib.sha256(repr((self.number, sorted(self.files.items()))).encode()).hexdigest()


class RemoteRun:
    """The objects of a run.

    A list is written when all that it names is there, under a name that no other has; no content is ever written over.
    So whatever is cut off, the newest list is whole.

    Args:
        store: Where.
        address: Of the run.
    """

    def __init__(self, store: Store, address: str) -> None:
        self.store, self.address = store, address.rstrip("/")

    def newest(self) -> Listing | None:
        """The list that counts; None where no run is.

        Raises:
            UsageError: Something else is there, or a later version's run.
            DataError: The store cannot be asked, or the list is damaged.
        """
        numbers = sorted(self._lists())
        return self._read(numbers[-1]) if numbers else None

    def fetch(self, content: Content, place: Path) -> None:
        """Write a content to a new file.

        Raises:
            DataError: It cannot be had, or is not what it should be.
        """
        address = self._place(content.sha256)
        for _ in range(3):
            self.store.fetch(address, place, content.bytes)
            if checksum(place) == content.sha256:
                return
            place.unlink()
        raise DataError(f"{address}: damaged in the store, its SHA-256 is another; that of an older copy is needed")

    def write(self, number: tuple[int, int], files: Mapping[str, Content], places: Mapping[str, Path]) -> int:
        """Write what is new, and then the list that names everything.

        Args:
            number: Of the list; larger than those before.
            files: Everything, by path.
            places: Files to send, by SHA-256; what is not among them is there already.

        Returns:
            How many bytes were sent.

        Raises:
            DataError: The store cannot be written to.
        """
        sent = 0
        for sha256, place in places.items():
            self.store.send(place, self._place(sha256))
            sent += place.stat().st_size
        listed = {name: content._asdict() for name, content in sorted(files.items())}
        described = {"format": FORMAT, "attentif": __version__, "files": listed}
        self.store.write_new(self._list(number), (json.dumps(described, indent=1) + "\n").encode())
        return sent

    def drop_old(self) -> None:
        """Delete lists that are older than the last two, and contents that none of these names.

        Raises:
            DataError: The store cannot be asked.
        """
        numbers = sorted(self._lists())
        kept = {content.sha256 for number in numbers[-KEPT_LISTS:] for content in self._read(number).files.values()}
        for number in numbers[:-KEPT_LISTS]:
            self.store.delete(self._list(number))
        for address in self.store.find(f"{self.address}/{CONTENTS}"):
            if address.rpartition("/")[2] not in kept:
                self.store.delete(address)

    def _lists(self) -> list[tuple[int, int]]:
        found = []
        for name in self.store.find(f"{self.address}/{LISTS}"):
            claim, _, place = name.rpartition("/")[2].removesuffix(".json").partition("-")
            if claim.isdecimal() and place.isdecimal():
                found.append((int(claim), int(place)))
        return found

    def _read(self, number: tuple[int, int]) -> Listing:
        address = self._list(number)
        content = self.store.read(address)
        try:
            described: dict[str, Any] = json.loads(content or b"")
            if described["format"] != FORMAT:
                raise UsageError(
                    f"{self.address}: a run of Attentif {described['attentif']}, which keeps runs in stores otherwise "
                    f"than {__version__}; use that version"
                )
            files = {name: Content(str(of["sha256"]), int(of["bytes"])) for name, of in described["files"].items()}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{address}: damaged, it is no list of a run's files ({error})") from error
        for name in files:
            if leads_out(name):
                raise DataError(f"{address}: damaged, {name!r} is no file of a run")
        return Listing(number, files)

    def _list(self, number: tuple[int, int]) -> str:
        return f"{self.address}/{LISTS}/{number[0]:08d}-{number[1]:08d}.json"

    def _place(self, sha256: str) -> str:
        return f"{self.address}/{CONTENTS}/{sha256[:2]}/{sha256}"
