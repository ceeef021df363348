"""Folders of files in stores, as exports are: sent so that nobody takes half of one for whole, and fetched."""

import logging
from pathlib import Path

from pipeline.errors import DataError, UsageError, count_of
from pipeline.remote_runs.kept_folder import keep_folder
from pipeline.stores.addresses import leads_out
from pipeline.stores.copies import copies_folder, name_of
from pipeline.stores.store import Store, version_of

logger = logging.getLogger(__name__)

_OF_EXPORTS = {
    *("saved_model.pb", "fingerprint.pb", "variables", "assets", "assets.extra"),
    *("attentif_runtime.py", "vocabulary.json", "model.tflite", "model.onnx"),
}
LAST = "attentif.json"
"""The file of an export that has the checksums of the others: written last, and deleted first."""


def require_free_for_export(address: str) -> set[str]:
    """What is in the place of an export in a store: nothing, or an earlier export or what is left of one.

    Raises:
        UsageError: Something else is there, or nothing can write to such a store.
        DataError: The store cannot be asked.
    """
    address = address.rstrip("/")
    there = {name.removeprefix(f"{address}/") for name in Store(address, writes=True).find(address)}
    tops = {name.partition("/")[0] for name in there}
    if there and LAST not in there and not tops <= _OF_EXPORTS:
        other = min(tops - _OF_EXPORTS)
        raise UsageError(f"{address}: exists and is not an export, {other} is there; choose another place")
    return there


def send_tree(folder: Path, address: str) -> None:
    """Write a folder to a store, in the place of an earlier one.

    Args:
        folder: An export, of whatever format.
        address: Of the place.

    Raises:
        UsageError: Something else is there, or nothing can write to such a store.
        DataError: It cannot be written.
    """
    store, address = Store(address, writes=True), address.rstrip("/")
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    there = require_free_for_export(address)
    store.delete(f"{address}/{LAST}")
    for name in sorted(names, key=lambda name: name == LAST):
        store.send(folder / name, f"{address}/{name}")
    for name in sorted(there - set(names)):
        store.delete(f"{address}/{name}")
    logger.info("%s: sent %s", address, count_of(len(names), "file"))


def fetch_tree(address: str) -> Path:
    """A copy of a folder in a store; fetched again only where the store has another version of a file.

    What is in it is checked by whoever opens it, with the checksums that exports have.

    Args:
        address: Of the folder.

    Raises:
        UsageError: Nothing speaks to such a store here.
        DataError: There is no such folder, or it cannot be read or kept.
    """
    address = address.rstrip("/")
    store = Store(address)
    found = store.find(address)
    if not found:
        raise DataError(f"{address}: nothing is there in the store; check the address")
    versions = repr([(name, version_of(info)) for name, info in found.items()])
    place = copies_folder() / name_of(address) / name_of(versions) / address.rpartition("/")[2]

    def fill(folder: Path) -> None:
        for name, info in found.items():
            inside = name.removeprefix(f"{address}/")
            if leads_out(inside):
                raise DataError(f"{address}: {inside!r} is there, which is no file of an export")
            path = folder / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            store.fetch(name, path, info.get("size"))

    if keep_folder(place, address, fill):
        logger.info("%s: %s, kept in %s", address, count_of(len(found), "file"), place)
    else:
        logger.info("%s: not changed since it was fetched, %s", address, place)
    return place
