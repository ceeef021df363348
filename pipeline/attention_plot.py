"""Heat-maps of attention weights, drawn without pyplot: nothing to close, safe in threads and without a display."""

import functools
import io
import itertools
import logging
import math
import os
import textwrap
import threading
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font

from pipeline.errors import DataError
from pipeline.files import write_atomically

logger = logging.getLogger("pipeline.attention_plot")

# Inches, unless the name says points.
LARGEST_CELL, SMALLEST_CELL = 0.48, 0.16
COMFORTABLE_SIDE, LONGEST_SIDE = 9.6, 30.0
SMALLEST_FONT_POINTS, LARGEST_FONT_POINTS = 6.0, 12.0
PADDING = 0.12
BAR_GAP, BAR_WIDTH, SHORTEST_BAR, LONGEST_BAR = 0.16, 0.12, 1.1, 4.0
NARROWEST_TITLE = 4.0
POINTS_PER_INCH = 72

LONGEST_LABEL = 24
TITLE_LINES = 3
COLORMAP = "Blues"
DEFAULT_FAMILY = "DejaVu Sans"
# They map characters to other characters' glyphs, or to placeholders: their coverage is not to be believed.
_UNUSABLE_FAMILIES = ("cm", "STIXNonUnicode", "STIXSize", "Last Resort", "Adobe Blank")
_JOINERS = "\u200c\u200d"
# Letters and symbols by category, yet nothing is drawn for them.
_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"

_warning_lock = threading.Lock()
_warned = False


def draw_attention(
    attention: np.ndarray, source_tokens: Sequence[str], target_tokens: Sequence[str], title: str = ""
) -> Figure:
    """Draw how much each target symbol attended to each source symbol.

    Source symbols run along the top, target symbols down the left side; colours always span 0 to 1, so
    that figures can be compared. Spaces show as ␣, other invisible symbols, and symbols that no installed font
    has, by code point (U+200D). The figure grows with the sequences; save it with `save_png` or `png_bytes`.

    Args:
        attention: Weights [T, S], a row for each target symbol.
        source_tokens: The S source symbols, end symbol included if it has a column.
        target_tokens: The T target symbols.
        title: Any text, drawn literally above the map.

    Raises:
        ValueError: If the weights are not [T, S] with T, S of at least 1.
    """
    weights = _checked_weights(attention, source_tokens, target_tokens)
    sources, targets = [_visible(token) for token in source_tokens], [_visible(token) for token in target_tokens]
    heading = _visible(" ".join(title.split()), space=" ")
    families, uncovered = _families_for({*heading}.union(*sources, *targets))
    _warn_once(uncovered)

    rows, columns = weights.shape
    cell = _cell_size(max(rows, columns))
    figure = _new_figure(columns * cell, rows * cell)
    axes = figure.axes[0]
    style = _text_style(families, cell)
    _draw_cells(axes, weights, cell)
    _label_sources(axes, [_label(text, uncovered) for text in sources], cell, style)
    _label_targets(axes, [_label(text, uncovered) for text in targets], cell, style)
    _draw_colour_bar(figure, axes, style)
    _draw_title(figure, axes, _spell(heading, uncovered), style)
    _fit_figure(figure)
    return figure


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


def _text_style(families: Sequence[str], cell: float) -> dict[str, Any]:
    points = min(LARGEST_FONT_POINTS, max(SMALLEST_FONT_POINTS, 0.62 * cell * POINTS_PER_INCH))
    # All given, so that a user's matplotlibrc cannot bring back markup or a face that was not checked.
    font = _upright(families)
    font.set_size(points)
    return {"fontproperties": font, "parse_math": False, "usetex": False, "color": "0.1"}


def _new_figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    figure.set_layout_engine("none")
    FigureCanvasAgg(figure)
    figure.add_axes((0, 0, 1, 1))
    return figure


def _fit_figure(figure: Figure) -> None:
    """Enlarge the figure until everything drawn is inside, keeping the size of the axes in inches."""
    width, height = figure.get_size_inches()
    box = figure.get_tightbbox()
    new_width, new_height = box.width + 2 * PADDING, box.height + 2 * PADDING
    for axes in figure.axes:
        place = axes.get_position(original=True)
        left, bottom = place.x0 * width - box.x0 + PADDING, place.y0 * height - box.y0 + PADDING
        size = (place.width * width / new_width, place.height * height / new_height)
        axes.set_position((left / new_width, bottom / new_height, *size))
    figure.set_size_inches(new_width, new_height)


# What is drawn.


def _draw_cells(axes: Axes, weights: np.ndarray, cell: float) -> None:
    rows, columns = weights.shape
    axes.imshow(weights, cmap=COLORMAP, vmin=0, vmax=1, aspect="auto", interpolation="nearest", origin="upper")
    thin = min(0.6, 2 * cell)
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


def _draw_colour_bar(figure: Figure, axes: Axes, style: dict[str, Any]) -> None:
    width, height = figure.get_size_inches()
    length = min(LONGEST_BAR, max(SHORTEST_BAR, height))
    place = (1 + BAR_GAP / width, 1 - length / height, BAR_WIDTH / width, length / height)
    bar = figure.colorbar(axes.images[0], cax=figure.add_axes(place))
    small = style["fontproperties"].copy()
    small.set_size(9)
    bar.set_ticks([0, 0.5, 1], labels=["0", "0.5", "1"], **{**style, "fontproperties": small})
    bar.ax.tick_params(length=2, width=0.6, color="0.6", pad=2)
    bar.set_label("attention weight", **{**style, "fontproperties": small}, labelpad=2)
    bar.outline.set(edgecolor="0.6", linewidth=0.6)


