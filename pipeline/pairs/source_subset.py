"""A random part of the sources, told by a rule that any process can follow: those with the smallest hashes."""

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from pipeline.errors import DataError, count_of

_HASH_BYTES = 8
_HASH_RANGE = 1 << (8 * _HASH_BYTES)
_CHUNK = 1 << 16


class HasSource(Protocol):
    """A pair, as far as it matters here."""

    @property
    def source(self) -> str:
        """Its source."""
        ...


def hash_source(source: str, seed: int) -> int:
    """A 64-bit number that depends on seed and source alone: the same in every process and on every machine."""
    digest = hashlib.blake2b(f"{seed}\t{source}".encode(), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(digest, "big")


@dataclasses.dataclass(frozen=True)
class SourceSubset:
    """The rule that says which sources belong to a random part of the data: those with small hashes."""

    seed: int
    limit: int

    def contains(self, source: str) -> bool:
        """Whether all pairs of this source belong to the part."""
        return hash_source(source, self.seed) < self.limit


def hold_out(pairs: Iterable[HasSource], dev_size: float, seed: int, counted: bool = True) -> SourceSubset:
    """Choose the sources to hold out, in one streamed pass over the training pairs.

    Args:
        pairs: All training pairs.
        dev_size: Below 1: a share of the distinct sources, rounded, at least one and never all. From 1: exactly that
            many distinct sources.
        seed: Another seed holds out other sources.
        counted: Whether the sources are counted, which takes 8 bytes of memory for each; if not, a share is that of the
            range of the hash, so about that share of the sources.

    Raises:
        DataError: Too few distinct sources for both sides to have one.

    Example:
        >>> from pipeline.pairs.pair_file import Pair
        >>> held_out = hold_out([Pair(str(number), "x", number) for number in range(100)], 0.07, seed=1)
        >>> sum(held_out.contains(str(number)) for number in range(100))
        7
    """
    hashes = (hash_source(pair.source, seed) for pair in pairs)
    if dev_size < 1 and not counted:
        return SourceSubset(seed, _limit_of_share(hashes, dev_size))
    distinct = _distinct(hashes)
    count = min(_count_of_share(dev_size, len(distinct)), max(1, len(distinct) - 1)) if dev_size < 1 else int(dev_size)
    if count >= len(distinct):
        raise _too_few_sources(count, len(distinct))
    return SourceSubset(seed, _limit_of_count(distinct, count))


def choose_sources(sources: Iterable[str], size: float, seed: int, counted: bool = True) -> SourceSubset:
    """A share of the distinct sources, rounded and at least one, or so many of them; all if there are no more.

    Args:
        sources: All of them.
        size: Share or count.
        seed: Another seed chooses others.
        counted: See `hold_out`.
    """
    if size < 1 and not counted:
        return SourceSubset(seed, max(1, int(size * _HASH_RANGE)))
    distinct = _distinct(hash_source(source, seed) for source in sources)
    count = _count_of_share(size, len(distinct)) if size < 1 else int(size)
    return SourceSubset(seed, _limit_of_count(distinct, min(count, len(distinct))))


def _count_of_share(share: float, distinct: int) -> int:
    return max(1, round(share * distinct))


def _distinct(hashes: Iterator[int]) -> np.ndarray:
    """Sorted, each once."""
    found = np.zeros(0, np.uint64)
    while True:
        # As many more as are known, so that each is sorted a few times only, however many there are.
        chunk = np.fromiter(itertools.islice(hashes, max(_CHUNK, len(found))), np.uint64)
        if not len(chunk):
            return found
        found = np.union1d(found, chunk)


def _limit_of_count(distinct: np.ndarray, count: int) -> int:
    return int(distinct[count - 1]) + 1 if count else 0


def _limit_of_share(hashes: Iterator[int], share: float) -> int:
    limit = int(share * _HASH_RANGE)
    smallest, largest = _HASH_RANGE, -1
    for value in hashes:
        smallest, largest = min(smallest, value), max(largest, value)
        if smallest < limit <= largest:
            # Both sides have a source: no need to read on.
            return limit
    if smallest >= largest:
        raise _too_few_sources(1, 0 if largest < 0 else 1)
    return smallest + 1 if limit <= smallest else largest


def _too_few_sources(count: int, distinct: int) -> DataError:
    return DataError(
        f"data.dev_size: cannot hold out {count} of {count_of(distinct, 'distinct training source')}, "
        "none would be left to train on; lower data.dev_size, add training data or give data.dev"
    )
