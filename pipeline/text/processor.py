"""Strings to symbols to ids and back, all in the graph, so that an exported model takes raw strings.

How strings are cut is `pipeline.text.tokenizers`' matter.
"""

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_text as tf_text

from pipeline.errors import DataError
from pipeline.files.durable import write_atomically
from pipeline.settings.text import TextConfiguration
from pipeline.text.symbols import END, PAD, SPECIAL_SYMBOLS, UNKNOWN
from pipeline.text.tokenizers import Tokenizer, make_tokenizer
from pipeline.unicode.normal_forms import NORMAL_FORMS, FormCounts
from pipeline.unicode.white_space import ENDS

CHUNK = 4096
# Of a chunk, so that long lines do not fill the memory: symbols take some dozens of bytes each.
MOST_CHARACTERS = 1 << 21
# What is read of a string per symbol that may come of it: no text has symbols so long on the average. Without a bound
# before the normal form is made, a long string of accents alone would take time that grows with its square.
CHARACTERS_PER_SYMBOL = 32
_REMEDY = "bring the file back as the training wrote it, or train again with --overwrite"


class Vocabulary:
    """The symbols of one side, by id; the first four ids are pad, start, end and unknown.

    What a symbol is called does not matter: a "<s>" that stands in the data is a symbol like any other,
    with an id of its own.

    Args:
        symbols: The symbols of the data, most frequent first, without the special ones.
        model: The SentencePiece model whose subwords the symbols are, if they are.
        forms: In which normal form the training data's strings of this side stand; None: nobody counted.
    """

    def __init__(self, symbols: Iterable[str], model: bytes | None = None, forms: FormCounts | None = None) -> None:
        self.symbols = [*SPECIAL_SYMBOLS, *symbols]
        self.model = model
        self.forms = forms

    def __len__(self) -> int:
        return len(self.symbols)

    @classmethod
    def from_counts(cls, counts: Counter[str], min_count: int = 1, max_size: int | None = None) -> "Vocabulary":
        """The symbols seen at least `min_count` times, most frequent first, at most `max_size` of them."""
        kept = [symbol for symbol, count in counts.items() if count >= min_count]
        return cls(sorted(kept, key=lambda symbol: (-counts[symbol], symbol))[:max_size])

    def save(self, path: Path) -> None:
        """One symbol a line, the line's number (from 0) being its id; invisible characters as \\u escapes.

        A SentencePiece model goes beside it, into a file that ends in `.model`; counts of normal forms into one that
        ends in `.forms.json`.
        """
        text = "".join(f"{escape(symbol)}\n" for symbol in self.symbols)
        if self.forms is not None:
            write_atomically(path.with_suffix(".forms.json"), json.dumps(dataclasses.asdict(self.forms)) + "\n")
        if self.model is not None:
            write_atomically(path.with_suffix(".model"), self.model)
        # Whole or not at all: after a full disk, half a vocabulary would pass for one.
        write_atomically(path, text)

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read what `save` wrote.

        Raises:
            DataError: No such file, or not a vocabulary.
        """
        try:
            lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: the vocabulary cannot be read ({error}); {_REMEDY}") from error
        if tuple(lines[:4]) != SPECIAL_SYMBOLS:
            first = " ".join(SPECIAL_SYMBOLS)
            raise DataError(f"{path}:1: not a vocabulary, its first lines must be {first}; {_REMEDY}")
        if len(lines) == len(SPECIAL_SYMBOLS):
            raise DataError(f"{path}:{len(lines)}: ends before the first symbol; {_REMEDY}")
        numbers: dict[str, int] = {}
        for number, line in enumerate(lines[4:], 5):
            try:
                symbol = unescape(line)
                symbol.encode()
            except (ValueError, OverflowError) as error:
                raise DataError(f"{path}:{number}: not a symbol ({error}); {_REMEDY}") from error
            if not symbol:
                raise DataError(f"{path}:{number}: the line is empty; {_REMEDY}")
            if numbers.setdefault(symbol, number) != number:
                raise DataError(f"{path}:{number}: the same symbol as on line {numbers[symbol]}; {_REMEDY}")
        return cls(numbers, _load_pieces(path.with_suffix(".model")), _load_forms(path.with_suffix(".forms.json")))


def _load_forms(path: Path) -> FormCounts | None:
    """Counts of normal forms, which runs of earlier versions lack."""
    if not path.is_file():
        return None
    try:
        counts = FormCounts(**json.loads(path.read_text(encoding="utf-8")))
        if not all(type(count) is int for count in vars(counts).values()):
            raise ValueError("counts are whole numbers")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: not counts of normal forms ({error}); {_REMEDY}") from error
    return counts


def _load_pieces(path: Path) -> bytes | None:
    """A SentencePiece model, if there is one; looked into here, where its file is known."""
    if not path.is_file():
        return None
    try:
        model = path.read_bytes()
        if not model:
            raise ValueError("the file is empty")
        # Slow to import, and hardly ever needed.
        import sentencepiece

        sentencepiece.SentencePieceProcessor(model_proto=model)
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{path}: not a SentencePiece model ({error}); {_REMEDY}") from error
    return model


def escape(symbol: str) -> str:
    r"""A symbol as it stands on a line of a vocabulary file.

    Example:
        >>> escape("a b")
        'a\\u{20}b'
    """

    def visibly(character: str) -> str:
        if character == "\\":
            return "\\\\"
        visible = character.isprintable() and not character.isspace()
        return character if visible else f"\\u{{{ord(character):x}}}"

    return "".join(map(visibly, symbol))


def unescape(line: str) -> str:
    """A symbol from its line in a vocabulary file."""
    return re.sub(r"\\(?:\\|u\{([0-9a-f]+)\})", lambda match: chr(int(match[1], 16)) if match[1] else "\\", line)


class Reading(NamedTuple):
    """What came of strings `[batch]`."""

    symbols: tf.RaggedTensor
    """`[batch, symbols]`."""
    cut: tf.Tensor
    """`[batch]` bool: there is more in the string than is looked at, or more symbols than are used."""
    invalid: tf.Tensor
    """`[batch]` bool: not UTF-8; what is none became U+FFFD."""


class TextProcessor(tf.Module):
    """One side's strings to ids and back, in the graph.

    What comes back has the normal form in which the training data's strings stand, whichever the symbols have.

    Args:
        vocabulary: The symbols.
        tokenizer: A name that `make_tokenizer` takes.
        normalization: A row of `pipeline.unicode.normal_forms.NORMAL_FORMS`.
        lowercase: Whether to lowercase.

    Example:
        >>> text = TextProcessor(Vocabulary(["a", "b"]), "char")
        >>> text.encode(["ab", "b?"]).to_list()
        [[4, 5, 2], [5, 3, 2]]
        >>> text.decode([[4, 5, 2, 0]]).numpy().tolist()
        [b'ab']
    """

    def __init__(
        self, vocabulary: Vocabulary, tokenizer: str, normalization: str = "nfc", lowercase: bool = False
    ) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        symbols = vocabulary.symbols[len(SPECIAL_SYMBOLS) :]
        self.tokenizer = make_tokenizer(tokenizer, symbols, vocabulary.model)
        self.normalization, self.lowercase = normalization, lowercase
        self.output_form = vocabulary.forms and vocabulary.forms.output_form(normalization)
        ids = tf.range(len(symbols), dtype=tf.int32) + len(SPECIAL_SYMBOLS)
        entries = tf.lookup.KeyValueTensorInitializer(tf.constant(symbols, tf.string), ids)
        self.table = tf.lookup.StaticHashTable(entries, UNKNOWN)

    def normalize(self, strings: Any) -> tf.Tensor:
        """Valid UTF-8 in one normal form, without white space at the ends; invalid bytes become U+FFFD.

        `pipeline.unicode.normal_forms.normalize_string` is the same without TensorFlow.
        """
        return normalize(strings, self.normalization, self.lowercase)

    def split(self, strings: Any) -> tf.RaggedTensor:
        """Strings `[batch]` to their symbols, ragged `[batch, symbols]`."""
        return self.tokenizer.split(self.normalize(strings))

    def read(self, strings: tf.Tensor, max_length: int) -> "Reading":
        """The same of strings from anywhere, of which no more than `max_length * 32` characters are looked at.

        Args:
            strings: `[batch]`, any bytes.
            max_length: Symbols that will be used of each.
        """
        valid = make_valid(strings)
        kept = tf.strings.substr(valid, 0, max_length * CHARACTERS_PER_SYMBOL, unit="UTF8_CHAR")
        symbols = self.tokenizer.split(_normalize(kept, self.normalization, self.lowercase))
        cut = tf.not_equal(kept, valid) | (symbols.row_lengths() > max_length)
        return Reading(symbols, cut, tf.not_equal(valid, strings))

    def estimate_lengths(self, strings: tf.Tensor, most: int) -> tf.Tensor:
        """About how many symbols are read of strings `[batch]`, float32: characters, or their parts, by their bytes."""
        takes_apart = NORMAL_FORMS[self.normalization].composed is False
        lengths = tf.strings.length(strings, unit="BYTE" if takes_apart else "UTF8_CHAR")
        return tf.cast(tf.minimum(lengths, most), tf.float32)

    def encode(self, strings: Any) -> tf.RaggedTensor:
        """Strings `[batch]` to ids, ragged int32 `[batch, symbols + 1]`, each row closed by the end symbol."""
        ids = tf.ragged.map_flat_values(self.table.lookup, self.split(strings))
        ends = tf.fill([ids.nrows(), 1], END)
        return tf.concat([ids, ends], axis=1)

    def to_ids(self, symbols: tf.RaggedTensor, max_length: int | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Symbols `[batch, symbols]` to what a model reads, at least a column even of an empty batch.

        The same as `encode`, without its many small operations on ragged tensors.

        Returns:
            ids, int32 `[batch, longest + 1]`, each row cut after `max_length` symbols, closed by the end symbol and
            padded; and the lengths with the end symbol, int32 `[batch]`.
        """
        ids = symbols.with_flat_values(self.table.lookup(symbols.flat_values)).to_tensor(PAD)
        return _close(ids, symbols, max_length, END)

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
        joined = self.tokenizer.join(tf.reshape(symbols, [tf.reduce_prod(shape[:-1]), shape[-1]]))
        if self.output_form:
            joined = to_form(joined, self.output_form)
        return tf.reshape(joined, shape[:-1])


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


