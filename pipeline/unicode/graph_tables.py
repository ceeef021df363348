"""Normal forms and lowercase by the tables of the graph, where Python's are older or newer.

TensorFlow Text 2.21 makes normal forms by Unicode 16, TensorFlow 2.21 lowers by Unicode 13; Python 3.11 to 3.13 know
Unicode 14 to 15.1. Characters of older versions are the same in all of them, as Unicode promises, but for one mark in
lowercase. All of Unicode is compared in the tests.
"""

import itertools
import re
import unicodedata
from typing import Literal

UnicodeName = Literal["NFC", "NFD", "NFKC", "NFKD"]

NORMAL_FORMS_VERSION = 16
"""Unicode's version in the graph's normal forms: a newer Python knows forms of letters that the graph leaves."""

# What Unicode 15 and 16 added to 14: combining classes, letters made of two, and letters that stand for others.
_CLASSES = {
    9: "\U000113ce\U000113cf\U000113d0\U00011f41\U00011f42\U0001612f",
    220: "\U00010efd\U00010efe\U00010eff\U0001e4ee\U0001e5ef",
    230: "\u0897\U00010d69\U00010d6a\U00010d6b\U00010d6c\U00010d6d\U0001e08f\U0001e4ef\U0001e5ee",
    232: "\U0001e4ec\U0001e4ed",
}
MADE_OF = {
    "\U000105c9": "\U000105d2\u0307",
    "\U000105e4": "\U000105da\u0307",
    "\U00011383": "\U00011382\U000113c9",
    "\U00011385": "\U00011384\U000113bb",
    "\U0001138e": "\U0001138b\U000113c2",
    "\U00011391": "\U00011390\U000113c9",
    "\U000113c5": "\U000113c2\U000113c2",
    "\U000113c7": "\U000113c2\U000113b8",
    "\U000113c8": "\U000113c2\U000113c9",
    "\U00016121": "\U0001611e\U0001611e",
    "\U00016122": "\U0001611e\U00016129",
    "\U00016123": "\U0001611e\U0001611f",
    "\U00016124": "\U00016129\U0001611f",
    "\U00016125": "\U0001611e\U00016120",
    "\U00016126": "\U00016121\U0001611f",
    "\U00016127": "\U00016122\U0001611f",
    "\U00016128": "\U00016121\U00016120",
    "\U00016d68": "\U00016d67\U00016d67",
    "\U00016d69": "\U00016d63\U00016d67",
    "\U00016d6a": "\U00016d69\U00016d67",
}
_OUTLINED = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_CYRILLIC = "абвгдежзиклмопрстуфхцчшыэюꚉәіјөүӏабвгдежзиклопсуфхцчшъыґіѕџҫꙑұ"
STANDS_FOR = {chr(code): other for code, other in enumerate(_OUTLINED, 0x1CCD6)} | {
    chr(code): other for code, other in enumerate(_CYRILLIC, 0x1E030)
}
CLASS_OF = {mark: number for number, marks in _CLASSES.items() for mark in marks}
COMPOSED = {parts: letter for letter, parts in MADE_OF.items()}
_NEW_FORMS = re.compile(f"[{''.join([*CLASS_OF, *MADE_OF, *STANDS_FOR, *map(''.join, COMPOSED)])}]")
_KNOWS_THEM = int(unicodedata.unidata_version.split(".")[0]) >= NORMAL_FORMS_VERSION

