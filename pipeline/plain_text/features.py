"""Features behind a TAB, as `pipeline.text.processor` cuts them in the graph."""

from collections.abc import Callable

from pipeline.settings.text import SideText
from pipeline.text.symbols import FEATURE_MARK
from pipeline.unicode.normal_forms import normalize_string
from pipeline.unicode.white_space import split


def split_with_features(text: str, how: SideText, cut: Callable[[str], list[str]]) -> list[str]:
    """A string's symbols and, behind them, its features, each behind the mark that tells them from symbols.

    Args:
        text: Valid UTF-8.
        how: How strings of this side become symbols.
        cut: What cuts a normalised string.

    Example:
        >>> how = SideText("char", "nfc", True, None, feature_separator=";")
        >>> split_with_features("Go\\tV; PST", how, list)
        ['g', 'o', '\\tV', '\\tPST']
    """
    string, features = text, ""
    if how.feature_separator is not None:
        string, _, features = text.partition(FEATURE_MARK)
    symbols = cut(normalize_string(string, how.normalization, how.lowercase))
    if not features:
        return symbols
    form = normalize_string(features, how.normalization, False)
    return [*symbols, *(FEATURE_MARK + feature for feature in split(form, how.feature_separator))]
