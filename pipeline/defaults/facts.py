"""What is counted of the training data before settings are chosen."""

import dataclasses
import itertools
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from pipeline.pairs.pair_file import Pair
from pipeline.plain_text.cutting import split_sources, split_targets
from pipeline.settings.text import TextConfiguration

# Of more pairs the number alone is counted.
LOOKED_AT = 100_000
# Share of the strings that are no longer than `Facts.long`.
NEARLY_ALL = 0.998
# Subwords that an average word is cut into.
SUBWORDS_OF_WORD = 1.3


@dataclasses.dataclass(frozen=True)
class Facts:
    """What settings follow from.

    Args:
        pairs: Number of training pairs.
        target_length: Symbols of a target on the average, end symbol not counted; of subwords estimated.
        long: All but two of a thousand strings of either side have no more symbols.
        copied: Share of the target symbols that stand in the source, too.
        sentences: Whether targets are cut into subwords.
        dev: Number of dev sources; None if nobody counted them.
    """

    pairs: int
    target_length: float
    long: int
    copied: float
    sentences: bool
    dev: int | None = None

    @property
    def target_symbols(self) -> int:
        """Symbols that a pass over the data predicts, end symbols included."""
        return round(self.pairs * (self.target_length + 1))


def take(pairs: Iterable[Pair]) -> tuple[list[Pair], int]:
    """The pairs that are looked at, and how many there are in all."""
    pairs = iter(pairs)
    looked_at = list(itertools.islice(pairs, LOOKED_AT))
    return looked_at, len(looked_at) + sum(1 for _ in pairs)


def count_facts(pairs: Sequence[Pair], number: int, text: TextConfiguration) -> Facts:
    """Count.

    Args:
        pairs: Those that are looked at, at least one.
        number: How many there are in all.
        text: How they will be cut.

    Example:
        >>> count_facts([Pair("ab", "ba", 1), Pair("cd", "de", 2)], 2, TextConfiguration())
        Facts(pairs=2, target_length=2.0, long=2, copied=0.75, sentences=False, dev=None)
    """
    sources = split_sources((pair.source for pair in pairs), text)
    targets = split_targets((pair.target for pair in pairs), text)
    kinds = (sources, text.source), (targets, text.target)
    lengths = [[len(row) * (SUBWORDS_OF_WORD if kind.subwords else 1) for row in rows] for rows, kind in kinds]
    long = max(math.ceil(sorted(side)[math.ceil(NEARLY_ALL * (len(side) - 1))]) for side in lengths)
    copied = _share_copied(sources, targets)
    return Facts(number, statistics.fmean(lengths[1]), long, copied, sentences=text.has_sentences)


def _share_copied(sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]) -> float:
    common = sum((Counter(source) & Counter(target)).total() for source, target in zip(sources, targets, strict=True))
    return common / max(sum(map(len, targets)), 1)
