"""Learning a vocabulary from the training data's strings: counting symbols, or subwords."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from pipeline.errors import DataError
from pipeline.settings.text import Side, SideText, TextConfiguration
from pipeline.text.chunks import CHUNK, in_chunks
from pipeline.text.normalization import normalize
from pipeline.text.subwords import learn_sentence_pieces, learn_word_pieces, sample
from pipeline.text.tokenizers import Tokenizer, make_tokenizer
from pipeline.text.vocabulary import Vocabulary
from pipeline.unicode.normal_forms import NORMAL_FORMS, count_parts

logger = logging.getLogger(__name__)


class Task(NamedTuple):
    """What a vocabulary is learned of."""

    strings: Iterable[str]
    """Those of the side, or of both; read once."""
    sides: Sequence[Side]
    """"source", "target" or both, for messages; the settings are those of the first."""
    text: TextConfiguration
    seed: int
    """Of the random choice of strings where not all are taken."""

    @property
    def how(self) -> SideText:
        """How these strings become symbols."""
        return self.text.side(self.sides[0])


def learn_vocabulary(strings: Iterable[str], sides: Sequence[Side], text: TextConfiguration, seed: int) -> Vocabulary:
    """The vocabulary of one side, or of both.

    Args:
        strings: The training data's, read once.
        sides: "source", "target" or both.
        text: The settings.
        seed: Draws the strings of which subwords are learned, where there are more than `text.learn_size`.

    Raises:
        DataError: Nothing can be learned of the strings.

    Example:
        >>> learn_vocabulary(["aab", "a"], ["source"], TextConfiguration(), seed=1).symbols[4:]
        ['a', 'b']
    """
    task = Task(strings, sides, text, seed)
    return LEARNERS[task.how.tokenizer](task)


def vocabulary_of_counts(counts: Counter[str], sides: Sequence[Side], text: TextConfiguration) -> Vocabulary:
    """The same of tokenizers whose symbols are only counted, `char` and `space`, when somebody has counted them.

    Args:
        counts: How often each symbol occurs.
        sides: See `learn_vocabulary`.
        text: The settings.

    Raises:
        DataError: Nothing is left of them.

    Example:
        >>> vocabulary_of_counts(Counter("aab"), ["source"], TextConfiguration()).symbols[4:]
        ['a', 'b']
    """
    how, side = text.side(sides[0]), sides[0]
    if not counts or max(counts.values()) < text.min_count:
        raise DataError(f"{side}: no symbol occurs {text.min_count} times in the training data; lower text.min_count")
    if how.tokenizer == "space":
        _suggest_cutting(side, counts)
    elif NORMAL_FORMS[how.normalization].composed is not False:
        _suggest_decomposition(side, counts, "nfkd" if how.normalization == "nfkc" else "nfd")
    return Vocabulary.from_counts(counts, text.min_count, text.max_vocabulary)


def _count(task: Task) -> Vocabulary:
    how = task.how
    tokenizer = make_tokenizer(how.tokenizer, separator=how.separator)
    counts = count_symbols(task.strings, tokenizer, how.normalization, how.lowercase)
    return vocabulary_of_counts(counts, task.sides, task.text)


def _suggest_cutting(side: Side, counts: Counter[str]) -> None:
    once = sum(1 for count in counts.values() if count == 1)
    if once > 0.5 * len(counts) > 50:
        logger.warning(
            "%s: most of its %d symbols occur once; if words should be cut into characters or subwords, set "
            "text.%s_tokenizer to char or bpe",
            side,
            len(counts),
            side,
        )


def _suggest_decomposition(side: Side, symbols: Iterable[str], form: str) -> None:
    """Every syllable of Hangul a symbol of its own: most are too rare to be learned from, and many dev has alone."""
    whole, parts = len(set(symbols)), count_parts(symbols)
    if 2 * parts < whole:
        logger.warning(
            "%s: its %d symbols are made of %d letters and marks; text.%snormalization %s makes those the symbols, "
            "which far fewer pairs teach (outputs keep the form of the targets)",
            side,
            whole,
            parts,
            "" if side == "source" else "target_",
            form,
        )


def _learn_sentence_pieces(task: Task) -> Vocabulary:
    began, (chosen, number) = time.monotonic(), _sample(task)
    model, pieces = learn_sentence_pieces(chosen, task.how.tokenizer, task.text.vocabulary_size)
    _tell(task, pieces, (len(chosen), number), began)
    return Vocabulary(pieces, model)


def _learn_word_pieces(task: Task) -> Vocabulary:
    began, (chosen, number) = time.monotonic(), _sample(task)
    pieces = learn_word_pieces(chosen, task.text.vocabulary_size)
    _tell(task, pieces, (len(chosen), number), began)
    return Vocabulary(pieces)


def _sample(task: Task) -> tuple[list[str], int]:
    how = task.how
    return sample(normalized(task.strings, how.normalization, how.lowercase), task.text.learn_size, task.seed)


def _tell(task: Task, pieces: Sequence[str], sizes: tuple[int, int], began: float) -> None:
    logger.info(
        "%s: %d %s subwords learned from %s of %s sentences in %.0f s",
        " and ".join(task.sides),
        len(pieces),
        task.how.tokenizer,
        *(f"{size:,}" for size in sizes),
        time.monotonic() - began,
    )


# How each tokenizer of `pipeline.text.tokenizers.TOKENIZERS` gets its vocabulary.
LEARNERS: dict[str, Callable[[Task], Vocabulary]] = {
    "char": _count,
    "space": _count,
    "bpe": _learn_sentence_pieces,
    "unigram": _learn_sentence_pieces,
    "wordpiece": _learn_word_pieces,
}


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
