"""Pairs with made-up stems (data hallucination, Anastasopoulos & Neubig 2019, arXiv 1908.05838).

What a source and its target share (`gehen`, `gehst`: `geh`) is mostly the stem, which the target copies, whatever its
letters are; the rest is what inflection does. Where pairs are few, the model sees too few stems to know that. So the
letters of shared parts are replaced by others, the same on both sides: `xöqen`, `xöqst`.
"""

import functools
import random
from collections.abc import Callable, Collection, Iterable, Iterator

from pipeline.data.features import text_and_features
from pipeline.data.made_up.shared_parts import SharedPart, shared_parts
from pipeline.pairs.pair_file import Pair

TRIES = 5
"""How often letters are drawn for a pair whose source is one that there is."""

Alphabets = dict[tuple[bool, bool], list[str]]


def make_up(read: Callable[[], Iterable[Pair]], per_pair: int, seed: int) -> Iterator[Pair]:
    """Made-up pairs, so many for each pair that has a part of three letters and more on both sides.

    Each letter of such a part is drawn from the letters of all such parts, capitals from capitals; marks, digits and
    what else is no letter stay. Line, corpus and features are those of the pair.

    Args:
        read: Streams the pairs; it is called twice.
        per_pair: How many of each are wanted.
        seed: The same pairs and seed give the same.

    Example:
        >>> [made] = make_up(lambda: [Pair("gehen", "gehst", 1)], 1, 1)
        >>> (made.source[:3] == made.target[:3], made.source[3:], made.target[3:])
        (True, 'en', 'st')
    """
    known: set[str] = set()
    letters: dict[str, None] = {}
    for pair in read():
        text, _ = text_and_features(pair.source)
        known.add(text)
        for part in shared_parts(text, pair.target):
            letters.update(dict.fromkeys(filter(str.isalpha, _of_source(text, part))))
    alphabets: Alphabets = {}
    for letter in letters:
        alphabets.setdefault(_case(letter), []).append(letter)
    draw = functools.partial(_draw, alphabets, random.Random(seed))
    for pair in read():
        yield from _made_of(pair, per_pair, known, draw)


def _made_of(pair: Pair, per_pair: int, known: Collection[str], draw: Callable[[str], str]) -> Iterator[Pair]:
    """Those of one pair: none where nothing is shared, fewer where nothing new comes out."""
    text, features = text_and_features(pair.source)
    parts = shared_parts(text, pair.target)
    for _ in range(per_pair if parts else 0):
        for _ in range(TRIES):
            source, target = list(text), list(pair.target)
            for part in parts:
                drawn = [draw(symbol) for symbol in _of_source(text, part)]
                source[part.source : part.source + part.length] = drawn
                target[part.target : part.target + part.length] = drawn
            if "".join(source) not in known:
                yield pair._replace(source="".join(source) + features, target="".join(target))
                break


def _of_source(text: str, part: SharedPart) -> str:
    return text[part.source : part.source + part.length]


def _case(letter: str) -> tuple[bool, bool]:
    return letter.isupper(), letter.islower()


def _draw(alphabets: Alphabets, chance: random.Random, symbol: str) -> str:
    return chance.choice(alphabets[_case(symbol)]) if symbol.isalpha() else symbol
