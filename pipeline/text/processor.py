"""Strings to symbols to ids and back, all in the graph, so that an exported model takes raw strings.

How strings are cut is `pipeline.text.tokenizers`' matter.
"""

from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.settings.text import TextConfiguration
from pipeline.text.normalization import make_valid, normalize, normalize_valid, to_form
from pipeline.text.symbols import CHARACTERS_PER_SYMBOL, END, FEATURE_MARK, PAD, SPECIAL_SYMBOLS, UNKNOWN
from pipeline.text.tokenizers import make_tokenizer
from pipeline.text.vocabulary import Vocabulary
from pipeline.unicode.normal_forms import NORMAL_FORMS
from pipeline.unicode.white_space import ENDS


class Reading(NamedTuple):
    """What came of strings `[batch]`."""

    symbols: tf.RaggedTensor
    """`[batch, symbols]`."""
    cut: tf.Tensor
    """`[batch]` bool: there is more in the string than is looked at, or more symbols than are used."""
    invalid: tf.Tensor
    """`[batch]` bool: not UTF-8; what is none became U+FFFD."""
    text: tf.Tensor | None = None
    """`[batch]` what was looked at, in one form; None of what was given as symbols."""


class TextProcessor(tf.Module):
    """One side's strings to ids and back, in the graph.

    What comes back has the normal form in which the training data's strings stand, whichever the symbols have.

    Ids made of strings stand in the order in which a model reads or finds them, which of targets may be from right to
    left; `symbols`, `decode` and `join` take what stands as it is read, and `turn` makes one of the other.

    Args:
        vocabulary: The symbols.
        tokenizer: A name that `make_tokenizer` takes.
        normalization: A row of `pipeline.unicode.normal_forms.NORMAL_FORMS`.
        lowercase: Whether to lowercase.
        separator: What stands between symbols of `space` in normalised strings; None for white space.
        feature_separator: What stands between the features that follow a string behind a TAB, in the vocabulary behind
            its symbols (`pipeline.text.vocabulary.with_features`); None: nothing follows.
        right_to_left: Whether ids stand from the last symbol to the first.

    Example:
        >>> text = TextProcessor(Vocabulary(["a", "b"]), "char")
        >>> text.encode(["ab", "b?"]).to_list()
        [[4, 5, 2], [5, 3, 2]]
        >>> text.decode([[4, 5, 2, 0]]).numpy().tolist()
        [b'ab']
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        tokenizer: str,
        normalization: str = "nfc",
        lowercase: bool = False,
        separator: str | None = None,
        feature_separator: str | None = None,
        right_to_left: bool = False,
    ) -> None:
        super().__init__()
        self.right_to_left, self.feature_separator = right_to_left, feature_separator
        self.vocabulary = vocabulary
        symbols = vocabulary.symbols[len(SPECIAL_SYMBOLS) :]
        own = symbols[: len(symbols) - vocabulary.features]
        self.tokenizer = make_tokenizer(tokenizer, own, vocabulary.model, separator)
        self.normalization, self.lowercase = normalization, lowercase
        self.output_form = vocabulary.forms and vocabulary.forms.output_form(normalization)
        ids = tf.range(len(symbols), dtype=tf.int32) + len(SPECIAL_SYMBOLS)
        entries = tf.lookup.KeyValueTensorInitializer(tf.constant(symbols, tf.string), ids)
        self.table = tf.lookup.StaticHashTable(entries, UNKNOWN)

    def normalize(self, strings: Any) -> tf.Tensor:
        """See `pipeline.text.normalization.normalize`."""
        return normalize(strings, self.normalization, self.lowercase)

    def split(self, strings: Any) -> tf.RaggedTensor:
        """Strings `[batch]` to their symbols, ragged `[batch, symbols]`."""
        return self._split(make_valid(strings))

    def _split(self, valid: tf.Tensor) -> tf.RaggedTensor:
        """Valid UTF-8 to symbols, and behind them features."""

        def cut(strings: tf.Tensor) -> tf.RaggedTensor:
            return self.tokenizer.split(normalize_valid(strings, self.normalization, self.lowercase))

        if self.feature_separator is None:
            return cut(valid)
        text = tf.strings.regex_replace(valid, r"(?s)\t.*", "")
        rest = tf.strings.regex_replace(valid, r"(?s)\A[^\t]*\t?", "")
        features = tf.strings.split(to_form(rest, self.normalization), self.feature_separator)
        features = features.with_flat_values(tf.strings.regex_replace(features.flat_values, ENDS, ""))
        features = tf.ragged.boolean_mask(features, features != "")
        marked = features.with_flat_values(tf.strings.join([FEATURE_MARK, features.flat_values]))
        return tf.concat([cut(text), marked], axis=1)

    def look_up(self, symbols: tf.Tensor) -> tf.Tensor:
        """The ids of symbols, int32; of those that training lacks, that of the unknown symbol or feature."""
        ids = self.table.lookup(symbols)
        if not self.vocabulary.features:
            return ids
        is_feature = tf.equal(tf.strings.substr(symbols, 0, 1), FEATURE_MARK)
        unknown = len(self.vocabulary) - self.vocabulary.features
        return tf.where(is_feature & tf.equal(ids, UNKNOWN), unknown, ids)

    def hide_features(self, weights: Any, ids: tf.Tensor) -> Any:
        """Attention weights `[batch, n_best, target, source]`, 0 at features, which are no part of an output.

        Args:
            weights: Any.
            ids: `[batch, source]`, of the sources.
        """
        if not self.vocabulary.features:
            return weights
        is_symbol = ids < len(self.vocabulary) - self.vocabulary.features
        return weights * tf.cast(is_symbol, weights.dtype)[:, None, None]

    def is_unknown(self, ids: tf.Tensor) -> tf.Tensor:
        """Whether each id is that of the unknown symbol, or of the unknown feature."""
        unknown = tf.equal(ids, UNKNOWN)
        if not self.vocabulary.features:
            return unknown
        return unknown | tf.equal(ids, len(self.vocabulary) - self.vocabulary.features)

    def read(self, strings: tf.Tensor, max_length: int) -> "Reading":
        """The same of strings from anywhere, of which no more than `max_length * 32` characters are looked at.

        Args:
            strings: `[batch]`, any bytes.
            max_length: Symbols that will be used of each.
        """
        valid = make_valid(strings)
        kept = tf.strings.substr(valid, 0, max_length * CHARACTERS_PER_SYMBOL, unit="UTF8_CHAR")
        text = normalize_valid(kept, self.normalization, self.lowercase)
        symbols = self.tokenizer.split(text) if self.feature_separator is None else self._split(kept)
        cut = tf.not_equal(kept, valid) | (symbols.row_lengths() > max_length)
        return Reading(symbols, cut, tf.not_equal(valid, strings), text)

    def estimate_lengths(self, strings: tf.Tensor, most: int) -> tf.Tensor:
        """About how many symbols are read of strings `[batch]`, float32: characters, or their parts, by their bytes."""
        takes_apart = NORMAL_FORMS[self.normalization].composed is False
        lengths = tf.strings.length(strings, unit="BYTE" if takes_apart else "UTF8_CHAR")
        return tf.cast(tf.minimum(lengths, most), tf.float32)

    def encode(self, strings: Any) -> tf.RaggedTensor:
        """Strings `[batch]` to ids, ragged int32 `[batch, symbols + 1]`, each row closed by the end symbol."""
        ids = tf.ragged.map_flat_values(self.look_up, self.split(strings))
        if self.right_to_left:
            ids = tf.reverse(ids, [1])
        ends = tf.fill([ids.nrows(), 1], END)
        return tf.concat([ids, ends], axis=1)

    def to_ids(self, symbols: tf.RaggedTensor, max_length: int | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Symbols `[batch, symbols]` to what a model reads, at least a column even of an empty batch.

        The same as `encode`, without its many small operations on ragged tensors.

        Returns:
            ids, int32 `[batch, longest + 1]`, each row cut after `max_length` symbols, closed by the end symbol and
            padded; and the lengths with the end symbol, int32 `[batch]`.
        """
        ids = symbols.with_flat_values(self.look_up(symbols.flat_values)).to_tensor(PAD)
        closed, lengths = _close(ids, symbols, max_length, END)
        return self.turn(closed, closed), lengths

    def turn(self, values: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        """What belongs to symbols in the order of the model, in the order in which they are read, or the other way.

        Args:
            values: `[..., symbols, ...]`, something of every symbol: the ids themselves, or what was looked at.
            ids: `[..., symbols]` int32; the end symbol and padding keep their places.
        """
        if not self.right_to_left:
            return values
        size = tf.reduce_sum(tf.cast(ids > END, tf.int32), axis=-1, keepdims=True)
        places = tf.range(tf.shape(ids)[-1])
        places = tf.where(places < size, size - 1 - places, places)
        return tf.gather(values, places, batch_dims=len(ids.shape) - 1)

    def to_symbols(self, symbols: tf.RaggedTensor, max_length: int | None = None) -> tf.Tensor:
        """The symbols that `to_ids` gives the ids of, unknown ones as they stand; '' is padding."""
        return _close(symbols.to_tensor(""), symbols, max_length, self.vocabulary.symbols[END])[0]

    def symbols(self, ids: Any) -> tf.Tensor:
        """The symbol of every id, same shape; empty for pad and start."""
        names = tf.constant(["", "", *self.vocabulary.symbols[2:]])
        return tf.gather(names, ids)

    def decode(self, ids: Any) -> tf.Tensor:
        """Ids `[..., symbols]` to strings `[...]`; pad, start and end leave nothing."""
        names = tf.constant(["", "", "", *self.vocabulary.symbols[3:]])
        return self.join(tf.gather(names, ids))

    def join(self, symbols: Any) -> tf.Tensor:
        """Symbols `[..., symbols]` to strings `[...]`; '' is no symbol and stands at the end only."""
        shape = tf.shape(symbols)
        outer, length = shape[:-1], tf.unstack(shape)[-1]
        joined = self.tokenizer.join(tf.reshape(symbols, [tf.reduce_prod(outer), length]))
        if self.output_form:
            joined = to_form(joined, self.output_form)
        return tf.reshape(joined, outer)


def _close(
    padded: tf.Tensor, symbols: tf.RaggedTensor, max_length: int | None, end: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    lengths = tf.cast(symbols.row_lengths(), tf.int32)
    if max_length is not None:
        padded, lengths = padded[:, :max_length], tf.minimum(lengths, max_length)
    nothing = "" if padded.dtype == tf.string else PAD
    padded = tf.pad(padded, [[0, 0], [0, 1]], constant_values=nothing)
    is_end = tf.equal(tf.range(tf.shape(padded)[1]), tf.expand_dims(lengths, 1))
    return tf.where(is_end, end, padded), lengths + 1


def make_texts(
    text: TextConfiguration, source_vocabulary: Vocabulary, target_vocabulary: Vocabulary
) -> tuple[TextProcessor, TextProcessor]:
    """The text processors of both sides."""
    source = TextProcessor(source_vocabulary, *text.side("source"))
    target = TextProcessor(target_vocabulary, *text.side("target"), right_to_left=text.right_to_left)
    forms = target_vocabulary.forms
    if forms and text.target_form not in ("none", text.normalization):
        # Symbols that are copied from a source have its form.
        target.output_form = forms.written
    return source, target
