"""New sources of the pieces of known ones, for whom nobody has sources without targets."""

import random
from collections.abc import Callable, Collection, Sequence

OVERLAP = 2
"""Symbols that two pieces share where they are joined: of fewer, what comes of it is hardly a word."""
TRIES = 20
"""How many joints are tried for a new source, before the pieces count as used up."""


def recombine(
    sources: Sequence[str],
    count: int,
    seed: int,
    is_known: Callable[[str], bool],
    characters: bool = True,
    separator: str | None = None,
) -> list[str]:
    """The beginning of one source and the end of another, joined where both have the same symbols within.

    They are joined at any `OVERLAP` symbols that both have, with at least one symbol before and one after them.

    Args:
        sources: Different ones.
        count: How many are wanted.
        seed: The same sources and seed give the same.
        is_known: Says of a string that it must not come out.
        characters: Whether symbols are characters; else words.
        separator: What stands between words; None is white space.

    Returns:
        Different ones, at most `count`: fewer where the pieces are used up.

    Example:
        >>> recombine(["banana", "panama"], 2, 1, {"banana", "panama"}.__contains__)
        ['pana', 'bana']
    """
    chance = random.Random(seed)
    rows = [list(source) if characters else source.split(separator) for source in sources]
    ends: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for number, row in enumerate(rows):
        for place in _joints(row):
            ends.setdefault(tuple(row[place : place + OVERLAP]), []).append((number, place))
    usable = [number for number, row in enumerate(rows) if _joints(row)]
    longest = max(map(len, rows), default=0)
    found: dict[str, None] = {}
    for _ in range(TRIES * count if usable else 0):
        if len(found) == count:
            break
        joined = _join(rows, chance.choice(usable), ends, chance)
        text = ("" if characters else separator or " ").join(joined)
        if len(joined) <= longest and text not in found and not is_known(text):
            found[text] = None
    return list(found)


def _joints(row: Collection[str]) -> range:
    return range(1, len(row) - OVERLAP)


def _join(
    rows: Sequence[Sequence[str]],
    first: int,
    ends: dict[tuple[str, ...], list[tuple[int, int]]],
    chance: random.Random,
) -> list[str]:
    row = rows[first]
    place = chance.choice(_joints(row))
    second, start = chance.choice(ends[tuple(row[place : place + OVERLAP])])
    return [*row[:place], *rows[second][start:]]
