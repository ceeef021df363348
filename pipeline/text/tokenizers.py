"""Ways of cutting a normalised string into symbols and of joining them again, all in the graph."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import tensorflow as tf
from tensorflow_text.python.ops.fast_wordpiece_tokenizer import FastWordpieceTokenizer
from tensorflow_text.python.ops.sentencepiece_tokenizer import SentencepieceTokenizer

from pipeline.errors import DataError, UsageError
from pipeline.process.quiet_tensorflow import silent_stderr
from pipeline.text.symbols import CONTINUES, NO_PIECE
from pipeline.unicode.white_space import BEYOND_ASCII, ENDS


class Tokenizer(Protocol):
    """One way of cutting."""

    def split(self, strings: Any) -> tf.RaggedTensor:
        """Strings `[batch]` to symbols, ragged `[batch, symbols]`."""

    def join(self, symbols: Any) -> tf.Tensor:
        """Symbols `[batch, symbols]` to strings `[batch]`; '' is no symbol and stands at the end of a row only."""


class Characters(tf.Module):
    """Every Unicode character is a symbol."""

    def split(self, strings: Any) -> tf.RaggedTensor:
        """See `Tokenizer`."""
        points = tf.strings.unicode_decode(strings, "UTF-8")
        # As `tf.strings.unicode_split`, without its many small operations on ragged tensors.
        bounds = tf.range(tf.size(points.flat_values) + 1)
        characters = tf.raw_ops.UnicodeEncode(
            input_values=points.flat_values, input_splits=bounds, output_encoding="UTF-8"
        )
        return points.with_flat_values(characters)

    def join(self, symbols: Any) -> tf.Tensor:
        """See `Tokenizer`."""
        return tf.strings.reduce_join(symbols, axis=-1)


class Words(tf.Module):
    """What stands between white space is a symbol."""

    def split(self, strings: Any) -> tf.RaggedTensor:
        """See `Tokenizer`."""
        return split_words(strings)

    def join(self, symbols: Any) -> tf.Tensor:
        """See `Tokenizer`."""
        return tf.strings.strip(tf.strings.reduce_join(symbols, axis=-1, separator=" "))


class Separated(tf.Module):
    """What stands between separators is a symbol, `pipeline.unicode.white_space.split` in the graph.

    Args:
        separator: At least one character.

    Example:
        >>> tokenizer = Separated("-")
        >>> tokenizer.split(["b-a- t", "--"]).to_list(), tokenizer.join([["b", "a", ""]]).numpy().tolist()
        ([[b'b', b'a', b't'], []], [b'b-a'])
    """

    def __init__(self, separator: str) -> None:
        super().__init__()
        self.separator = separator

    def split(self, strings: Any) -> tf.RaggedTensor:
        """See `Tokenizer`."""
        parts = tf.strings.split(strings, self.separator)
        parts = parts.with_flat_values(tf.strings.regex_replace(parts.flat_values, ENDS, ""))
        return tf.ragged.boolean_mask(parts, parts != "")

    def join(self, symbols: Any) -> tf.Tensor:
        """See `Tokenizer`."""
        symbols = tf.convert_to_tensor(symbols, tf.string)
        rest = symbols[:, 1:]
        rest = tf.where(rest == "", "", tf.strings.join([self.separator, rest]))
        return tf.strings.reduce_join(tf.concat([symbols[:, :1], rest], axis=1), axis=1)


class SentencePieces(tf.Module):
    """Subwords learned by SentencePiece (Kudo & Richardson 2018), https://arxiv.org/abs/1808.06226.

    Spaces are part of the symbols, as "▁", so that joining gives back what was cut. What no symbol covers is cut
    into bytes: nothing is unknown.

    Args:
        model: A serialised SentencePiece model.
    """

    def __init__(self, model: bytes) -> None:
        super().__init__()
        # A resource: it must be an attribute, so that an export takes it along.
        # Its library tells standard error of every model that it has no rules for normal forms.
        with silent_stderr():
            self.pieces = SentencepieceTokenizer(model, out_type=tf.string)

    def split(self, strings: Any) -> tf.RaggedTensor:
        """See `Tokenizer`."""
        return self.pieces.tokenize(strings)

    def join(self, symbols: Any) -> tf.Tensor:
        """See `Tokenizer`."""
        return self.pieces.detokenize(tf.RaggedTensor.from_tensor(symbols, padding=""))


class WordPieces(tf.Module):
    """Subwords as BERT has them, "##" before those that continue a word; for text that is tokenised already.

    Words are what stands between white space. A word with a character that the symbols lack is unknown as a whole: it
    stays in one piece, which is none of the symbols.

    Args:
        symbols: The subwords.
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__()
        self.pieces = FastWordpieceTokenizer(
            [NO_PIECE, *symbols],
            token_out_type=tf.string,
            unknown_token=NO_PIECE,
            # Its own cutting at punctuation could not be undone.
            no_pretokenization=True,
        )

    def split(self, strings: Any) -> tf.RaggedTensor:
        """See `Tokenizer`."""
        words = split_words(strings)
        pieces = self.pieces.tokenize(words.flat_values)
        whole = tf.gather(words.flat_values, pieces.value_rowids())
        pieces = pieces.with_flat_values(tf.where(pieces.flat_values == NO_PIECE, whole, pieces.flat_values))
        return words.with_flat_values(pieces).merge_dims(1, 2)

    def join(self, symbols: Any) -> tf.Tensor:
        """See `Tokenizer`."""
        joined = tf.strings.reduce_join(symbols, axis=-1, separator=" ")
        return tf.strings.strip(tf.strings.regex_replace(joined, f" {CONTINUES}", ""))


