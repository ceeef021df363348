"""The arrays of a prepared corpus, and where they lie in its folder.

In the ids of a shard the pairs of the first lane come first, then those of the next; in a lane those with the shortest
sources, and of these those with the shortest targets. So pairs of one shard, one lane and the same two lengths are a
block, a cell, in which every pair is found by arithmetic: neither lengths nor places of single pairs are kept anywhere.
"""

from pathlib import Path

import numpy as np

CELL = np.dtype(
    [
        ("shard", "<i4"),
        ("source", "<i4"),
        ("target", "<i4"),
        ("count", "<i4"),
        ("row", "<i8"),
        ("source_at", "<i8"),
        ("target_at", "<i8"),
    ]
)
"""Pairs with the same lengths, end symbols counted: how many there are, which row of its shard is the first one, and
where its ids begin."""
LENGTHS = np.dtype([("lane", "<i4"), ("source", "<i4"), ("target", "<i4"), ("count", "<i8")])
"""How many pairs of a lane, in all shards, have which lengths."""
IDS = ("source_ids", "target_ids")
LINES = np.dtype("<i8")
"""Of the file a shard was made of, the line of every row."""
INDEX, COUNTS = "index.bin", "lengths.bin"
"""All cells, lane by lane; and `LENGTHS` of all."""
VOCABULARY, SHARDS, WORK = "vocabulary", "shards", ".prepare"


def ids_type(symbols: int) -> np.dtype:
    """What ids below a number are kept as.

    Example:
        >>> ids_type(100), ids_type(70_000)
        (dtype('uint16'), dtype('int32'))
    """
    return np.dtype("<u2") if symbols <= 1 << 16 else np.dtype("<i4")


def shard_name(number: int) -> str:
    """The folder of a shard, by its number from 0.

    Example:
        >>> shard_name(3)
        '00003'
    """
    return f"{number:05d}"


def array_path(folder: Path, shard: int, array: str) -> Path:
    """A shard's array in the folder of a corpus."""
    return folder / SHARDS / shard_name(shard) / f"{array}.bin"
