"""Maps of cells as SVG within a page: they take its colours, light or dark, and need no script."""

import html
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.unicode.visible import shorten

CELL = 24
LABEL, NUMBER, SMALL = 13, 10, 11
"""Sizes of text, in pixels."""
LONGEST_LABEL = 16
PALEST = 0.02
"""Of the darkest; paler cells are not drawn, of which long sequences have most."""
_SPECIAL = re.compile("<.+>")
_BAR_ROOM, _BAR_WIDTH, _BAR_STEPS = 60, 12, 12
_SHORTEST_BAR, _LONGEST_BAR = 84, 144


class Scale(NamedTuple):
    """What colours say."""

    label: str
    """Beside the colour bar, as in "attention weight"."""
    most: float
    """The value of the darkest."""
    top: str
    """What that is called."""


ATTENTION = Scale("attention weight", 1.0, "1")


def draw_map(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    scale: Scale,
    title: str,
    leftwards: bool = False,
    numbers: bool = False,
) -> str:
    """A cell for every value, darker where it is larger, with labels at the left and above, and a colour bar.

    Colours are `--hot` (red, green, blue) and `--line` of the page.

    Args:
        values: `[R, C]`, from 0 on.
        rows: R labels, spelt so that all is seen.
        columns: C labels, likewise.
        scale: What the colours say.
        title: What the map shows, for who cannot see it.
        leftwards: Whether the first column stands at the right.
        numbers: Whether cells have their values in them, as whole numbers.

    Example:
        >>> drawn = draw_map(np.eye(2), ["A", "B"], ["a", "b"], ATTENTION, "a and b")
        >>> drawn[:4], drawn.count("<rect class='cell'"), "attention weight" in drawn
        ('<svg', 2, True)
    """
    rows, columns = ([shorten(label, LONGEST_LABEL) for label in labels] for labels in (rows, columns))
    left = 14 + max(26, *map(_width, rows))
    longest = max(map(_width, columns))
    leans = longest > CELL + 2
    top = 22 + round(0.87 * longest) if leans else 30
    across = left + CELL * len(columns)
    # A leaning label may reach out beyond the last column.
    beyond = max(16, round(longest / 2) if leans else 0)
    bar = min(_LONGEST_BAR, max(_SHORTEST_BAR, CELL * len(rows)))
    height = top + max(CELL * len(rows), bar) + 8
    width = across + beyond + _BAR_ROOM
    parts = [f"<title>{html.escape(title)}</title>", _frame(left, top, len(columns), len(rows))]
    for place, label in enumerate(columns):
        x = left + CELL * (len(columns) - 1 - place if leftwards else place) + CELL // 2
        parts.append(_column_label(label, x, top - 8, leans))
    for place, label in enumerate(rows):
        parts.append(_label(label, left - 8, top + CELL * place + 17, "end"))
        cells = values[place][::-1] if leftwards else values[place]
        parts += [
            _cell(left + CELL * at, top + CELL * place, float(value), scale, numbers)
            for at, value in enumerate(cells.tolist())
            if value > PALEST * scale.most or (numbers and value > 0)
        ]
    parts.append(_bar(across + beyond, top, bar, scale))
    return (
        f"<svg class='map' role='img' width='{width}' height='{height}' viewBox='0 0 {width} {height}'>"
        + "".join(parts)
        + "</svg>"
    )


def _width(label: str) -> int:
    """About how wide it will be, in pixels: nobody knows which font a reader has."""
    standing = (letter for letter in label if unicodedata.category(letter)[0] != "M")
    wide = sum(1.0 if unicodedata.east_asian_width(letter) in "WF" else 0.6 for letter in standing)
    return round(wide * _size(label)) + 1


def _size(label: str) -> int:
    """Smaller for symbols that are no text, as the end."""
    return NUMBER if _SPECIAL.fullmatch(label) else LABEL


def _frame(left: int, top: int, columns: int, rows: int) -> str:
    """The lines between cells, as one path."""
    right, bottom = left + CELL * columns, top + CELL * rows
    across = "".join(f"M{left} {top + CELL * row}H{right}" for row in range(rows + 1))
    down = "".join(f"M{left + CELL * column} {top}V{bottom}" for column in range(columns + 1))
    return f"<path class='grid' d='{across}{down}'/>"


def _column_label(label: str, x: int, y: int, leans: bool) -> str:
    if not leans:
        return _label(label, x, y, "middle")
    turn = f" transform='rotate(-60 {x} {y})'"
    return f"<text x='{x}' y='{y}' font-size='{_size(label)}'{turn}>{html.escape(label)}</text>"


def _label(label: str, x: int, y: int, anchor: str, size: int | None = None) -> str:
    size = size or _size(label)
    return f"<text x='{x}' y='{y}' text-anchor='{anchor}' font-size='{size}'>{html.escape(label)}</text>"


def _cell(x: int, y: int, value: float, scale: Scale, numbers: bool) -> str:
    share = min(1.0, value / scale.most)
    square = f"<rect class='cell' x='{x}' y='{y}' width='{CELL}' height='{CELL}' fill-opacity='{share:.2f}'/>"
    if not numbers:
        return square
    dark = " class='on-dark'" if share > 0.7 else ""
    place = f"x='{x + CELL // 2}' y='{y + 16}' text-anchor='middle' font-size='{NUMBER}'"
    return f"{square}<text{dark} {place}>{value:.0f}</text>"


def _bar(x: int, top: int, height: int, scale: Scale) -> str:
    step = height / _BAR_STEPS
    steps = "".join(
        f"<rect class='step' x='{x}' y='{top + step * at:.1f}' width='{_BAR_WIDTH}' height='{step:.1f}' "
        f"fill-opacity='{1 - (at + 0.5) / _BAR_STEPS:.2f}'/>"
        for at in range(_BAR_STEPS)
    )
    outline = f"<rect class='outline' x='{x}' y='{top}' width='{_BAR_WIDTH}' height='{height}'/>"
    beside, middle = x + _BAR_WIDTH + 5, top + height // 2
    ends = _label(scale.top, beside, top + 8, "start", SMALL) + _label("0", beside, top + height, "start", SMALL)
    turned = (
        f"<text x='{beside + 14}' y='{middle}' text-anchor='middle' font-size='{SMALL}' "
        f"transform='rotate(90 {beside + 14} {middle})'>{html.escape(scale.label)}</text>"
    )
    return f"<g class='bar'>{steps}{outline}{ends}{turned}</g>"
