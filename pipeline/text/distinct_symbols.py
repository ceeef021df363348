"""How many distinct symbols strings have in each normal form, counted without TensorFlow."""

import functools
from collections.abc import Callable, Iterable

from pipeline.settings.text import TOKENIZER_KINDS
from pipeline.unicode.normal_forms import NORMAL_FORMS, fold, normalize_string
from pipeline.unicode.white_space import split


def symbols_by_form(
    strings: Iterable[str], tokenizer: str, separator: str | None = None, *, lowercase: bool = False
) -> dict[str, int]:
    """How many distinct symbols the strings of a side would have under each normal form.

    Of a tokenizer that learns subwords it is the characters that are counted, of which they will be made.

    Args:
        strings: Of one side, in any form. They are read once.
        tokenizer: Of that side: a row of `TOKENIZER_KINDS`.
        separator: What stands between symbols of `space`; None for white space.
        lowercase: Whether they are lowercased.

    Returns:
        The number for every row of `NORMAL_FORMS`.

    Example:
        >>> symbols_by_form(["각간", "갈"], "char")
        {'none': 3, 'nfc': 3, 'nfd': 5, 'nfkc': 3, 'nfkd': 5}
        >>> symbols_by_form(["k·a", "a"], "space", "·")["nfd"]
        2
    """
    kind = TOKENIZER_KINDS[tokenizer]
    found: dict[str, set[str]] = {}
    cuts: dict[str, Callable[[str], Iterable[str]]] = {}
    for form in NORMAL_FORMS:
        found[form] = set()
        between = fold(separator, form, lowercase) if separator else None
        cuts[form] = iter if kind.characters or kind.subwords else functools.partial(split, separator=between)
    for string in strings:
        for form, cut in cuts.items():
            found[form].update(cut(normalize_string(string, form, lowercase)))
    return {form: len(symbols) for form, symbols in found.items()}
