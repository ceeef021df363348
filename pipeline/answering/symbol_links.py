"""Which part of the source each symbol of an output looked at, in the symbols by which outputs are compared."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from pipeline.answering.predictions import Prediction, count_features
from pipeline.text.symbols import CONTINUES
from pipeline.unicode.visible import visible
from pipeline.unicode.white_space import WHITE_SPACE

END = "(end)"
"""What the end of the source is called."""
WIDEST_GAP = 4
"""Of more source symbols than these it is not known which belong to a symbol that was left out."""
_UNWRITTEN = re.compile(f"[▁{WHITE_SPACE}]")

Links = list[int | None]
"""For each symbol the place in the source, None where nothing is known."""


def find_links(prediction: Prediction, symbols: Sequence[str]) -> Links | None:
    """The place of the source that each symbol of the best output looked at most.

    Outputs are compared in other symbols than a model may write: words, of which it writes parts, or letters with their
    marks in one. What the parts looked at is summed.

    Args:
        prediction: Of the model.
        symbols: Its best output, cut as it is compared.

    Returns:
        None of a model that looks nowhere, or whose output cannot be laid beside these symbols.

    Example:
        >>> from pipeline.answering.predictions import Hypothesis
        >>> looks = np.array([[0.9, 0.1], [0.6, 0.4], [0.0, 1.0]])
        >>> find_links(Prediction([Hypothesis("Hund", -1.0, ["▁Hu", "nd", "</s>"], looks)], ["dog", "</s>"]), ["Hund"])
        [0]
    """
    tokens, attention = prediction.target_tokens[:-1], prediction.attention
    if not tokens or not attention.any():
        return None
    parts = _spread(tokens, symbols)
    if parts is None:
        return None
    return [int(attention[part].sum(axis=0).argmax()) if part else None for part in parts]


def _spread(tokens: Sequence[str], symbols: Sequence[str]) -> list[list[int]] | None:
    """The tokens that each symbol is written with."""
    if len(tokens) == len(symbols):
        return [[place] for place in range(len(tokens))]
    owners = [place for place, token in enumerate(tokens) for _ in range(_size(token))]
    sizes = [_size(symbol) for symbol in symbols]
    if sum(sizes) != len(owners):
        return None
    ends = np.cumsum(sizes)
    return [sorted(set(owners[end - size : end])) for end, size in zip(ends, sizes, strict=True)]


def _size(text: str) -> int:
    """Characters and marks, without white space and what stands for it."""
    return len(_UNWRITTEN.sub("", unicodedata.normalize("NFD", text.removeprefix(CONTINUES))))


def gap_before(links: Links, place: int, prediction: Prediction) -> tuple[int, ...]:
    """The places of the source between those that two neighbours looked at: what a left out symbol should have said.

    Where nothing lies between them it is the place that the one before looked at, as an x of which only K was written.

    Args:
        links: Of the output.
        place: Of the symbol that should have stood before this one; may be the number of symbols.
        prediction: The model's.

    Example:
        >>> gap_before([0, 3], 1, Prediction([], ["a", "b", "c", "d", "</s>"]))
        (1, 2)
        >>> gap_before([0, 1], 1, Prediction([], ["x", "b", "</s>"]))
        (0,)
    """
    size = len(prediction.source_tokens) - 1 - count_features(prediction.source_tokens)
    before = next((link for link in links[:place][::-1] if link is not None and link < size), -1)
    after = next((link for link in links[place:] if link is not None and link < size), size)
    between = tuple(range(before + 1, after))
    if len(between) > WIDEST_GAP:
        return ()
    return between or ((before,) if before >= 0 else (after,) if after < size else ())


def name_places(prediction: Prediction, places: Sequence[int]) -> str:
    """Symbols of a source as they are shown; '' of no place.

    Example:
        >>> name_places(Prediction([], ["g", "h", "\\tPST", "</s>"]), (0, 1))
        'gh'
        >>> name_places(Prediction([], ["g", "h", "\\tPST", "</s>"]), (2,))
        '[PST]'
    """
    tokens, end = prediction.source_tokens, len(prediction.source_tokens) - 1
    shown = [END if place == end else visible(tokens[place]) for place in places]
    return ("" if all(len(one) == 1 for one in shown) else " ").join(shown)
