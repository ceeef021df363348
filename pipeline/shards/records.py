"""What is known of a file: enough to tell later, without reading it in most cases, whether it is the same."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.files.durable import checksum


class FileState(NamedTuple):
    """A file at the moment when it was read or written."""

    size: int
    mtime_ns: int
    sha256: str

    def holds(self, path: Path) -> bool:
        """Whether a file has this content. Of the same size and time it is taken for the same; else it is read.

        Raises:
            OSError: It cannot be read.
        """
        now = os.stat(path)
        if now.st_size != self.size:
            return False
        return now.st_mtime_ns == self.mtime_ns or checksum(path) == self.sha256


class Record(NamedTuple):
    """That a shard is done: which answers were made of which lines, by what."""

    asked: str
    """A digest of all that answers depend on but the lines."""
    lines: int
    told: dict[str, list[int]]
    """What was said of lines: how many of each kind, and the number of the first."""
    source: FileState
    answers: FileState

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {**self._asdict(), "source": self.source._asdict(), "answers": self.answers._asdict()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Record":
        """What `to_json` made; errors of all kinds for anything else."""
        files = {name: FileState(**told[name]) for name in ("source", "answers")}
        return cls(str(told["asked"]), int(told["lines"]), dict(told["told"]), **files)
