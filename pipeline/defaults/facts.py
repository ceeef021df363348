"""What is counted of the training data before settings are chosen."""

import dataclasses
import itertools
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from pipeline.pairs.pair_file import Pair
from pipeline.plain_text.cutting import split_sources, split_targets
from pipeline.settings.text import TOKENIZER_KINDS, TextConfiguration
from pipeline.text.symbols import FEATURE_MARK

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
        alike: Whether both sides are cut into characters, so that a symbol of one is the same symbol of the other.
        forward: How strictly targets move forward through their sources, see `forward_share`.
        distinct: How many different target symbols there are among the pairs that are looked at.
        dev: Number of dev sources; None if nobody counted them.
    """

    pairs: int
    target_length: float
    long: int
    copied: float
    sentences: bool
    alike: bool = True
    forward: float = 0.0
    distinct: int = 0
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
        >>> found = count_facts([Pair("ab", "ba", 1), Pair("cd", "de", 2)], 2, TextConfiguration())
        >>> found.pairs, found.target_length, found.copied, found.alike, found.distinct
        (2, 2.0, 0.75, True, 4)
    """
    from pipeline.defaults.order import forward_share  # with NumPy, which `--help` does without

    sources = split_sources((pair.source for pair in pairs), text)
    targets = split_targets((pair.target for pair in pairs), text)
    kinds = (sources, text.source), (targets, text.target)
    lengths = [[len(row) * (SUBWORDS_OF_WORD if kind.subwords else 1) for row in rows] for rows, kind in kinds]
    long = max(math.ceil(sorted(side)[math.ceil(NEARLY_ALL * (len(side) - 1))]) for side in lengths)
    return Facts(
        number,
        statistics.fmean(lengths[1]),
        long,
        _share_copied(sources, targets),
        sentences=text.has_sentences,
        alike=all(TOKENIZER_KINDS[kind].characters for kind in (text.source_tokenizer, text.target_tokenizer)),
        forward=0.0 if text.has_sentences else forward_share([_without_features(row) for row in sources], targets),
        distinct=len(set(itertools.chain.from_iterable(targets))),
    )


def _without_features(source: Sequence[str]) -> list[str]:
    return [symbol for symbol in source if not (len(symbol) > 1 and symbol.startswith(FEATURE_MARK))]


def _share_copied(sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]) -> float:
    common = sum((Counter(source) & Counter(target)).total() for source, target in zip(sources, targets, strict=True))
    return common / max(sum(map(len, targets)), 1)
