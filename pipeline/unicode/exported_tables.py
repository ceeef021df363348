"""The graph's tables of Unicode for programs in other languages, whose own tables are older or newer."""

import unicodedata
from typing import Any

from pipeline.unicode.graph_tables import (
    CLASS_OF,
    COMPOSED,
    MADE_OF,
    NEW_CASES,
    PAMUDPOD,
    SELECTORS,
    STANDS_FOR,
    combining_class,
    normal_form,
)
from pipeline.unicode.white_space import WHITE_SPACE

# It was a mark that a sigma looks past, too, until Unicode 16, which browsers have.
_AHOM_RA = "\U0001171e"
_HANGUL = range(0xAC00, 0xD7A4)  # taken apart and put together by arithmetic


def export_tables() -> dict[str, Any]:
    """What normal forms, lower case and white space are made by; JSON can hold it.

    Returns:
        Characters by combining class (`classes`); what letters are taken apart into, canonically and, where it is
        another, for compatibility; pairs that are put together; a regular expression of what has no small letters
        (`uncased`); marks that a sigma looks past (`looked_past`), and those that it always looks past (`stand_ins`).

    Example:
        >>> tables = export_tables()
        >>> tables["composed"]["e\\u0301"], tables["compatibility"]["ﬁ"], "\\u0301" in tables["classes"]["230"]
        ('é', 'fi', True)
    """
    taken_apart = [
        character
        for code in range(0x110000)
        if code not in _HANGUL and (unicodedata.decomposition(character := chr(code)) or character in _NEW)
    ]
    canonical = {character: normal_form("NFD", character) for character in taken_apart}
    compatibility = {character: normal_form("NFKD", character) for character in taken_apart}
    classes: dict[int, str] = {}
    for code in range(0x110000):
        if number := combining_class(chr(code)):
            classes[number] = classes.get(number, "") + chr(code)
    return {
        "classes": {str(number): classes[number] for number in sorted(classes)},
        "canonical": {key: value for key, value in canonical.items() if value != key},
        "compatibility": {key: value for key, value in compatibility.items() if value != canonical[key]},
        "composed": _pairs(taken_apart) | COMPOSED,
        "uncased": NEW_CASES.pattern,
        "looked_past": PAMUDPOD + _AHOM_RA,
        "stand_ins": "".join(map(chr, SELECTORS)),
        "white_space": WHITE_SPACE,
    }


_NEW = {*MADE_OF, *STANDS_FOR, *CLASS_OF}


def _pairs(letters: list[str]) -> dict[str, str]:
    """Pairs of characters to the letter that they become."""
    pairs = {}
    for letter in letters:
        codes = unicodedata.decomposition(letter).split()
        if len(codes) == 2 and codes[0][0] != "<" and normal_form("NFC", letter) == letter:
            pairs["".join(chr(int(code, 16)) for code in codes)] = letter
    return pairs
