"""Which training pairs are left out, and why: too long, too short, too unlike in length, there already."""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np

from pipeline.pairs.pair_file import Pair
from pipeline.settings.data import DataConfiguration

# Up to this length a ratio says little: "Hi." and "Guten Tag!" are a pair.
SHORT = 10
BAD_LINE = "bad line"
_HASH_BYTES = 8
_SETTINGS = {
    "source too long": "max_length",
    "target too long": "max_length",
    "source too short": "min_length",
    "target too short": "min_length",
    "lengths too different": "max_ratio",
    "the same pair again": "drop_duplicates",
    BAD_LINE: "skip_bad_lines",
}


@dataclasses.dataclass(frozen=True)
class PairFilter:
    """The rules; every pair left out has one reason, the first in this order.

    Lengths are in symbols, the end symbol not counted.

    Args:
        max_length: The longest side that stays.
        min_length: The shortest side that stays.
        max_ratio: The longer side has at most this many times the symbols of the shorter one, unless it has no more
            than 10 symbols; None is no limit.
        drop_duplicates: Whether only the first of pairs with the same source and the same target stays.
        skip_bad_lines: Whether lines that are no pairs were left out when they were read.
    """

    max_length: int
    min_length: int = 0
    max_ratio: float | None = None
    drop_duplicates: bool = False
    skip_bad_lines: bool = False

    def find_misfits(self, source_lengths: np.ndarray, target_lengths: np.ndarray) -> dict[str, np.ndarray]:
        """For each reason that lengths give, which pairs go for it.

        Args:
            source_lengths: `[pairs]`.
            target_lengths: `[pairs]`.

        Example:
            >>> found = PairFilter(40, max_ratio=2.0).find_misfits(np.array([5, 41, 8]), np.array([11, 3, 16]))
            >>> {reason: misfits.tolist() for reason, misfits in found.items() if misfits.any()}
            {'source too long': [False, True, False], 'lengths too different': [True, False, False]}
        """
        shorter, longer = np.minimum(source_lengths, target_lengths), np.maximum(source_lengths, target_lengths)
        ratio = np.inf if self.max_ratio is None else self.max_ratio
        rules = {
            "source too long": source_lengths > self.max_length,
            "target too long": target_lengths > self.max_length,
            "source too short": source_lengths < self.min_length,
            "target too short": target_lengths < self.min_length,
            # Written as a product: an empty side has no ratio.
            "lengths too different": (longer > SHORT) & (longer > ratio * np.maximum(shorter, np.finfo(float).tiny)),
        }
        left = np.ones(len(source_lengths), bool)
        for reason, misfits in rules.items():
            rules[reason] = misfits & left
            left &= ~misfits
        return rules

    def describe(self, reason: str) -> str:
        """The reason with its setting, for messages: `source too long (data.max_length 64)`."""
        return f"{reason} ({self._describe_setting(_SETTINGS[reason])})"

    def describe_settings(self) -> str:
        """The settings that leave something out."""
        settings = {"max_length": True, "min_length": self.min_length > 1, "max_ratio": self.max_ratio is not None}
        settings |= {"drop_duplicates": self.drop_duplicates, "skip_bad_lines": self.skip_bad_lines}
        names = [name for name, counts in settings.items() if counts]
        return ", ".join(map(self._describe_setting, names))

    def _describe_setting(self, name: str) -> str:
        value = getattr(self, name)
        return f"data.{name} {str(value).lower() if isinstance(value, bool) else value}"


class Repetitions:
    """Knows pairs again by 64-bit hashes of them: about 70 bytes of memory for each different one."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def find(self, pairs: Sequence[Pair], candidates: np.ndarray) -> np.ndarray:
        """Which of the candidates, a mask `[pairs]`, were candidates before, in this call or in an earlier one."""
        again = np.zeros(len(pairs), bool)
        for index in np.flatnonzero(candidates).tolist():
            value = _hash_pair(pairs[index])
            again[index] = value in self._seen
            self._seen.add(value)
        return again


def _hash_pair(pair: Pair) -> int:
    # No line has a newline inside, so nothing else joins to the same.
    digest = hashlib.blake2b(f"{pair.source}\n{pair.target}".encode(), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(digest, "big")


def training_filter(data: DataConfiguration) -> PairFilter:
    """What `data` leaves out of training."""
    return PairFilter(data.max_length, data.min_length, data.max_ratio, data.drop_duplicates, data.skip_bad_lines)
