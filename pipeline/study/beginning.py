"""How a directory of several trainings is begun, and recognised as the same one when it goes on."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pipeline.errors import UsageError
from pipeline.files.durable import is_unused, sweep, write_atomically
from pipeline.pairs.data_files import PLACES, DataFiles, compare_data, without_places
from pipeline.runs.ownership import read_info, require_format, require_free, require_same, whole
from pipeline.settings.changes import describe_changes, with_defaults
from pipeline.version import __version__

logger = logging.getLogger(__name__)


class Kind(NamedTuple):
    """What such a directory is."""

    name: str
    """For messages: "is not a …"."""
    other: str
    """For messages: what it holds where settings differ."""
    format: int
    """Of its files."""
    explanation: str
    """Its README.md."""


class Place(Protocol):
    """The paths that are needed for it."""

    path: Path
    info: Path
    readme: Path

    def exists(self) -> bool:
        """Whether it was begun."""

    def remove(self) -> None:
        """Delete what it writes, and nothing else."""


def begin(
    place: Place,
    kind: Kind,
    settings: dict[str, Any],
    now: DataFiles,
    folders: Sequence[Path],
    overwrite: bool = False,
) -> None:
    """Begin one, or check that what is there is the same one.

    Args:
        place: Where; locked.
        kind: What it is.
        settings: By `section.key`, and whatever else must stay the same.
        now: The data.
        folders: That it has from the beginning.
        overwrite: Replace one that is already there.

    Raises:
        UsageError: The directory holds another one, one of other data, or something else.
    """
    if place.exists() and overwrite:
        place.remove()
    elif place.exists():
        _require_same(place, kind, settings, now)
        logger.info("%s: going on", place.path)
    else:
        require_free(place.path, kind.name, is_unused(place.path))
    sweep(place.path)
    info = {"format": kind.format, "attentif": __version__, "configuration": settings, "files": dict(now.checksums)}
    write_atomically(place.info, json.dumps(info, indent=1) + "\n")
    write_atomically(place.readme, kind.explanation)
    for folder in folders:
        folder.mkdir(exist_ok=True)


def read_begun(place: Place, kind: Kind) -> dict[str, Any]:
    """The settings with which one was begun.

    Raises:
        UsageError: What says so is damaged.
    """
    info = read_info(place.info, kind.name)
    with whole(place.info, kind.name):
        return with_defaults(info["configuration"])


def _require_same(place: Place, kind: Kind, settings: dict[str, Any], now: DataFiles) -> None:
    info = read_info(place.info, kind.name)
    require_format(place.path, info, kind.format, "; begin again with --overwrite")
    earlier = read_begun(place, kind)
    with whole(place.info, kind.name):
        before = DataFiles({key: earlier.get(key) for key in PLACES}, info["files"])
    found = compare_data(before, now)
    if found.changed:
        raise UsageError(
            f"{', '.join(found.changed)}: changed since {place.path} was begun; bring the former content back to "
            "go on, or begin anew with --overwrite"
        )
    changed = [*describe_changes(without_places(earlier), without_places(settings)), *found.other]
    require_same(place.path, kind.other, changed)