def _draw_title(figure: Figure, axes: Axes, title: str, style: dict[str, Any]) -> None:
    if not title:
        return
    font = style["fontproperties"].copy()
    font.set_size(12)
    text = axes.set_title(title, **{**style, "fontproperties": font}, loc="center", pad=10)
    width = text.get_window_extent().width / figure.dpi
    room = max(NARROWEST_TITLE, figure.get_size_inches()[0])
    if width > room:
        letters = max(8, int(len(title) * room / width))
        text.set_text(textwrap.fill(title, letters, max_lines=TITLE_LINES, placeholder=" …"))


# How symbols are spelt.


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


def _visible(text: str, space: str = "␣") -> str:
    """Spell out what could not be seen: spaces, controls, and marks that have nothing to stand on."""
    categories = [unicodedata.category(character) for character in text]
    has_base = any(category[0] in "LNPS" for category in categories)
    return "".join(
        space
        if character == " "
        else character
        if _is_visible(character, category, has_base)
        else _code_point(character)
        for character, category in zip(text, categories, strict=True)
    )


def _is_visible(character: str, category: str, has_base: bool) -> bool:
    if category[0] == "M" or character in _JOINERS:
        return has_base
    return category[0] in "LNPS" and character not in _BLANKS


def _spell(text: str, uncovered: Collection[str]) -> str:
    """Replace the characters that no font has by their code points, set apart by spaces."""
    if not uncovered:
        return text
    runs = ((lost, list(run)) for lost, run in itertools.groupby(text, lambda character: character in uncovered))
    spelt = (" ".join(map(_code_point, run)) if lost else "".join(run).strip() for lost, run in runs)
    return " ".join(part for part in spelt if part)


def _label(text: str, uncovered: Collection[str]) -> str:
    text = _spell(text, uncovered)
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


# Fonts.


@functools.cache
def _characters_of(path: str, face: int) -> frozenset[int]:
    """The code points that a font file has; none where it cannot be read (removed since the cache was written)."""
    try:
        # The argument is new in matplotlib 3.11, which is also the first to look beyond face 0.
        return frozenset((FT2Font(path, face_index=face) if face else FT2Font(path)).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


@functools.cache
def _characters_of_family(family: str) -> frozenset[int]:
    path = font_manager.findfont(_upright([family]))
    return _characters_of(str(path), getattr(path, "face_index", 0))


def _upright(families: Sequence[str]) -> FontProperties:
    return FontProperties(family=list(families), style="normal", variant="normal", weight="normal", stretch="normal")


def _upright_faces() -> dict[str, tuple[str, int]]:
    """The file and face of every usable family, the plain sans-serif ones first."""
    entries = [
        entry
        for entry in font_manager.fontManager.ttflist
        if entry.style == "normal" and entry.weight in (400, "normal", "regular") and entry.stretch == "normal"
    ]
    entries.sort(key=lambda entry: ("Sans" not in entry.name, "Mono" in entry.name, entry.name))
    faces: dict[str, tuple[str, int]] = {}
    for entry in entries:
        if not entry.name.startswith(_UNUSABLE_FAMILIES):
            faces.setdefault(entry.name, (entry.fname, getattr(entry, "index", 0)))
    return faces


@functools.lru_cache(maxsize=1)
def _find_new_fonts() -> None:
    """Tell matplotlib of fonts installed since it wrote its list, which it never does by itself."""
    known = {os.path.realpath(entry.fname) for entry in font_manager.fontManager.ttflist}
    for path in font_manager.findSystemFonts():
        if os.path.realpath(path) in known:
            continue
        try:
            font_manager.fontManager.addfont(path)
        except Exception as error:  # whatever a broken font raises, the heat-map can do without it
            logger.debug("%s: not a usable font (%s)", path, error)


def _families_for(characters: Iterable[str]) -> tuple[list[str], frozenset[str]]:
    """Return font families that together have the characters, most useful first, and the characters none has."""
    families = [DEFAULT_FAMILY]
    missing = {ord(character) for character in characters} - _characters_of_family(DEFAULT_FAMILY)
    if missing:
        _find_new_fonts()
    faces = _upright_faces() if missing else {}
    while missing and faces:
        best = max(faces, key=lambda family: len(missing & _characters_of(*faces[family])))
        if not missing & _characters_of(*faces.pop(best)):
            break
        # Matplotlib may pick another file of that family: only what that one has will be drawn.
        if missing & _characters_of_family(best):
            families.append(best)
            missing -= _characters_of_family(best)
    return families, frozenset(map(chr, missing))


def _warn_once(uncovered: Collection[str]) -> None:
    global _warned
    with _warning_lock:
        if not uncovered or _warned:
            return
        _warned = True
    characters = sorted(uncovered)
    scripts = sorted({unicodedata.name(character, "unnamed").split()[0] for character in characters})
    examples = ", ".join(f"{character} {_code_point(character)}" for character in characters[:5])
    logger.warning(
        "No installed font has %d of the characters to draw (%s: %s%s); they are labelled by code point. "
        "Install a font that has them, such as Noto (Debian packages fonts-noto-cjk, fonts-noto-core).",
        len(characters),
        "/".join(scripts),
        examples,
        ", ..." if len(characters) > 5 else "",
    )
