"""What a model lacks: which symbols, and what is shown in the place of those that it could not write."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.answering.predictions import count_features
from pipeline.plain_text.given_strings import encode
from pipeline.plain_text.processor import PlainText
from pipeline.runtime.folder import Folder
from pipeline.text.symbols import UNKNOWN


class Replacement(NamedTuple):
    """What may be shown in the place of an unknown symbol; see `pipeline.prediction.unknown_symbols`."""

    dictionary: Mapping[str, str]
    """What to show for a source symbol; one that it lacks is copied."""
    as_unknown: Callable[[Sequence[str]], Sequence[bool]] | None = None
    """Of a model that copies: which source symbols are copied as the unknown one."""
    always: bool = True
    """Whether source symbols are shown that cannot have been copied."""

    def positions(self, source: Sequence[str]) -> np.ndarray:
        """Which of the source's symbols may be shown, bool."""
        # Features are no part of an output.
        symbols = np.array([count_features([symbol]) == 0 for symbol in source], bool)
        if self.as_unknown is None:
            return symbols
        chosen = np.array(self.as_unknown(source), bool) & symbols
        return chosen if chosen.any() or not self.always else symbols


def replace_unknown(
    ids: Sequence[int],
    names: Sequence[str],
    attention: np.ndarray,
    source: Sequence[str],
    replacement: Replacement,
) -> list[str]:
    """Show the source symbol that an unknown output symbol looked at most, or its entry in a dictionary.

    Args:
        ids: Of an output, T of them.
        names: The same as strings, as they are shown.
        attention: `[T, S]`, the last column that of the end symbol, which does not count.
        source: The source's symbols, S - 1 of them.
        replacement: What may be shown.

    Example:
        >>> weights = np.array([[0.4, 0.1, 0.5], [0.3, 0.6, 0.1]])
        >>> replace_unknown([3, 3], ["<unk>", "<unk>"], weights, ["a", "b"], Replacement({"b": "B"}))
        ['a', 'B']
    """
    shown = list(names)
    if not source or UNKNOWN not in ids:
        return shown
    weights = attention[:, : len(source)] * replacement.positions(source)
    for place, number in enumerate(ids):
        if number == UNKNOWN and weights[place].max() > 0:
            chosen = source[int(weights[place].argmax())]
            shown[place] = replacement.dictionary.get(chosen) or chosen
    return shown


class UnknownInVocabularies:
    """Counts what the vocabularies of a folder lack, see `CountsUnknown`.

    Args:
        folder: The limits of length.
        source: The sources' text.
        target: The targets'.
    """

    def __init__(self, folder: Folder, source: PlainText, target: PlainText) -> None:
        self.folder, self.source, self.target = folder, source, target

    def in_sources(self, sources: Sequence[str]) -> list[int]:
        """How many symbols of each source are unknown."""
        return [self._count(self.source, source, self.folder.max_length) for source in sources]

    def in_targets(self, targets: Sequence[str]) -> list[int]:
        """How many symbols of each target are."""
        return [self._count(self.target, target, self.folder.max_target_length) for target in targets]

    def among_target_symbols(self, symbols: Sequence[str]) -> list[bool]:
        """Whether each is, taken as a symbol of targets."""
        return [number == UNKNOWN for number in self.target.to_ids(symbols)]

    def _count(self, text: PlainText, string: str, most: int) -> int:
        return text.count_unknown(text.to_ids(text.read(encode(string), most).symbols))
