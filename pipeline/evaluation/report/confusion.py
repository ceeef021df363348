"""The picture of which symbol was written for which."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from pipeline.evaluation.report.edits import ErrorTally
from pipeline.pictures.svg_map import Scale, draw_map
from pipeline.unicode.visible import visible

MOST_SYMBOLS = 24
NOTHING = "–"


class Confusion(NamedTuple):
    """Counts of errors between symbols."""

    counts: np.ndarray
    """`[wanted, written]`, the last row and column for nothing: added, and left out."""
    symbols: list[str]
    """Without the last."""
    shown: int
    """How many errors are in the counts …"""
    all: int
    """… of so many."""


def confuse(tally: ErrorTally, most: int = MOST_SYMBOLS) -> Confusion:
    """The errors between the symbols that most errors are about.

    Args:
        tally: All errors.
        most: How many symbols.
    """
    errors = tally.ranked()
    involved: Counter[str] = Counter()
    for error in errors:
        for symbol in {error.wanted, error.written} - {""}:
            involved[symbol] += error.count
    ordered = sorted(involved, key=lambda symbol: (-involved[symbol], symbol))[:most]
    symbols = sorted(ordered)
    places = {symbol: place for place, symbol in enumerate([*symbols, ""])}
    counts = np.zeros((len(places), len(places)), np.int64)
    for error in errors:
        if error.wanted in places and error.written in places:
            counts[places[error.wanted], places[error.written]] += error.count
    return Confusion(counts, symbols, int(counts.sum()), tally.number)


def draw_confusion(found: Confusion) -> str:
    """Wanted symbols down, written ones across."""
    labels = [*map(visible, found.symbols), NOTHING]
    most = int(found.counts.max())
    scale = Scale("number of errors", most, f"{most:,}")
    return draw_map(
        found.counts.astype(float), labels, labels, scale, "which symbol was written for which", numbers=True
    )
