"""Which installed fonts have the characters of a picture: matplotlib's own has no CJK, Devanagari or emoji."""

import functools
import logging
import os
import threading
import unicodedata
from collections.abc import Collection, Iterable, Sequence

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font

from pipeline.unicode.visible import code_point

logger = logging.getLogger(__name__)

DEFAULT_FAMILY = "DejaVu Sans"
# They map characters to other characters' glyphs, or to placeholders: their coverage is not to be believed.
_UNUSABLE_FAMILIES = ("cm", "STIXNonUnicode", "STIXSize", "Last Resort", "Adobe Blank")
# Drawn by no font, and heeded by the layout of a line: joiners, variation selectors, marks of direction.
_UNDRAWN = frozenset([*range(0x200C, 0x2010), *range(0x2066, 0x206A), *range(0xFE00, 0xFE10)])

_warning_lock = threading.Lock()
_warned = False


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
    path = font_manager.findfont(upright([family]))
    return _characters_of(str(path), getattr(path, "face_index", 0))


def upright(families: Sequence[str]) -> FontProperties:
    """The regular faces of the families."""
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


def families_for(characters: Iterable[str]) -> tuple[list[str], frozenset[str]]:
    """Return font families that together have the characters, most useful first, and the characters none has."""
    families = [DEFAULT_FAMILY]
    missing = {ord(character) for character in characters} - _characters_of_family(DEFAULT_FAMILY) - _UNDRAWN
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


def order_for(text: str, families: Sequence[str]) -> list[str]:
    """The families with those that have all of the text first: a mark sits on its letter only within one font."""
    needed = set(map(ord, text)) - _UNDRAWN
    return sorted(families, key=lambda family: not needed <= _characters_of_family(family))


def is_whole(text: str, families: Sequence[str]) -> bool:
    """Whether one of the families has all of the text."""
    needed = set(map(ord, text)) - _UNDRAWN
    return any(needed <= _characters_of_family(family) for family in families)


def warn_once(uncovered: Collection[str]) -> None:
    """Say what no font has, the first time that something is missing."""
    global _warned
    with _warning_lock:
        if not uncovered or _warned:
            return
        _warned = True
    characters = sorted(uncovered)
    scripts = sorted({unicodedata.name(character, "unnamed").split()[0] for character in characters})
    examples = ", ".join(f"{character} {code_point(character)}" for character in characters[:5])
    logger.warning(
        "No installed font has %d of the characters to draw (%s: %s%s); they are labelled by code point. "
        "Install a font that has them, such as Noto (Debian packages fonts-noto-cjk, fonts-noto-core).",
        len(characters),
        "/".join(scripts),
        examples,
        ", ..." if len(characters) > 5 else "",
    )
