"""Models in stores, to be read: a run as its newest list has it, or a folder that was exported there."""

import logging
from pathlib import Path

from pipeline.errors import count_of
from pipeline.remote_runs.contents import Content, bring
from pipeline.remote_runs.kept_folder import keep_folder
from pipeline.remote_runs.remote_run import RemoteRun
from pipeline.remote_runs.trees import fetch_tree
from pipeline.runs.model_paths import split_models
from pipeline.stores.addresses import address_of
from pipeline.stores.copies import copies_folder, name_of
from pipeline.stores.store import Store

logger = logging.getLogger(__name__)

_NOT_FOR_READERS = ("logs/", "attention/")
SETTINGS = ("config.yaml", "run.json", "checksums.json", "data.json")


def local_model(path: Path) -> Path:
    """The place on this machine of a model, or of an ensemble's members, which are fetched from stores if need be.

    Args:
        path: What commands take as a model; addresses as `address_of` has them.

    Raises:
        UsageError: Nothing speaks to such a store here, or no run or export is there.
        DataError: It cannot be read.
    """
    if ":/" not in str(path):
        return path
    places = split_models(path)
    if not any(map(address_of, places)):
        return path
    return Path(",".join(str(_fetch(place)) for place in places))


def _fetch(place: Path) -> Path:
    address = address_of(place)
    if address is None:
        return place
    remote = RemoteRun(Store(address), address)
    newest = remote.newest()
    if newest is None:
        return fetch_tree(address)
    files = {name: content for name, content in newest.files.items() if not name.startswith(_NOT_FOR_READERS)}
    found, made = _keep(remote, files, "whole")
    if made:
        logger.info("%s: %s, kept in %s", address, count_of(len(files), "file"), found)
    return found


def local_settings(run: Path) -> Path:
    """Where the settings of a run are: itself, or of one in a store a directory with nothing else in it.

    Raises:
        UsageError: Nothing speaks to such a store here.
        DataError: It cannot be read.
    """
    address = address_of(run)
    if address is None:
        return run
    remote = RemoteRun(Store(address), address)
    newest = remote.newest()
    if newest is None:
        # A directory that is not there: no run was begun.
        return copies_folder() / name_of(address) / "none"
    return _keep(remote, {name: newest.files[name] for name in SETTINGS if name in newest.files}, "settings")[0]


def _keep(remote: RemoteRun, files: dict[str, Content], kind: str) -> tuple[Path, bool]:
    """A copy of some files of a run, and whether it was made just now."""
    known = name_of(repr(sorted(files.items())))
    place = copies_folder() / name_of(remote.address) / f"{kind}-{known}" / remote.address.rpartition("/")[2]
    return place, keep_folder(place, remote.address, lambda folder: bring(folder, files, remote.fetch))
