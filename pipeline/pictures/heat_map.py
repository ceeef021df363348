"""Heat-maps of attention weights, drawn without pyplot: nothing to close, safe in threads and without a display."""

import io
import itertools
import math
import os
import textwrap
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import BboxBase

from pipeline.errors import DataError
from pipeline.files.durable import write_atomically
from pipeline.pictures.fonts import families_for, is_whole, order_for, upright, warn_once
from pipeline.unicode.visible import DOTTED_CIRCLE, code_point, direction, left_to_right, shorten, spell, visible

# Inches, unless the name says points.
LARGEST_CELL, SMALLEST_CELL = 0.48, 0.16
COMFORTABLE_SIDE, LONGEST_SIDE = 9.6, 30.0
SMALLEST_FONT_POINTS, LARGEST_FONT_POINTS = 6.0, 12.0
TITLE_POINTS, BAR_POINTS = 12, 9
MARGIN = 0.12
FINEST_GRID = 0.04
BAR_GAP, BAR_WIDTH, SHORTEST_BAR, LONGEST_BAR = 0.16, 0.12, 1.1, 4.0
NARROWEST_TITLE = 4.0
POINTS_PER_INCH = 72

# TensorBoard shows pictures 350 pixels wide, without smoothing: those that have the size stay legible.
BOARD_WIDTH, BOARD_DPI = 3.5, 100
TALLEST = 2  # times a given width
SMALLEST_SHARE = 0.3  # of the width, for the cells
BOARD_FONT_POINTS, BOARD_TITLE_POINTS, BOARD_BAR_POINTS, SHORTEST_BOARD_BAR = 7.0, 10, 7, 0.85

LONGEST_LABEL, LONGEST_BOARD_LABEL = 24, 12
TITLE_LINES = 3
COLORMAP = "Blues"


class _Map(NamedTuple):
    """What is drawn, spelt."""

    weights: np.ndarray
    sources: list[str]
    targets: list[str]
    title: str
    families: list[str]
    reads_leftwards: bool
    """Whether the source is written from right to left, and its symbols stand so."""


def draw_attention(
    attention: np.ndarray,
    source_tokens: Sequence[str],
    target_tokens: Sequence[str],
    title: str = "",
    width: float | None = None,
) -> Figure:
    """Draw how much each target symbol attended to each source symbol.

    Source symbols run along the top (from the right where the script does), target symbols down the left side; colours
    always span 0 to 1, so that figures can be compared. Spaces show as ␣, marks without a letter on a dotted circle,
    other invisible symbols, and symbols that no installed font has, by code point (U+200D). Save the figure with
    `save_png` or `png_bytes`.

    Args:
        attention: Weights [T, S], a row for each target symbol.
        source_tokens: The S source symbols, end symbol included if it has a column.
        target_tokens: The T target symbols.
        title: Any text, drawn literally above the map, from left to right; what stands beside an arrow (→) is in an
            order of its own.
        width: Of the figure in inches, with labels left out where they would not be legible; None lets it grow with
            the sequences. `BOARD_WIDTH` is TensorBoard's.

    Raises:
        ValueError: If the weights are not [T, S] with T, S of at least 1.
    """
    weights = _checked_weights(attention, source_tokens, target_tokens)
    picture = _spell_out(weights, source_tokens, target_tokens, title, LONGEST_BOARD_LABEL if width else LONGEST_LABEL)
    rows, columns = weights.shape
    if width is None:
        return _fit_figure(_draw(picture, _cell_size(max(rows, columns))))
    thinnest = min(LARGEST_CELL, SMALLEST_SHARE * width / columns, TALLEST * width / rows)
    cell = min(LARGEST_CELL, width / columns, TALLEST * width / rows)
    while True:
        figure = _draw(picture, cell, width)
        excess = _map_box(figure).width + 2 * MARGIN - width
        if excess < 0.001 or cell == thinnest:
            return _fit_figure(figure, width)
        cell = max(thinnest, cell - excess / columns)


def png_bytes(figure: Figure, dpi: int = 120) -> bytes:
    """Return the figure as a PNG image of `dpi` pixels an inch."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(
        buffer, format="png", dpi=dpi, facecolor="white", bbox_inches=figure.bbox_inches
    )
    return buffer.getvalue()


def save_png(figure: Figure, path: str | os.PathLike[str], dpi: int = 120) -> None:
    """Write the figure as a PNG file, whole or not at all; missing folders are made.

    Raises:
        DataError: If the file cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, png_bytes(figure, dpi))
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: cannot write the picture ({reason}); choose a path that can be written") from error


