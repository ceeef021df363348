"""How symbols are named in messages."""

import itertools
import unicodedata
from collections.abc import Mapping

from pipeline.text.symbols import FEATURE_MARK

SHOWN = 6


def name_symbol(symbol: str) -> str:
    r"""A symbol as people can tell it from others: letters as they are, else in quotes, what is invisible escaped; a
    feature is called so.

    Example:
        >>> print(name_symbol("AH0"), name_symbol("a"), name_symbol("\t"), name_symbol("\u0301"))
        AH0 'a' '\t' U+0301
        >>> print(name_symbol("\tPST"))
        feature PST
    """
    if len(symbol) > 1 and symbol.startswith(FEATURE_MARK):
        return f"feature {name_symbol(symbol.removeprefix(FEATURE_MARK))}"
    if len(symbol) == 1 and unicodedata.category(symbol).startswith("M"):
        return f"U+{ord(symbol):04X}"
    return symbol if len(symbol) > 1 and symbol.isalnum() else repr(symbol)


def name_symbols(counts: Mapping[str, int], most: int = SHOWN) -> str:
    """The symbols that occur most, each with how often, if that is more than once.

    Example:
        >>> name_symbols({"a": 1, "AH0": 3, "b": 1}, most=2)
        "AH0 ×3, 'a', …"
    """
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    named = [
        name_symbol(symbol) + (f" ×{number:,}" if number > 1 else "")
        for symbol, number in itertools.islice(ordered, most)
    ]
    return ", ".join([*named, "…"] if len(ordered) > most else named)
