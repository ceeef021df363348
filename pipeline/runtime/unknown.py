"""What a model lacks: which symbols, and what is shown in the place of those that it could not write."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.plain_text.given_strings import encode
from pipeline.plain_text.processor import PlainText
from pipeline.runtime.folder import Folder
from pipeline.text.symbols import UNKNOWN


def replace_unknown(
    ids: Sequence[int],
    names: Sequence[str],
    attention: np.ndarray,
    source: Sequence[str],
    dictionary: Mapping[str, str],
) -> list[str]:
    """Show the source symbol that an unknown output symbol looked at most, or its entry in a dictionary.

    Args:
        ids: Of an output, T of them.
        names: The same as strings, as they are shown.
        attention: `[T, S]`, the last column that of the end symbol, which does not count.
        source: The source's symbols, S - 1 of them.
        dictionary: What to show for a source symbol; one that it lacks is copied.

    Example:
        >>> weights = np.array([[0.4, 0.1, 0.5], [0.3, 0.6, 0.1]])
        >>> replace_unknown([3, 3], ["<unk>", "<unk>"], weights, ["a", "b"], {"b": "B"})
        ['a', 'B']
    """
    shown = list(names)
    weights = attention[:, : len(source)]
    for place, number in enumerate(ids):
        if number == UNKNOWN and source and weights[place].max() > 0:
            chosen = source[int(weights[place].argmax())]
            shown[place] = dictionary.get(chosen) or chosen
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
        return text.to_ids(text.read(encode(string), most).symbols).count(UNKNOWN)
