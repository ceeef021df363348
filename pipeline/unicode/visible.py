"""How strings are spelt where people look at them: nothing stays unseen, and nothing changes its place."""

import itertools
import unicodedata
from collections.abc import Collection

DOTTED_CIRCLE = "◌"
SPACE = "␣"
# Letters and symbols by category, yet nothing is drawn for them.
BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
# They shape what stands beside them, and are seen by that alone: joiners, and selectors of a variant.
SHAPERS = frozenset("\u200c\u200d" + "".join(map(chr, range(0xFE00, 0xFE10))))
LEFT_TO_RIGHT, ISOLATE, END_ISOLATE = "\u200e", "\u2068", "\u2069"
ARROW = " → "
_LEFTWARDS = frozenset(["R", "AL", "AN"])


def code_point(character: str) -> str:
    """As in U+200D."""
    return f"U+{ord(character):04X}"


def visible(text: str, space: str = SPACE) -> str:
    r"""Spaces and other invisible characters spelt out, and something to stand on for marks that have nothing.

    Args:
        text: Any.
        space: What an ordinary space becomes.

    Example:
        >>> visible("a b"), visible("\u200d"), visible("\u0301"), visible("a\xa0b")
        ('a␣b', 'U+200D', '◌́', 'aU+00A0b')

    A feature, which begins with a TAB among a source's symbols, stands in brackets:

        >>> visible("\tPST")
        '[PST]'
    """
    if len(text) > 1 and text[0] == "\t":
        return f"[{visible(text[1:], space)}]"
    has_base = any(unicodedata.category(character)[0] in "LNPS" for character in text)
    shown, stands = "", False  # whether a mark would have something to stand on
    for character in text:
        category = unicodedata.category(character)[0]
        if character == " ":
            spelt, stands = space, False
        elif has_base and character in SHAPERS:
            spelt = character
        elif category == "M" and character not in SHAPERS:
            spelt, stands = character if stands else DOTTED_CIRCLE + character, True
        else:
            stands = category in "LNPS" and character not in BLANKS
            spelt = character if stands else code_point(character)
        shown += spelt
    return shown


def spell(text: str, uncovered: Collection[str]) -> str:
    """The text with the characters that no font has as code points, set apart by spaces.

    Example:
        >>> spell("x中文", "中文")
        'x U+4E2D U+6587'
    """
    if not uncovered:
        return text
    runs = ((lost, list(run)) for lost, run in itertools.groupby(text, lambda character: character in uncovered))
    spelt = (" ".join(map(code_point, run)) if lost else "".join(run).strip() for lost, run in runs)
    return " ".join(part for part in spelt if part)


def shorten(text: str, longest: int) -> str:
    """The text, or its beginning and an ellipsis where it is longer.

    Example:
        >>> shorten("abcd", 4), shorten("abcde", 4)
        ('abcd', 'abc…')
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def direction(text: str) -> str:
    """ "rtl" if the first letter with a direction is written from right to left, else "ltr".

    Example:
        >>> direction("12 שלום"), direction("abc שלום")
        ('rtl', 'ltr')
    """
    strong = (unicodedata.bidirectional(character) for character in text)
    return "rtl" if next((kind for kind in strong if kind in ("L", "R", "AL")), "L") != "L" else "ltr"


def left_to_right(line: str) -> str:
    """A line that goes from left to right, whatever scripts are in it; what stands beside an arrow (→) keeps an order
    of its own, so that the arrow leads from what stands before it.

    Example:
        >>> left_to_right("b → a")
        'b → a'
    """
    if not any(unicodedata.bidirectional(character) in _LEFTWARDS for character in line):
        return line
    return LEFT_TO_RIGHT + ARROW.join(f"{ISOLATE}{part}{END_ISOLATE}" for part in line.split(ARROW))
