"""What callers give as strings: one, or many of any kind, always as a list; what is no string is refused."""

import sys
from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np

from pipeline.errors import count_of

_HOW = 'give a string, or several as in ["one", "two"]'


def list_strings(given: Any, name: str) -> list[str | bytes]:
    """The strings in order; one alone, `str` or `bytes`, is a list of one, never its letters.

    Args:
        given: A string; or a list, tuple, array, column or generator of strings, or a tensor of strings. A tensor or an
            array without dimensions is one string too.
        name: What they are, for messages.

    Raises:
        TypeError: There is something else than a string, or the strings have no order.
        ValueError: An array or tensor of several dimensions.

    Example:
        >>> list_strings("word", "sources"), list_strings(("one", b"two"), "sources"), list_strings([], "sources")
        (['word'], ['one', b'two'], [])
    """
    given = _plain(given, name)
    if isinstance(given, str | bytes):
        return [given]
    if isinstance(given, Mapping | Set):
        raise TypeError(f"{name}: a {type(given).__name__} has no order to answer in; {_HOW}")
    if not isinstance(given, Iterable):
        raise TypeError(f"{name}: {given!r} is no string; {_HOW}")
    strings = [_plain(item, f"{name}[{place}]") for place, item in enumerate(given)]
    for place, string in enumerate(strings):
        if not isinstance(string, str | bytes):
            raise TypeError(f"{name}[{place}]: {string!r} is no string; {_HOW}")
    return strings


def list_prefixes(given: Any, sources: int) -> list[str | bytes] | None:
    """Prefixes, one for each of so many sources; None where none are given.

    Raises:
        TypeError: See `list_strings`.
        ValueError: Not as many, or an array of several dimensions.
    """
    if given is None:
        return None
    prefixes = list_strings(given, "prefixes")
    if len(prefixes) != sources:
        counts = f"{count_of(sources, 'source')}, but {count_of(len(prefixes), 'prefix', 'prefixes')}"
        raise ValueError(f"{counts}; give one for each, '' for none")
    return prefixes


def list_pairs(sources: Any, targets: Any) -> tuple[list[bytes], list[bytes]]:
    """Sources and targets as bytes, one for each.

    Raises:
        TypeError: See `list_strings`.
        ValueError: Not as many, or an array of several dimensions.
    """
    sides = list_strings(sources, "sources"), list_strings(targets, "targets")
    _require_as_many(*map(len, sides))
    return list(map(encode, sides[0])), list(map(encode, sides[1]))


def list_token_pairs(sources: Any, targets: Any) -> tuple[list[bytes], list[list[bytes]]]:
    """The same of targets that are lists of symbols; '' is none.

    Raises:
        TypeError: A target is a string, which would be taken for its letters; or see `list_strings`.
        ValueError: See `list_pairs`.
    """
    given, rows = list_strings(sources, "sources"), list(targets)
    for place, row in enumerate(rows):
        if isinstance(row, str | bytes):
            raise TypeError(f"targets[{place}]: {row!r} is not cut into symbols; give a list of them")
    _require_as_many(len(given), len(rows))
    tokens = [list_strings(row, f"targets[{place}]") for place, row in enumerate(rows)]
    return list(map(encode, given)), [[encode(token) for token in row if token] for row in tokens]


def _require_as_many(sources: int, targets: int) -> None:
    if sources != targets:
        raise ValueError(f"{count_of(sources, 'source')}, but {count_of(targets, 'target')}; give one for each")


def _plain(given: Any, name: str) -> Any:
    """What a tensor or an array holds."""
    tf = sys.modules.get("tensorflow")  # who gives a tensor has imported it
    if tf and isinstance(given, tf.RaggedTensor | tf.SparseTensor):
        raise TypeError(f"{name}: a {type(given).__name__} is no list of strings; {_HOW}")
    if tf and tf.is_tensor(given):
        if not hasattr(given, "numpy"):
            raise TypeError(f"{name}: a tensor without a value, inside a graph; call the export's signatures there")
        given = given.numpy()
    if isinstance(given, np.ndarray):
        if given.ndim > 1:
            raise ValueError(f"{name}: {given.ndim} dimensions, there must be one; {_HOW}")
        return given.tolist()
    return given


def encode(string: str | bytes) -> bytes:
    """The string's bytes; half a surrogate pair, as in a file name that is no UTF-8, becomes bytes that are none."""
    return string.encode("utf-8", "surrogatepass") if isinstance(string, str) else string
