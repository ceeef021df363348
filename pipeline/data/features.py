"""Features of sources apart from what stands before them: where vocabularies are learned, and sources made."""

from collections import Counter
from collections.abc import Iterable

from pipeline.errors import DataError
from pipeline.pairs.pair_file import Pair
from pipeline.plain_text.features import split_with_features
from pipeline.settings.text import Side, TextConfiguration
from pipeline.text.symbols import FEATURE_MARK, SPECIAL_SYMBOLS
from pipeline.text.vocabulary import Vocabulary


def text_of(pair: Pair, side: Side, text: TextConfiguration) -> str:
    """A side without features."""
    string: str = getattr(pair, side)
    return string if text.feature_separator is None else string.partition(FEATURE_MARK)[0]


def text_and_features(source: str) -> tuple[str, str]:
    r"""A source without its features, and these with the mark before them, or ''.

    Example:
        >>> text_and_features("go\tV;PST"), text_and_features("go")
        (('go', '\tV;PST'), ('go', ''))
    """
    text, mark, features = source.partition(FEATURE_MARK)
    return text, mark + features


def learn_features(pairs: Iterable[Pair], text: TextConfiguration) -> Vocabulary:
    """The features of the sources, most frequent first.

    Raises:
        DataError: There are none.
    """
    how = text.side("source")
    counts = Counter(
        symbol.removeprefix(FEATURE_MARK)
        for pair in pairs
        for symbol in split_with_features(pair.source, how, lambda string: [])
    )
    vocabulary = Vocabulary.from_counts(counts, text.min_count)
    if len(vocabulary) == len(SPECIAL_SYMBOLS):
        raise DataError(
            f"data.columns: no feature occurs {text.min_count} times in the training data; give the column that holds "
            "features, or leave them out of data.columns"
        )
    return vocabulary
