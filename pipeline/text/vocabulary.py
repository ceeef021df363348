"""The symbols of one side by id, and the files in which a run keeps them."""

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pipeline.errors import DataError
from pipeline.files.durable import write_atomically
from pipeline.text.symbols import FEATURE_MARK, SPECIAL_SYMBOLS, UNKNOWN
from pipeline.unicode.normal_forms import FormCounts

_REMEDY = "bring the file back as the training wrote it, or train again with --overwrite"
FEATURES = "features.txt"
"""The file of a run's features."""
NEVER_COPIED = -1
"""The target id of a source symbol that is no symbol of the data."""


class Vocabulary:
    """The symbols of one side, by id; the first four ids are pad, start, end and unknown.

    What a symbol is called does not matter: a "<s>" that stands in the data is a symbol like any other,
    with an id of its own.

    Args:
        symbols: The symbols of the data, most frequent first, without the special ones.
        model: The SentencePiece model whose subwords the symbols are, if they are.
        forms: In which normal form the training data's strings of this side stand; None: nobody counted.
        features: How many of the symbols, the last ones, are features; see `with_features`.
    """

    def __init__(
        self,
        symbols: Iterable[str],
        model: bytes | None = None,
        forms: FormCounts | None = None,
        features: int = 0,
    ) -> None:
        self.symbols = [*SPECIAL_SYMBOLS, *symbols]
        self.features = features
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


def load_vocabularies(folder: Path) -> tuple[Vocabulary, Vocabulary]:
    """Source and target vocabulary of a run, from its folder of them; that of the sources has their features, too."""
    source, features = Vocabulary.load(folder / "source.txt"), folder / FEATURES
    if features.is_file():
        source = with_features(source, Vocabulary.load(features))
    return source, Vocabulary.load(folder / "target.txt")


def with_features(source: Vocabulary, features: Vocabulary) -> Vocabulary:
    """One vocabulary of both: behind the symbols of sources an unknown feature, and the features, each behind a TAB.

    Example:
        >>> with_features(Vocabulary(["a"]), Vocabulary(["V", "PST"])).symbols[4:]
        ['a', '\\t', '\\tV', '\\tPST']
    """
    own = [FEATURE_MARK, *(FEATURE_MARK + feature for feature in features.symbols[len(SPECIAL_SYMBOLS) :])]
    symbols = source.symbols[len(SPECIAL_SYMBOLS) :]
    return Vocabulary([*symbols, *own], source.model, source.forms, len(own))


def split_features(both: Vocabulary) -> tuple[Vocabulary, Vocabulary]:
    """What `with_features` has joined.

    Example:
        >>> [part.symbols[4:] for part in split_features(with_features(Vocabulary(["a"]), Vocabulary(["V"])))]
        [['a'], ['V']]
    """
    size = len(both) - both.features
    own = (symbol.removeprefix(FEATURE_MARK) for symbol in both.symbols[size + 1 :])
    return Vocabulary(both.symbols[len(SPECIAL_SYMBOLS) : size], both.model, both.forms), Vocabulary(own)


def copied_ids(source: Vocabulary, target: Vocabulary) -> list[int]:
    """The target id of every source id.

    Symbols that the target vocabulary lacks, and the unknown symbol, are copied as the unknown symbol: an output then
    shows them as they stand in the source. Padding, start, end and features are never copied.

    Example:
        >>> copied_ids(Vocabulary(["a", "b", "c"]), Vocabulary(["c", "a"]))
        [-1, -1, -1, 3, 5, 3, 4]
    """
    ids = {symbol: number for number, symbol in enumerate(target.symbols) if number > UNKNOWN}
    own = [ids.get(symbol, UNKNOWN) for symbol in source.symbols]
    features = len(source) - source.features
    return [NEVER_COPIED if number < UNKNOWN or number >= features else copied for number, copied in enumerate(own)]


def count_common(source: Vocabulary, target: Vocabulary) -> int:
    """How many symbols of the source the target vocabulary has too.

    Example:
        >>> count_common(Vocabulary(["a", "b", "c"]), Vocabulary(["c", "a"]))
        2
    """
    return sum(number > UNKNOWN for number in copied_ids(source, target))
