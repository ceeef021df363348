"""Whether something else than white space stands between the symbols of strings: counted as they pass by."""

import dataclasses
from collections import Counter

from pipeline.unicode.white_space import split

MARKS = "-|_·.,/+:;~"
"""What files have between symbols; the first of those that are equally frequent is taken."""
SHORT = 4
"""Characters of a symbol at most: longer ones are words, among which a mark may be a hyphen."""
FEWEST, MOST, FEW = 10, 0.9, 0.01


@dataclasses.dataclass
class SeparatorCounts:
    """What stands between short symbols in the strings of one side, counted as they pass by `see`.

    Args:
        strings: All of them.
        spaced: Those that white space cuts.
        single: Those that neither white space nor a mark cuts, and that are short: they tell nothing.
        cut: By mark, those that it cuts into short symbols, none of which is a number: dates and times have no symbols.
    """

    strings: int = 0
    spaced: int = 0
    single: int = 0
    cut: Counter[str] = dataclasses.field(default_factory=Counter)

    def see(self, text: str) -> str:
        """Count the string, and give it back."""
        self.strings += 1
        if len(split(text)) > 1:
            self.spaced += 1
            return text
        marks = [mark for mark in MARKS if mark in text]
        if not marks:
            self.single += len(text) <= SHORT
        for mark in marks:
            parts = split(text, mark)
            self.cut[mark] += len(parts) > 1 and all(len(part) <= SHORT and not part.isdecimal() for part in parts)
        return text

    def find(self) -> str | None:
        """The mark that stands between short symbols nearly everywhere, where white space stands nowhere.

        Example:
            >>> counts = SeparatorCounts()
            >>> for text in ["b-a-t", "k-ai-t", "a"] * 5:
            ...     _ = counts.see(text)
            >>> counts.find()
            '-'
        """
        told = self.strings - self.single
        if told < FEWEST or self.spaced > FEW * self.strings:
            return None
        mark, count = max(((mark, self.cut[mark]) for mark in MARKS), key=lambda found: found[1])
        return mark if count >= max(MOST * told, self.strings / 2) else None
