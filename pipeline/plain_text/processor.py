"""Strings to symbols to ids and back, as `pipeline.text.processor` has it in the graph."""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.plain_text.features import split_with_features
from pipeline.plain_text.tokenizers import make_plain_tokenizer
from pipeline.settings.text import SideText, TextConfiguration
from pipeline.text.symbols import CHARACTERS_PER_SYMBOL, END, FEATURE_MARK, SPECIAL_SYMBOLS, UNKNOWN
from pipeline.unicode.normal_forms import to_form


class PlainReading(NamedTuple):
    """What came of a string."""

    symbols: list[str]
    """As many as are used."""
    cut: bool
    """Whether there is more in the string than is looked at, or more symbols than are used."""
    invalid: bool
    """Whether it was no UTF-8; what is none became U+FFFD."""


def take_tokens(tokens: Sequence[bytes], max_length: int) -> PlainReading:
    """Symbols as they are given, no more than `max_length`; what is no UTF-8 becomes U+FFFD.

    Example:
        >>> take_tokens([b"a", b"\\xff", b"b"], 2)
        PlainReading(symbols=['a', '\ufffd'], cut=True, invalid=True)
    """
    valid = [token.decode(errors="replace") for token in tokens]
    invalid = any(symbol.encode() != token for symbol, token in zip(valid, tokens, strict=True))
    return PlainReading(valid[:max_length], len(valid) > max_length, invalid)


class PlainText:
    """One side's strings to ids and back.

    Args:
        symbols: All of the vocabulary, the special ones first.
        how: How strings become symbols.
        output_form: The normal form of what is joined, or None for none.
        model: The SentencePiece model whose subwords the symbols are, if they are.

    Example:
        >>> text = PlainText([*SPECIAL_SYMBOLS, "a", "b"], TextConfiguration().side("target"))
        >>> text.to_ids(text.read(b"b?a", 2).symbols), text.join(["b", "a"])
        ([5, 3], 'ba')
    """

    def __init__(
        self,
        symbols: Sequence[str],
        how: SideText,
        output_form: str | None = None,
        model: bytes | None = None,
    ) -> None:
        own = symbols[len(SPECIAL_SYMBOLS) :]
        # Without features no symbol begins with a TAB, but the TAB itself where that is one.
        has_features = how.feature_separator is not None
        self.unknown_feature = symbols.index(FEATURE_MARK) if has_features and FEATURE_MARK in symbols else UNKNOWN
        self.tokenizer = make_plain_tokenizer(how.tokenizer, own, model, how.separator)
        self.how, self.output_form = how, output_form
        self.ids = {symbol: number for number, symbol in enumerate(own, len(SPECIAL_SYMBOLS))}
        # Padding and the start of an output are nothing to be seen.
        self.names = ["", "", *symbols[END:]]

    def split(self, text: str) -> list[str]:
        """Valid UTF-8 to its symbols."""
        return split_with_features(text, self.how, self.tokenizer.split)

    def read(self, string: bytes, max_length: int) -> PlainReading:
        """Any bytes to symbols, of which no more than `max_length * 32` characters are looked at."""
        try:
            text, invalid = string.decode(), False
        except UnicodeDecodeError:
            text, invalid = string.decode(errors="replace"), True
        kept = text[: max_length * CHARACTERS_PER_SYMBOL]
        symbols = self.split(kept)
        return PlainReading(symbols[:max_length], len(kept) < len(text) or len(symbols) > max_length, invalid)

    def to_ids(self, symbols: Sequence[str]) -> list[int]:
        """Symbols to ids, without an end symbol."""
        return [
            self.ids.get(symbol, self.unknown_feature if symbol.startswith(FEATURE_MARK) else UNKNOWN)
            for symbol in symbols
        ]

    def count_unknown(self, ids: Sequence[int]) -> int:
        """How many of the ids are those of the unknown symbol or feature."""
        return sum(number in (UNKNOWN, self.unknown_feature) for number in ids)

    def join(self, symbols: Sequence[str]) -> str:
        """Symbols to a string; '' is no symbol."""
        joined = self.tokenizer.join(symbols)
        return to_form(joined, self.output_form) if self.output_form else joined


class PlainVocabulary(NamedTuple):
    """The symbols of one side."""

    symbols: Sequence[str]
    """By id, the special ones first."""
    model: bytes | None = None
    """The SentencePiece model whose subwords they are, if they are."""


def make_plain_texts(
    text: TextConfiguration, source: PlainVocabulary, target: PlainVocabulary, output_form: str | None
) -> tuple[PlainText, PlainText]:
    """Both sides.

    Args:
        text: The settings.
        source: The sources' symbols.
        target: The targets'.
        output_form: The normal form of outputs, see `FormCounts.output_form`.
    """
    return (
        PlainText(source.symbols, text.side("source"), model=source.model),
        PlainText(target.symbols, text.side("target"), output_form, target.model),
    )
