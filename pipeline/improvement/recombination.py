"""New sources of the pieces of known ones, for whom nobody has sources without targets."""

import random
from collections.abc import Callable, Collection, Sequence

from pipeline.data.features import text_and_features

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

    They are joined at any `OVERLAP` symbols that both have, with at least one symbol before and one after them. What a
    source has behind a TAB, its features, stays with its end.

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
    texts, tails = zip(*(text_and_features(source) for source in sources), strict=True) if sources else ((), ())
    rows = [list(text) if characters else text.split(separator) for text in texts]
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
        joined, second = _join(rows, chance.choice(usable), ends, chance)
        text = ("" if characters else separator or " ").join(joined) + tails[second]
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
) -> tuple[list[str], int]:
    """The symbols of two, and which the second is."""
    row = rows[first]
    place = chance.choice(_joints(row))
    second, start = chance.choice(ends[tuple(row[place : place + OVERLAP])])
    return [*row[:place], *rows[second][start:]], second


def exchange_features(
    sources: Sequence[str], count: int, seed: int, is_known: Callable[[str], bool], separator: str
) -> list[str]:
    r"""Sources with the features of others of their kind: those whose first feature is the same (V of V;PST).

    Args:
        sources: Different ones, with features behind a TAB.
        count: How many are wanted.
        seed: The same sources and seed give the same.
        is_known: Says of a source that it must not come out.
        separator: What stands between features.

    Returns:
        Different ones, at most `count`.

    Example:
        >>> known = ["go\tV;PST", "see\tV;3;SG", "dog\tN;PL"]
        >>> exchange_features(known, 9, 1, known.__contains__, ";")
        ['see\tV;PST', 'go\tV;3;SG']
    """
    chance = random.Random(seed)
    apart = [(text, features, features.partition(separator)[0]) for text, features in map(text_and_features, sources)]
    kinds: dict[str, dict[str, None]] = {}
    for _, features, kind in apart:
        kinds.setdefault(kind, {})[features] = None
    bundles = {kind: list(found) for kind, found in kinds.items() if len(found) > 1}
    usable = [(text, kind) for text, _, kind in apart if kind in bundles]
    found: dict[str, None] = {}
    for _ in range(TRIES * count if usable else 0):
        if len(found) == count:
            break
        text, kind = chance.choice(usable)
        other = text + chance.choice(bundles[kind])
        if other not in found and not is_known(other):
            found[other] = None
    return list(found)
