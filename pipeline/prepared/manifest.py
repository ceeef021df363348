"""The manifest of a prepared corpus: what it was made of, by which settings, and what its files are.

It depends on the data and the settings alone, not on who prepared them, when and with how many processes: its hash
stands for all of the corpus.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import DataError
from pipeline.pairs.locations import PREPARED

FORMAT = 1
REMEDY = "the same `prepare` command mends it, or bring back a copy"


class FileState(NamedTuple):
    """What a file is."""

    bytes: int
    sha256: str


class ShardRecord(NamedTuple):
    """What became of a file of pairs."""

    name: str
    """Of the file, for messages."""
    sha256: str
    """Of what that held."""
    pairs: int
    dropped: dict[str, int]
    """How many pairs were left out, by reason."""
    first_dropped: dict[str, int]
    """On which line the first of these stands."""
    files: dict[str, FileState]
    """By the name of the array."""


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What `prepared.json` says.

    Args:
        folder: Where it lies.
        settings: By `section.key` all on which ids depend.
        lanes: How many there are.
        itemsize: Bytes of an id.
        cells: How many each lane has in the index.
        shards: All of them.
        files: The other files of the folder, by their paths in it.
        dev: The held-out dev set, as `data.dev` takes it, by names in the folder; None where none was held out.
        facts: What settings follow from, see `pipeline.defaults.facts.Facts`.
    """

    folder: Path
    settings: Mapping[str, Any]
    lanes: int
    itemsize: int
    cells: tuple[int, ...]
    shards: tuple[ShardRecord, ...]
    files: Mapping[str, FileState]
    dev: str | list[str] | None
    facts: Mapping[str, Any]

    @property
    def pairs(self) -> int:
        """How many there are in all."""
        return sum(shard.pairs for shard in self.shards)

    @property
    def dropped(self) -> dict[str, int]:
        """How many pairs were left out, by reason."""
        totals: dict[str, int] = {}
        for shard in self.shards:
            for reason, number in shard.dropped.items():
                totals[reason] = totals.get(reason, 0) + number
        return totals

    def first_dropped(self, reason: str) -> str:
        """Where the first pair stands that was left out for a reason."""
        shard = next(shard for shard in self.shards if reason in shard.first_dropped)
        return f"line {shard.first_dropped[reason]} of {shard.name}"

    def dev_location(self) -> str | list[str] | None:
        """The held-out dev set as `data.dev` takes it."""
        if isinstance(self.dev, list):
            return [str(self.folder / name) for name in self.dev]
        return self.dev and str(self.folder / self.dev)

    def to_json(self) -> str:
        """What stands in the file."""
        content = dataclasses.asdict(self)
        content["folder"] = FORMAT
        content = {"format": content.pop("folder"), **content}
        content["shards"] = [
            {**shard._asdict(), "files": {name: state._asdict() for name, state in shard.files.items()}}
            for shard in self.shards
        ]
        content["files"] = {name: state._asdict() for name, state in self.files.items()}
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a prepared corpus.

    Raises:
        DataError: It is damaged, or of another version.
    """
    path = folder / PREPARED
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise DataError(f"{path}: of format {content['format']}, this version reads {FORMAT}; prepare it anew")
        del content["format"]
        shards = tuple(ShardRecord(**{**shard, "files": _states(shard["files"])}) for shard in content.pop("shards"))
        content |= {"shards": shards, "files": _states(content["files"]), "cells": tuple(content["cells"])}
        return Manifest(folder=folder, **content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); {REMEDY}") from error


def _states(files: Mapping[str, Any]) -> dict[str, FileState]:
    return {name: FileState(**state) for name, state in files.items()}


def require_whole(manifest: Manifest) -> None:
    """Refuse a corpus of which a file is missing or of another size: a quick look, which reads none of them.

    Raises:
        DataError: With the file's name.
    """
    for name, state in [*manifest.files.items(), *_arrays(manifest)]:
        path = manifest.folder / name
        try:
            size = path.stat().st_size
        except OSError:
            raise DataError(f"{path}: is missing; {REMEDY}") from None
        if size != state.bytes:
            raise DataError(f"{path}: has {size:,} bytes, not {state.bytes:,}; {REMEDY}")


def _arrays(manifest: Manifest) -> list[tuple[str, FileState]]:
    from pipeline.prepared.layout import array_path  # with NumPy, which `--help` does without

    return [
        (str(array_path(Path(), number, name)), state)
        for number, shard in enumerate(manifest.shards)
        for name, state in shard.files.items()
    ]