# Sizes and the figure as a whole.


def _checked_weights(attention: np.ndarray, sources: Sequence[str], targets: Sequence[str]) -> np.ndarray:
    weights = np.asarray(attention, dtype=np.float32)
    if weights.shape != (len(targets), len(sources)) or weights.size == 0:
        raise ValueError(
            f"attention must have a row for each of the {len(targets)} target symbols and a column for each of "
            f"the {len(sources)} source symbols, at least one of each; its shape is {weights.shape}"
        )
    return weights


def _cell_size(longest: int) -> float:
    legible = min(LARGEST_CELL, max(SMALLEST_CELL, COMFORTABLE_SIDE / longest))
    return min(legible, LONGEST_SIDE / longest)


def _draw(picture: _Map, cell: float, width: float | None = None) -> Figure:
    rows, columns = picture.weights.shape
    figure = _new_figure(columns * cell, rows * cell)
    axes = figure.axes[0]
    style = _text_style(picture.families, cell, SMALLEST_FONT_POINTS if width is None else BOARD_FONT_POINTS)
    _draw_cells(axes, picture.weights, cell)
    _label_sources(axes, picture.sources, cell, style)
    _label_targets(axes, picture.targets, cell, style)
    if picture.reads_leftwards:
        axes.invert_xaxis()
    if width is None:
        _draw_colour_bar(figure, axes, style, BAR_POINTS, SHORTEST_BAR)
        _draw_title(axes, picture.title, style, TITLE_POINTS, max(NARROWEST_TITLE, columns * cell))
    else:
        _draw_colour_bar(figure, axes, style, BOARD_BAR_POINTS, SHORTEST_BOARD_BAR)
        box = _map_box(figure)
        _draw_title(axes, picture.title, style, BOARD_TITLE_POINTS, width - 2 * MARGIN)
        # Above the whole map, not above the cells alone, where it would reach out on one side.
        axes.title.set_x((box.x0 + box.width / 2) / (columns * cell))
    return figure


def _map_box(figure: Figure) -> BboxBase:
    """What the map takes with its labels, in inches, but for the title."""
    title = figure.axes[0].title
    title.set_visible(False)
    box = figure.get_tightbbox()
    title.set_visible(True)
    return box


def _text_style(families: Sequence[str], cell: float, smallest: float) -> dict[str, Any]:
    points = min(LARGEST_FONT_POINTS, max(smallest, 0.62 * cell * POINTS_PER_INCH))
    # All given, so that a user's matplotlibrc cannot bring back markup or a face that was not checked.
    font = upright(families)
    font.set_size(points)
    return {"fontproperties": font, "parse_math": False, "usetex": False, "color": "0.1"}


def _new_figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    figure.set_layout_engine("none")
    FigureCanvasAgg(figure)
    figure.add_axes((0, 0, 1, 1))
    return figure


def _fit_figure(figure: Figure, width: float | None = None) -> Figure:
    """Enlarge the figure until everything drawn is inside (and to the width), keeping the axes' size in inches."""
    before = figure.get_size_inches()
    box = figure.get_tightbbox()
    wide, high = box.width + 2 * MARGIN, box.height + 2 * MARGIN
    # A title that is a little wider takes of the padding.
    beside = (width - wide) / 2 if width and wide < width + MARGIN else 0.0
    wide += 2 * beside
    for axes in figure.axes:
        place = axes.get_position(original=True)
        left = place.x0 * before[0] - box.x0 + MARGIN + beside
        bottom = place.y0 * before[1] - box.y0 + MARGIN
        size = (place.width * before[0] / wide, place.height * before[1] / high)
        axes.set_position((left / wide, bottom / high, *size))
    figure.set_size_inches(wide, high)
    return figure


# What is drawn.


def _draw_cells(axes: Axes, weights: np.ndarray, cell: float) -> None:
    rows, columns = weights.shape
    axes.imshow(weights, cmap=COLORMAP, vmin=0, vmax=1, aspect="auto", interpolation="nearest", origin="upper")
    thin = min(0.6, 2 * cell) if cell > FINEST_GRID else 0
    axes.vlines(np.arange(1, columns) - 0.5, -0.5, rows - 0.5, colors="0.85", linewidth=thin)
    axes.hlines(np.arange(1, rows) - 0.5, -0.5, columns - 0.5, colors="0.85", linewidth=thin)
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    axes.grid(False)
    axes.spines[:].set(visible=True, color="0.6", linewidth=0.6)


