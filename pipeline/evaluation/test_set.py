"""What is decoded to be measured: distinct sources or lines, their references, and how long the sources are."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.pairs.pair_file import Pair
from pipeline.pairs.references import group_references
from pipeline.plain_text.cutting import split_sources
from pipeline.settings.text import TextConfiguration
from pipeline.text.symbols import FEATURE_MARK
from pipeline.unicode.normal_forms import normalize_string

FIFTHS = 5


class ReferenceSet(NamedTuple):
    """What is decoded: as evaluation has it, lines of sentences, but distinct sources of symbols."""

    sources: list[str]
    references: list[list[str]]
    lines: list[int]
    """Where each stands first, from 1."""

    @classmethod
    def from_pairs(cls, pairs: Sequence[Pair], text: TextConfiguration, by_line: bool = False) -> "ReferenceSet":
        """The pairs of a split.

        Args:
            pairs: In their order.
            text: How strings become symbols; it decides what is a sentence, and which sources are the same.
            by_line: Whether every line counts, as of sentences, whatever the symbols are.
        """
        if by_line or text.has_sentences:
            sources, references = [pair.source for pair in pairs], [[pair.target] for pair in pairs]
            return cls(sources, references, [pair.line for pair in pairs])
        lines: dict[str, int] = {}
        for pair in pairs:
            lines.setdefault(pair.source, pair.line)
        grouped = group_references(pairs, text)
        return cls(list(grouped), list(grouped.values()), [lines[source] for source in grouped])

    def part(self, begin: int, end: int) -> "ReferenceSet":
        """Those from one place to before another."""
        return ReferenceSet(self.sources[begin:end], self.references[begin:end], self.lines[begin:end])


def source_lengths(sources: Sequence[str], text: TextConfiguration) -> tuple[str, np.ndarray]:
    """What lengths are counted in, and the lengths.

    Words between white space where the source is cut into subwords (characters, where the language has no spaces),
    else symbols. Features count for nothing.

    Example:
        >>> unit, lengths = source_lengths(["K AE T", "AO"], TextConfiguration(source_tokenizer="space"))
        >>> unit, lengths.tolist()
        ('symbols', [3, 1])
    """
    if text.feature_separator is not None:
        sources = [source.partition(FEATURE_MARK)[0] for source in sources]
    lengths = np.array([len(symbols) for symbols in split_sources(sources, text)])
    if text.source.separated:
        return "symbols", lengths
    if text.source.characters:
        return "characters", lengths
    if np.median(lengths) > 1:
        return "words", lengths
    return "characters", np.array(
        [len(normalize_string(source, text.normalization, text.lowercase)) for source in sources]
    )


def split_by_length(lengths: np.ndarray, parts: int = FIFTHS) -> list[np.ndarray]:
    """Positions of the inputs in parts of about equal size, the shortest inputs first.

    Inputs of the same length are never parted, so that parts may differ in size, and be fewer.

    Args:
        lengths: `[n]`.
        parts: How many.

    Example:
        >>> [part.tolist() for part in split_by_length(np.array([1, 9, 2, 1, 5, 7]), parts=3)]
        [[0, 3], [2, 4], [1, 5]]
    """
    shares = np.arange(1, parts) / parts
    edges = np.unique(np.quantile(lengths, shares, method="inverted_cdf"))
    group = np.searchsorted(edges, lengths, side="left")
    found = [np.flatnonzero(group == number) for number in range(len(edges) + 1)]
    return [positions for positions in found if len(positions)]
