"""Which target symbol a source symbol is when it is copied: the one of the same text."""

from pipeline.text.symbols import END, PAD, START, UNKNOWN
from pipeline.text.vocabulary import Vocabulary

NEVER_COPIED = -1


def copied_ids(source: Vocabulary, target: Vocabulary) -> list[int]:
    """The target id of every source id.

    Symbols that the target vocabulary lacks, and the unknown symbol, are copied as the unknown symbol: an output then
    shows them as they stand in the source. Padding, start and end are never copied.

    Example:
        >>> copied_ids(Vocabulary(["a", "b", "c"]), Vocabulary(["c", "a"]))
        [-1, -1, -1, 3, 5, 3, 4]
    """
    ids = {symbol: number for number, symbol in enumerate(target.symbols) if number > UNKNOWN}
    own = [ids.get(symbol, UNKNOWN) for symbol in source.symbols]
    return [NEVER_COPIED if number in (PAD, START, END) else copied for number, copied in enumerate(own)]


def count_common(source: Vocabulary, target: Vocabulary) -> int:
    """How many symbols of the source the target vocabulary has too.

    Example:
        >>> count_common(Vocabulary(["a", "b", "c"]), Vocabulary(["c", "a"]))
        2
    """
    return sum(number > UNKNOWN for number in copied_ids(source, target))
