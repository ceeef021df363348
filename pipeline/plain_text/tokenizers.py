"""Ways of cutting a normalised string into symbols and of joining them again, as `pipeline.text.tokenizers` has them.

The same strings give the same symbols here and in the graph.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pipeline.errors import DataError, UsageError
from pipeline.text.symbols import CONTINUES, NO_PIECE
from pipeline.unicode.white_space import split

# To the graph, what stands at the ends of joined words is white space of ASCII alone.
_ASCII_SPACE = " \t\n\v\f\r"
# Longer words are unknown as a whole, as TensorFlow Text has it.
LONGEST_WORD = 100


class PlainTokenizer(Protocol):
    """One way of cutting."""

    def split(self, text: str) -> list[str]:
        """A string to symbols."""

    def join(self, symbols: Sequence[str]) -> str:
        """Symbols to a string; '' is no symbol."""


class PlainCharacters:
    """Every Unicode character is a symbol."""

    def split(self, text: str) -> list[str]:
        """See `PlainTokenizer`."""
        return list(text)

    def join(self, symbols: Sequence[str]) -> str:
        """See `PlainTokenizer`."""
        return "".join(symbols)


class PlainWords:
    """What stands between white space is a symbol."""

    def split(self, text: str) -> list[str]:
        """See `PlainTokenizer`."""
        return split(text)

    def join(self, symbols: Sequence[str]) -> str:
        """See `PlainTokenizer`."""
        return " ".join(symbols).strip(_ASCII_SPACE)


class PlainSeparated:
    """What stands between separators is a symbol.

    Args:
        separator: At least one character.
    """

    def __init__(self, separator: str) -> None:
        self.separator = separator

    def split(self, text: str) -> list[str]:
        """See `PlainTokenizer`."""
        return split(text, self.separator)

    def join(self, symbols: Sequence[str]) -> str:
        """See `PlainTokenizer`."""
        return self.separator.join(symbol for symbol in symbols if symbol)


class PlainWordPieces:
    """Subwords as BERT has them: of every word the longest beginning that is a symbol, then of the rest.

    Args:
        symbols: The subwords.
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = {NO_PIECE, *symbols}
        self.longest = max(map(len, self.symbols))

    def split(self, text: str) -> list[str]:
        """See `PlainTokenizer`."""
        return [piece for word in split(text) for piece in self._cut(word)]

    def _cut(self, word: str) -> list[str]:
        if len(word.encode()) > LONGEST_WORD:
            return [word]
        pieces: list[str] = []
        place = 0
        while place < len(word):
            before = CONTINUES if place else ""
            ends = range(min(len(word), place + self.longest), place, -1)
            end = next((end for end in ends if before + word[place:end] in self.symbols), None)
            if end is None:
                return [word]
            pieces.append(before + word[place:end])
            place = end
        # In the graph a piece of this name is taken for an unknown word, too.
        return [word if piece == NO_PIECE else piece for piece in pieces]

    def join(self, symbols: Sequence[str]) -> str:
        """See `PlainTokenizer`."""
        return " ".join(symbols).replace(f" {CONTINUES}", "").strip(_ASCII_SPACE)


class PlainSentencePieces:
    """Subwords learned by SentencePiece, by its own package.

    Args:
        model: A serialised SentencePiece model.

    Raises:
        UsageError: The package is not installed.
        DataError: It is no such model.
    """

    def __init__(self, model: bytes) -> None:
        try:
            from sentencepiece import SentencePieceProcessor
        except ImportError as error:
            raise UsageError(
                "the model's symbols are subwords of SentencePiece, and its package is not installed: "
                "python -m pip install sentencepiece"
            ) from error
        try:
            self.pieces: Any = SentencePieceProcessor(model_proto=model)
        except (RuntimeError, ValueError) as error:
            raise DataError(f"not a SentencePiece model ({error}); bring the file back as it was exported") from error

    def split(self, text: str) -> list[str]:
        """See `PlainTokenizer`."""
        return self.pieces.encode(text, out_type=str)

    def join(self, symbols: Sequence[str]) -> str:
        """See `PlainTokenizer`."""
        kept = list(symbols)
        while kept and not kept[-1]:
            kept.pop()
        return self.pieces.decode_pieces(kept) if kept else ""


def _make_sentence_pieces(model: bytes | None) -> PlainTokenizer:
    if model is None:
        raise DataError("the SentencePiece model of the vocabulary is missing; bring the .model files back")
    return PlainSentencePieces(model)


# The rows of `pipeline.text.tokenizers.TOKENIZERS`.
PLAIN_TOKENIZERS: dict[str, Callable[[Sequence[str], bytes | None, str | None], PlainTokenizer]] = {
    "char": lambda symbols, model, separator: PlainCharacters(),
    "space": lambda symbols, model, separator: PlainWords() if separator is None else PlainSeparated(separator),
    "bpe": lambda symbols, model, separator: _make_sentence_pieces(model),
    "unigram": lambda symbols, model, separator: _make_sentence_pieces(model),
    "wordpiece": lambda symbols, model, separator: PlainWordPieces(symbols),
}


def make_plain_tokenizer(
    name: str, symbols: Sequence[str] = (), model: bytes | None = None, separator: str | None = None
) -> PlainTokenizer:
    """The tokenizer of a `text.source_tokenizer` or `text.target_tokenizer`.

    Args:
        name: A row of `PLAIN_TOKENIZERS`.
        symbols: The vocabulary, for wordpiece.
        model: The SentencePiece model, for bpe and unigram.
        separator: What stands between symbols, for space, in the form of the strings; None for white space.

    Raises:
        UsageError: A package is missing.
        DataError: The model is missing, or is none.

    Example:
        >>> make_plain_tokenizer("wordpiece", ["play", "##ing"]).split("playing play")
        ['play', '##ing', 'play']
    """
    return PLAIN_TOKENIZERS[name](symbols, model, separator)