# Unicode 14 to 18 gave them capitals or small letters, or have a sigma look past them; to Unicode 13 they are nothing.
NEW_CASES = re.compile(
    "([\u0558\u058b-\u058c\u05c8-\u05c9\u0888-\u089f\u08c9-\u08d2\u0b53-\u0b54\u0c3c\u0ece\u180f\u1ac1-\u1af0"
    "\u1c89-\u1c8a\u1dfa\u208f\u209d-\u209f\u2c2f\u2c5f\ua7c0-\ua7c1\ua7cb-\ua7f4\uab6c-\uab6d\ufbc2"
    "\U00010570-\U000105bc\U00010780-\U000107bf\U00010d4e-\U00010d85\U00010ec5-\U00010eff\U00010f82-\U00010f85"
    "\U00011070-\U00011074\U000110c2\U00011241\U000113bb-\U000113e2\U00011b60-\U00011b66\U00011dd9-\U00011df0"
    "\U00011f00-\U00011f5a\U00013439-\U00013455\U0001611e-\U0001612f\U00016d40-\U00016d6c\U00016ea0-\U00016ed3"
    "\U00016ff2-\U00016ff3\U0001aff0-\U0001affe\U0001cf00-\U0001cf46\U0001d127-\U0001d128\U0001d25b-\U0001d25c"
    "\U0001d6a6\U0001df00-\U0001dfff\U0001e030-\U0001e08f\U0001e2ae\U0001e4eb-\U0001e6ff]+)"
)
# A mark that a sigma looks past in Unicode 13 alone, and what it looks past in all.
PAMUDPOD, SELECTORS = "\u1734", range(0xE0100, 0xE01F0)


def normal_form(form: UnicodeName, text: str) -> str:
    r"""The text in a normal form, as the graph makes it.

    Example:
        >>> [ascii(normal_form("NFC", text)) for text in ("e\u0301", "\U00016121\U0001611f")]
        ["'\\xe9'", "'\\U00016126'"]
    """
    if text.isascii():
        return text
    if _KNOWS_THEM or not _NEW_FORMS.search(text):
        return unicodedata.normalize(form, text)
    return _compose(_decompose(form, text)) if form.endswith("C") else _decompose(form, text)


def _decompose(form: UnicodeName, text: str) -> str:
    """As Unicode has it (chapter 3.11): letters taken apart, then marks in a row by their classes."""
    apart: UnicodeName = "NFKD" if "K" in form else "NFD"
    parts = "".join(_take_apart(apart, character) for character in text)
    rows = itertools.groupby(parts, lambda character: combining_class(character) > 0)
    return "".join("".join(sorted(row, key=combining_class) if marks else row) for marks, row in rows)


def _take_apart(form: UnicodeName, character: str) -> str:
    if character in MADE_OF:
        return "".join(_take_apart(form, part) for part in MADE_OF[character])
    if form == "NFKD" and character in STANDS_FOR:
        return unicodedata.normalize(form, STANDS_FOR[character])
    return unicodedata.normalize(form, character)


def combining_class(character: str) -> int:
    """The class by which a mark is ordered among others; 0 for what is no such mark."""
    return CLASS_OF.get(character) or unicodedata.combining(character)


def _compose(text: str) -> str:
    """What was taken apart and ordered, put together: every mark with the letter before it, unless another is between
    them that keeps it away.
    """
    made: list[str] = []
    starter, last = -1, 0  # where the latest letter stands, and the class of the mark before this one
    for character in text:
        own = combining_class(character)
        if starter >= 0 and (last < own or last == 0):
            both = made[starter] + character
            together = COMPOSED.get(both) or unicodedata.normalize("NFC", both)
            if len(together) == 1:
                made[starter] = together
                continue
        if own == 0:
            starter = len(made)
        last = own
        made.append(character)
    return "".join(made)


def lower(text: str) -> str:
    r"""The text in lower case, as the graph has it: newer letters stay as they are.

    Example:
        >>> lower("ΑΣ"), lower("İ") == "i\u0307", lower("\ua7c0") == "\ua7c0"
        ('ας', True, True)
    """
    if text.isascii():
        return text.lower()
    if PAMUDPOD in text:
        unused = next((chr(code) for code in SELECTORS if chr(code) not in text), PAMUDPOD)
        text = lower(text.replace(PAMUDPOD, unused)) if unused != PAMUDPOD else _lower(text)
        return text.replace(unused, PAMUDPOD)
    return _lower(text)


def _lower(text: str) -> str:
    parts = NEW_CASES.split(text)
    parts[::2] = map(str.lower, parts[::2])
    return "".join(parts)