def normalize(strings: Any, normalization: str = "nfc", lowercase: bool = False) -> tf.Tensor:
    """See `TextProcessor.normalize`. Lowercasing is not case folding: ß stays ß."""
    return _normalize(make_valid(strings), normalization, lowercase)


def make_valid(strings: Any) -> tf.Tensor:
    """UTF-8: valid strings as they are, in others U+FFFD for what is no character."""
    return tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8", errors="replace")


def _normalize(strings: Any, normalization: str, lowercase: bool) -> tf.Tensor:
    strings = to_form(strings, normalization)
    if lowercase:
        # Capitals may come out of a normal form (℡ is TEL in nfkc), and what is lowered may have lost it (İ).
        strings = to_form(_lower(strings), normalization)
    return tf.strings.regex_replace(strings, ENDS, "")


def to_form(strings: Any, normalization: str) -> tf.Tensor:
    """Valid UTF-8 in a normal form, by its name in `pipeline.unicode.normal_forms.NORMAL_FORMS`."""
    form = NORMAL_FORMS[normalization].unicode
    return tf_text.normalize_utf8(strings, form) if form else tf.convert_to_tensor(strings)


def _lower(strings: tf.Tensor) -> tf.Tensor:
    """Lowercase, the same on every machine.

    TensorFlow's operation follows the language of the shell for the letters that Turkish, Azerbaijani and Lithuanian
    lower in their own way, and forgets what stands after a NUL.
    """
    for letter in "IİJÌÍĨĮ":
        strings = tf.strings.regex_replace(strings, letter, letter.lower())
    parts = tf.strings.split(strings, "\0")
    lowered = tf.strings.lower(parts.flat_values, encoding="utf-8")
    closed = tf.strings.reduce_join(parts.with_flat_values(tf.strings.join([lowered, "\0"])), axis=-1)
    lengths = tf.strings.length(closed)
    return tf.strings.substr(closed, tf.zeros_like(lengths), lengths - 1)


