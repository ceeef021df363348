"""How many items hold symbols that a model lacks, and which."""

from collections import Counter
from collections.abc import Iterable

from pipeline.errors import count_of
from pipeline.text.symbol_names import name_symbols

MOST_DISTINCT = 10_000


class SymbolTally:
    """Counts items and symbols; of endless input it keeps no more than MOST_DISTINCT symbols.

    Example:
        >>> tally = SymbolTally()
        >>> tally.add(["A", "B"], line=3)
        >>> tally.add(["A"], line=7)
        >>> tally.items, tally.first_line, tally.names()
        (2, 3, "'A' ×2, 'B'")
    """

    def __init__(self) -> None:
        self.items, self.first_line = 0, 0
        self.symbols: Counter[str] = Counter()

    def add(self, symbols: Iterable[str], line: int = 0) -> None:
        """An item with these symbols, at least one, that the model lacks."""
        self.items += 1
        self.first_line = self.first_line or line
        for symbol in symbols:
            if symbol in self.symbols or len(self.symbols) < MOST_DISTINCT:
                self.symbols[symbol] += 1

    def names(self) -> str:
        """The most frequent of the symbols."""
        return name_symbols(self.symbols)

    def sentence(self, number: int, item: str, verb: tuple[str, str], lacking: str) -> str:
        """What to say of them.

        Args:
            number: How many items there are, these and others.
            item: What they are, one of them.
            verb: Of one and of several.
            lacking: Who lacks the symbols.

        Example:
            >>> tally = SymbolTally()
            >>> tally.add(["AH0"])
            >>> tally.sentence(5, "target", ("holds", "hold"), "the model cannot write")
            '1 of 5 targets holds symbols that the model cannot write (AH0)'
        """
        named = f" ({self.names()})" if self.symbols else ""
        return f"{self.items:,} of {count_of(number, item)} {verb[self.items != 1]} symbols that {lacking}{named}"