def split_words(strings: Any) -> tf.RaggedTensor:
    """What stands between white space, `pipeline.unicode.white_space.split` in the graph: ragged `[batch, words]`."""
    return tf.strings.split(tf.strings.regex_replace(strings, BEYOND_ASCII, " "))


class Learned(NamedTuple):
    """What a tokenizer may be made of."""

    name: str
    """A row of `TOKENIZERS`."""
    symbols: Sequence[str]
    """The vocabulary."""
    model: bytes | None
    """The SentencePiece model that was learned with it; None where there is none."""
    separator: str | None
    """What stands between symbols; None for white space."""


def _sentence_pieces(learned: Learned) -> Tokenizer:
    if learned.model is None:
        raise DataError(
            f"text: the SentencePiece model of a {learned.name} vocabulary is missing; bring the .model files of the "
            "run's vocabulary back, or train again with --overwrite"
        )
    return SentencePieces(learned.model)


# By the name in the settings, see `pipeline.settings.text.TOKENIZER_KINDS`; what each is learned by stands in
# `pipeline.text.learning.LEARNERS`.
TOKENIZERS: dict[str, Callable[[Learned], Tokenizer]] = {
    "char": lambda learned: Characters(),
    "space": lambda learned: Words() if learned.separator is None else Separated(learned.separator),
    "bpe": _sentence_pieces,
    "unigram": _sentence_pieces,
    "wordpiece": lambda learned: WordPieces(learned.symbols),
}


def make_tokenizer(
    name: str, symbols: Sequence[str] = (), model: bytes | None = None, separator: str | None = None
) -> Tokenizer:
    """The tokenizer of a `text.source_tokenizer` or `text.target_tokenizer`.

    Args:
        name: A row of `TOKENIZERS`.
        symbols: The vocabulary, for wordpiece.
        model: The SentencePiece model, for bpe and unigram.
        separator: What stands between symbols, for space, in the form of the strings; None for white space.

    Raises:
        UsageError: No such tokenizer.
        DataError: The model is missing.

    Example:
        >>> make_tokenizer("wordpiece", ["play", "##ing"]).split(["playing play"]).to_list()
        [[b'play', b'##ing', b'play']]
    """
    if name not in TOKENIZERS:
        raise UsageError(f"{name!r}: no such tokenizer, there are {', '.join(TOKENIZERS)}")
    return TOKENIZERS[name](Learned(name, symbols, model, separator))
