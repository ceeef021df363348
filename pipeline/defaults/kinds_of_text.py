"""What a side of the data is made of: sounds with blanks between, sentences, or words; guessed from its strings."""

import statistics
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.settings.text import TokenizerName
from pipeline.unicode.normal_forms import to_form
from pipeline.unicode.white_space import split

# Symbols of sounds are a letter or two and their marks: words of sentences have three letters and more on the average.
LONGEST_SYMBOL = 2.5
# And there are some tens of them.
MOST_SYMBOLS = 1000
# Words of a closed list, as of numbers and commands, come so often that none has to be cut.
SHARE_OF_CLOSED = 0.005
# Names and phrases are of a few words; sentences of more.
WORDS_OF_SENTENCE = 4.0
# Scripts that put no white space between words: Thai to Myanmar, Khmer, kana, Han.
_WITHOUT_SPACES = (("\u0e00", "\u109f"), ("\u1780", "\u17ff"), ("\u3040", "\u30ff"), ("\u3400", "\u9fff"))


class Guess(NamedTuple):
    """A tokenizer and what speaks for it."""

    tokenizer: TokenizerName
    reason: str


def guess_tokenizer(strings: Sequence[str]) -> Guess:
    """The tokenizer that strings of one side look as if they were made for.

        space    at least half of the strings have white space; what stands between has no more than 2.5 letters on the
                 average, is of a script that puts white space between words, if any, and at most 1,000 different ones.
                 Or words of a closed list, as of numbers: none comes only once, each 200 times on the average
        bpe      4 words or more on the average, as sentences have them
        char     everything else: words, names, phrases

    Args:
        strings: Of one side, as they stand in the data; some thousands are enough.

    Example:
        >>> guess_tokenizer(["k æ t", "d ɔ ɡ z", "k ɑ d"])
        Guess(tokenizer='space', reason='8 symbols of 1.0 letters with white space between')
        >>> guess_tokenizer(["cat", "New York"]).tokenizer
        'char'
        >>> guess_tokenizer(["The cats of my neighbour sleep.", "Nobody has seen them today."]).tokenizer
        'bpe'
    """
    rows = [split(string) for string in strings]
    pieces = Counter(piece for row in rows for piece in row)
    total = sum(pieces.values())
    if not total:
        return Guess("char", "there is nothing to look at")
    letters = sum(count_letters(piece) * times for piece, times in pieces.items()) / total
    several = sum(len(row) > 1 for row in rows) / len(rows)
    words = statistics.fmean(len(row) for row in rows)
    short = letters <= LONGEST_SYMBOL and len(pieces) <= MOST_SYMBOLS and not lacks_spaces(strings)
    if several >= 0.5 and short:
        return Guess("space", f"{len(pieces):,} symbols of {letters:.1f} letters with white space between")
    if several >= 0.5 and min(pieces.values()) > 1 and len(pieces) <= SHARE_OF_CLOSED * total:
        return Guess("space", f"a closed list of {len(pieces):,} words")
    if words >= WORDS_OF_SENTENCE:
        return Guess("bpe", f"sentences, {words:.1f} words on the average")
    if words > 1.5:
        return Guess("char", f"{words:.1f} words on the average, no sentences")
    return Guess("char", f"words, {statistics.fmean(map(len, strings)):.1f} characters on the average")


def lacks_spaces(strings: Sequence[str]) -> bool:
    """Whether most of the letters are of a script that puts no white space between words.

    Example:
        >>> lacks_spaces(["嗨。", "你好。"]), lacks_spaces(["Hi.", "Run!"])
        (True, False)
    """
    letters = [character for string in strings for character in string if character.isalpha()]
    without = sum(any(first <= letter <= last for first, last in _WITHOUT_SPACES) for letter in letters)
    return 2 * without > len(letters)


def count_letters(piece: str) -> int:
    """Characters without the marks that they bear, of which a sound may have many: ʷ and ː count as marks, too.

    Example:
        >>> [count_letters(piece) for piece in ("t͡ʃʰ", "AH0", "ɔː", "cats")]
        [2, 3, 1, 4]
    """
    return max(1, sum(character.isalnum() and not _is_mark(character) for character in to_form(piece, "nfd")))


def _is_mark(character: str) -> bool:
    # Modifier letters: ʰ, ʷ, ː.
    return "\u02b0" <= character <= "\u02ff"