def _tick_places(count: int, cell: float, style: dict[str, Any]) -> range:
    """Every cell, or every second, third... where even the smallest font would overlap."""
    return range(0, count, math.ceil(style["fontproperties"].get_size() / (cell * POINTS_PER_INCH)))


def _label_sources(axes: Axes, labels: Sequence[str], cell: float, style: dict[str, Any]) -> None:
    places = _tick_places(len(labels), cell, style)
    gap = 0.4 * style["fontproperties"].get_size()
    axes.tick_params("x", length=0, pad=gap, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.set_xticks(places, [labels[place] for place in places], **style, rotation=0, ha="center", va="baseline")
    texts = axes.get_xticklabels()
    _set_marks_on_circles(texts, style)
    room = 0.94 * cell * places.step * axes.figure.dpi
    wide = [text for text in texts if text.get_window_extent().width > room]
    if 4 * len(wide) > len(texts):  # a few short words left upright among turned ones would look like an accident
        wide = [text for text in texts if len(text.get_text()) > 1]
    for text in wide:
        text.set(rotation=90, va="bottom")


def _label_targets(axes: Axes, labels: Sequence[str], cell: float, style: dict[str, Any]) -> None:
    places = _tick_places(len(labels), cell, style)
    axes.tick_params("y", length=0, pad=5, left=True, labelleft=True, right=False, labelright=False)
    axes.set_yticks(places, [labels[place] for place in places], **style, rotation=0, ha="right", va="center_baseline")
    _set_marks_on_circles(axes.get_yticklabels(), style)


def _set_marks_on_circles(texts: Sequence[Text], style: dict[str, Any]) -> None:
    for text in texts:
        if text.get_text().startswith(DOTTED_CIRCLE):
            text.set_fontfamily(order_for(text.get_text(), style["fontproperties"].get_family()))


def _draw_colour_bar(figure: Figure, axes: Axes, style: dict[str, Any], points: float, shortest: float) -> None:
    width, height = figure.get_size_inches()
    length = min(LONGEST_BAR, max(shortest, height))
    place = (1 + BAR_GAP / width, 1 - length / height, BAR_WIDTH / width, length / height)
    bar = figure.colorbar(axes.images[0], cax=figure.add_axes(place))
    small = style["fontproperties"].copy()
    small.set_size(points)
    bar.set_ticks([0, 0.5, 1], labels=["0", "0.5", "1"], **{**style, "fontproperties": small})
    bar.ax.tick_params(length=2, width=0.6, color="0.6", pad=2)
    bar.set_label("attention weight", **{**style, "fontproperties": small}, labelpad=2)
    bar.outline.set(edgecolor="0.6", linewidth=0.6)


def _draw_title(axes: Axes, title: str, style: dict[str, Any], points: float, room: float) -> None:
    if not title:
        return
    font = style["fontproperties"].copy()
    font.set_size(points)
    text = axes.set_title(title, **{**style, "fontproperties": font}, loc="center", pad=10)
    width = text.get_window_extent().width / axes.figure.dpi
    if width > room:
        letters = max(8, int(len(title) * room / width))
        title = textwrap.fill(title, letters, max_lines=TITLE_LINES, placeholder=" …")
    text.set_text("\n".join(map(left_to_right, title.split("\n"))))


# How symbols are spelt.


def _spell_out(
    weights: np.ndarray, source_tokens: Sequence[str], target_tokens: Sequence[str], title: str, longest: int
) -> _Map:
    sides = [[visible(token) for token in tokens] for tokens in (source_tokens, target_tokens)]
    # Letters and their marks in one, which more fonts have; they look the same.
    heading = unicodedata.normalize("NFC", visible(" ".join(title.split()), space=" "))
    families, uncovered = families_for({*heading}.union(*itertools.chain(*sides)))
    warn_once(uncovered)
    sources, targets = ([_label(text, families, uncovered, longest) for text in side] for side in sides)
    # The end symbol is no text.
    leftwards = direction("".join(source_tokens[:-1]) or source_tokens[0]) == "rtl"
    return _Map(weights, sources, targets, spell(heading, uncovered), families, leftwards)


def _label(text: str, families: Sequence[str], uncovered: Collection[str], longest: int) -> str:
    if text.startswith(DOTTED_CIRCLE) and len(text) > 1 and not is_whole(text, families):
        text = " ".join(code_point(character) for character in text[1:])
    return shorten(spell(text, uncovered), longest)