def count_symbols(
    strings: Iterable[str], tokenizer: Tokenizer, normalization: str = "nfc", lowercase: bool = False
) -> Counter[str]:
    """How often each symbol occurs, streaming: memory grows with the distinct symbols only."""
    counts: Counter[bytes] = Counter()
    for chunk in in_chunks(strings, CHUNK, len):
        symbols = tokenizer.split(normalize(chunk, normalization, lowercase))
        counts.update(symbols.flat_values.numpy().tolist())
    return Counter({symbol.decode(): count for symbol, count in counts.items()})


def normalized(strings: Iterable[str], normalization: str = "nfc", lowercase: bool = False) -> Iterator[str]:
    """`normalize`, streaming."""
    for chunk in in_chunks(strings, CHUNK, len):
        yield from (string.decode() for string in normalize(chunk, normalization, lowercase).numpy())


def in_chunks(
    items: Iterable[Any], size: int, count_characters: Callable[[Any], int] | None = None
) -> Iterator[list[Any]]:
    """Lists of `size` items; the last one is shorter, and so are those of items that are very long.

    Args:
        items: Any.
        size: Most items of a list.
        count_characters: Characters of an item; a list ends with the item that makes them MOST_CHARACTERS.

    Example:
        >>> list(in_chunks("abc", 2))
        [['a', 'b'], ['c']]
    """
    chunk: list[Any] = []
    characters = 0
    for item in items:
        chunk.append(item)
        characters += count_characters(item) if count_characters else 0
        if len(chunk) == size or characters >= MOST_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def load_vocabularies(folder: Path) -> tuple[Vocabulary, Vocabulary]:
    """Source and target vocabulary of a run, from its folder of them."""
    return Vocabulary.load(folder / "source.txt"), Vocabulary.load(folder / "target.txt")


def make_texts(
    text: TextConfiguration, source_vocabulary: Vocabulary, target_vocabulary: Vocabulary
) -> tuple[TextProcessor, TextProcessor]:
    """The text processors of both sides."""
    return (
        TextProcessor(source_vocabulary, text.source_tokenizer, text.normalization, text.lowercase),
        TextProcessor(target_vocabulary, text.target_tokenizer, text.normalization, text.lowercase),
    )
