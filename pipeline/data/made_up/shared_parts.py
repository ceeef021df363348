"""What a source and its target have in common: the stem of a word and its form, as nobody has told it."""

import difflib
from typing import NamedTuple

LEAST = 3
"""Symbols of a part: shorter ones are often alike by chance, and are endings as often as stems."""


class SharedPart(NamedTuple):
    """The same characters at a place of the source and at one of the target."""

    source: int
    target: int
    length: int


def shared_parts(source: str, target: str) -> list[SharedPart]:
    """The parts of at least `LEAST` characters, in an order that is the same in both.

    They are found from the longest one on, then before and after it, and so on (Ratcliff & Obershelp).

    Example:
        >>> shared_parts("anmachen", "macht an")
        [SharedPart(source=2, target=0, length=4)]
    """
    blocks = difflib.SequenceMatcher(None, source, target, autojunk=False).get_matching_blocks()
    return [SharedPart(*block) for block in blocks if block.size >= LEAST]
