"""Copies of objects on this machine: fetched once, whole, and again only where the store has another version."""

import hashlib
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path

from pipeline.errors import DataError
from pipeline.process.user_cache import user_cache
from pipeline.stores.addresses import address_of
from pipeline.stores.store import Store, version_of

logger = logging.getLogger(__name__)

FOLDER = "ATTENTIF_COPIES"
"""The variable that names the folder they are kept in."""
_KEPT_SECONDS = 30 * 24 * 3600
# What this process has looked for: it reads one version of an object, however often it reads it.
_known: dict[str, Path] = {}


def copies_folder() -> Path:
    """Where copies are kept: what `ATTENTIF_COPIES` names, else `attentif/copies` in the user's cache."""
    wanted = os.environ.get(FOLDER, "")
    if wanted:
        return Path(wanted).absolute()
    return (user_cache() or Path(tempfile.gettempdir()) / "attentif") / "copies"


def name_of(text: str) -> str:
    """A short name of a file or folder for any text; others have others.

    Example:
        >>> name_of("s3://bucket/a.tsv")
        '51dc6b6961dec3fe'
    """
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def local_copy(place: str | os.PathLike[str]) -> str:
    """The file to read for a place: itself, or the copy of an object in a store, which is fetched if need be.

    Args:
        place: A path, or an address as `address_of` has it.

    Raises:
        UsageError: Nothing speaks to such a store here.
        DataError: There is no such object, or it cannot be read or kept.
    """
    address = address_of(place)
    if address is None:
        return os.fspath(place)
    if address not in _known:
        _known[address] = _find_copy(address)
    return str(_known[address])


def forget_copies() -> None:
    """Look for other versions of all objects when they are next asked for."""
    _known.clear()


def is_there(place: str | os.PathLike[str]) -> bool:
    """Whether a place is a file of this machine, or an object in a store.

    Raises:
        UsageError: Nothing speaks to such a store here.
        DataError: The store cannot be asked.
    """
    address = address_of(place)
    if address is None:
        return os.path.isfile(place)
    return address in _known or Store(address).info(address) is not None


def _find_copy(address: str) -> Path:
    store, shown = Store(address), address.rpartition("/")[2]
    for _ in range(3):
        info = store.info(address)
        if info is None:
            raise DataError(f"{address}: no such object in the store; check the address")
        version, size = version_of(info), info.get("size")
        folder = copies_folder() / name_of(address)
        # Of a store that tells no versions apart there is no copy that could be relied on later.
        place = folder / name_of(version or f"{os.getpid()} {time.time_ns()}") / (shown.partition("?")[0] or "object")
        if version is not None and place.is_file() and size in (None, place.stat().st_size):
            _touch(place)
            logger.info("%s: not changed since it was fetched, %s", address, place)
            return place
        fetched = _fetch(store, address, place, size)
        now = store.info(address)
        if now is not None and version_of(now) == version:
            logger.info("%s: %s bytes, kept in %s", address, f"{fetched:,}", place)
            _drop_old(folder, place.parent)
            return place
        # What came may be of either version, or of both.
        logger.warning("%s: changed while it was fetched; once more", address)
        shutil.rmtree(place.parent, ignore_errors=True)
    raise DataError(f"{address}: changes faster than it can be fetched; copy it to where it stays as it is")


def _fetch(store: Store, address: str, place: Path, size: int | None) -> int:
    """Fetch an object to a place where nobody finds half of it; returns how many bytes it has."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(prefix=".unfinished-", dir=place.parent)
        os.close(handle)
        try:
            store.fetch(address, Path(unfinished), size)
            os.replace(unfinished, place)
        finally:
            Path(unfinished).unlink(missing_ok=True)
        return place.stat().st_size
    except OSError as error:
        raise DataError(
            f"{address}: its copy cannot be kept in {place.parent} ({error.strerror or error}); {FOLDER} names another "
            "folder"
        ) from error


def _touch(place: Path) -> None:
    """Remember that it was used."""
    try:
        os.utime(place.parent)
    except OSError:  # somebody else's, or of a disk that can only be read
        return


def _drop_old(folder: Path, newest: Path) -> None:
    """Delete other versions that were not used for a month."""
    for other in folder.iterdir():
        try:
            if other != newest and time.time() - other.stat().st_mtime > _KEPT_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
        except OSError:
            continue
