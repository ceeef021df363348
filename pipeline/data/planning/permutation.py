"""A random order of very many numbers, of which any part is there at once: nothing is kept for a number."""

from collections.abc import Sequence

import numpy as np

SMALL = 4096
"""Up to so many they are shuffled; that takes a few kilobytes."""
_ROUNDS = 6
_MULTIPLIERS = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9], np.uint64)


class Permutation:
    """The numbers below `size` in a random order: called with places, it says which numbers stand there.

    A Feistel network (Luby & Rackoff 1988) permutes the numbers of as many bits as are needed; what falls outside is
    permuted again until it falls inside.

    Args:
        size: How many there are.
        key: Another one is another order.

    Example:
        >>> found = Permutation(100_000, [1, 2])(np.arange(100_000))
        >>> bool((np.sort(found) == np.arange(100_000)).all()), found[:3].tolist() == [0, 1, 2]
        (True, False)
    """

    def __init__(self, size: int, key: Sequence[int]) -> None:
        self.size = size
        if size <= SMALL:
            self._table = np.random.default_rng(key).permutation(size)
        else:
            bits = (size - 1).bit_length()
            self._bits = bits // 2, bits - bits // 2
            self._keys = np.random.SeedSequence(key).generate_state(_ROUNDS, np.uint64)

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """The numbers in these places, int64."""
        if self.size <= SMALL:
            return np.asarray(self._table[places], np.int64)
        found = self._mix(places.astype(np.uint64))
        while (outside := found >= self.size).any():
            found[outside] = self._mix(found[outside])
        return found.astype(np.int64)

    def _mix(self, numbers: np.ndarray) -> np.ndarray:
        left_bits, right_bits = self._bits
        for key in self._keys:
            left, right = numbers >> np.uint64(right_bits), numbers & np.uint64((1 << right_bits) - 1)
            mixed = (right + key) * _MULTIPLIERS[0]
            mixed = (mixed ^ (mixed >> np.uint64(32))) * _MULTIPLIERS[1]
            # The upper bits of a product depend on all bits of its factors.
            left ^= mixed >> np.uint64(64 - left_bits)
            numbers = (right << np.uint64(left_bits)) | left
            left_bits, right_bits = right_bits, left_bits
        return numbers
