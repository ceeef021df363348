"""A prepared corpus, opened: its manifest, counts of lengths, and ids that are mapped where a batch needs them."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.errors import DataError
from pipeline.prepared.layout import CELL, COUNTS, IDS, INDEX, LENGTHS, LINES, array_path
from pipeline.prepared.manifest import REMEDY, Manifest, read_manifest, require_whole


@dataclasses.dataclass(frozen=True)
class PreparedCorpus:
    """The training pairs of a folder that `prepare` wrote. What is not needed is not read: a worker maps the ids of its
    lanes alone.

    Args:
        manifest: The folder's.
        lengths: How many pairs of each lane have which lengths, of `LENGTHS`.
    """

    manifest: Manifest
    lengths: np.ndarray

    def __len__(self) -> int:
        return self.manifest.pairs

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many pairs were left out, by reason."""
        return self.manifest.dropped

    def cells(self, lane: int) -> np.ndarray:
        """A lane's, of `CELL`, those of a shard one after the other."""
        first = sum(self.manifest.cells[:lane]) * CELL.itemsize
        return np.fromfile(self.manifest.folder / INDEX, CELL, self.manifest.cells[lane], offset=first)

    @functools.cached_property
    def _maps(self) -> dict[tuple[int, str], np.ndarray]:
        return {}

    def ids(self, shard: int) -> tuple[np.ndarray, np.ndarray]:
        """The ids of a shard's sources and targets."""
        return self._map(shard, IDS[0]), self._map(shard, IDS[1])

    def _map(self, shard: int, array: str) -> np.ndarray:
        found = self._maps.get((shard, array))
        if found is None:
            kind = LINES if array == "lines" else np.dtype(f"<{'u2' if self.manifest.itemsize == 2 else 'i4'}")
            path = array_path(self.manifest.folder, shard, array)
            # As a plain array: every slice of a memmap takes several times as long. One of no bytes cannot be mapped.
            found = np.asarray(np.memmap(path, kind, "r")) if path.stat().st_size else np.zeros(0, kind)
            self._maps[shard, array] = found
        return found

    def describe(self, rows: Sequence[tuple[int, int]]) -> list[str]:
        """Where pairs stood in the files that the corpus was made of.

        Args:
            rows: Shard and row of each.
        """
        return [f"line {self._map(shard, 'lines')[row]} of {self.manifest.shards[shard].name}" for shard, row in rows]


def open_prepared(folder: Path) -> PreparedCorpus:
    """Open what `prepare` wrote; its files are looked at, not read.

    Raises:
        DataError: Something of it is missing or damaged.
    """
    manifest = read_manifest(folder)
    require_whole(manifest)
    lengths = np.fromfile(folder / COUNTS, LENGTHS)
    if int(lengths["count"].sum()) != manifest.pairs:
        raise DataError(f"{folder / COUNTS}: damaged; {REMEDY}")
    return PreparedCorpus(manifest, lengths)
