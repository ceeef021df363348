"""Which items two outputs differ on, and who is right there."""

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.errors import count_of
from pipeline.unicode.normal_forms import normalize_string

# Ways in which an output may miss a reference that it otherwise equals.
NEAR_MISSES: dict[str, Callable[[str], str]] = {
    "case": str.lower,
    "the normal form of Unicode": lambda text: normalize_string(text, "nfkc", False),
    "digits (stress marks?)": lambda text: re.sub(r"\d", "", text),
}
WORTH_SAYING = 0.1


@dataclasses.dataclass(frozen=True)
class Items:
    """What is compared: at least one reference for every item, and two outputs.

    Args:
        lines: Where they stand, from 1.
        sources: None where they are not known.
        references: Of every item.
        a: What one system made of it.
        b: What the other made.
    """

    lines: list[int]
    sources: list[str] | None
    references: list[list[str]]
    a: list[str]
    b: list[str]


@dataclasses.dataclass(frozen=True)
class Differences:
    """The items whose outputs differ, by who is right: "a", "b", "neither" or "both"."""

    items: Items
    places: dict[str, list[int]]

    @property
    def number(self) -> int:
        """How many items differ."""
        return sum(map(len, self.places.values()))

    def to_json(self) -> dict[str, Any]:
        """How many, in all and by who is right."""
        return {"differ": self.number, **{f"{name}_right": len(places) for name, places in self.places.items()}}

    def table(self, show: int) -> str:
        """The numbers, and the first items, those that one alone has right before the others."""
        a, b, neither, both = (len(self.places[name]) for name in ("a", "b", "neither", "both"))
        total = len(self.items.references)
        if not self.number:
            return f"the outputs are the same on {count_of(total, 'item')}\n"
        head = (
            f"the outputs differ on {self.number:,} of {count_of(total, 'item')}: A alone is right on {a:,}, B alone "
        )
        head += f"on {b:,}, neither on {neither:,}" + (f", both on {both:,}" if both else "")
        chosen = sorted(self.places["a"] + self.places["b"]) + sorted(self.places["neither"] + self.places["both"])
        shown = [self._describe(place) for place in chosen[:show]]
        if 0 < len(shown) < self.number:
            shown.append(f"  … --show {self.number} shows all")
        return "\n".join([head, *shown]) + "\n"

    def _describe(self, place: int) -> str:
        items = self.items
        name = next(name for name, places in self.places.items() if place in places)
        right = {"a": ("right", "wrong"), "b": ("wrong", "right"), "neither": ("wrong",) * 2, "both": ("right",) * 2}
        source = f": {items.sources[place]}" if items.sources else ""
        rows = [f"  line {items.lines[place]}{source}", f"    reference  {' | '.join(items.references[place])}"]
        for side, output, verdict in zip("AB", (items.a[place], items.b[place]), right[name], strict=True):
            rows.append(f"    {side} {verdict}    {output}")
        return "\n".join(rows)


def find_differences(items: Items, key: Callable[[str], Any]) -> Differences:
    """Compare item by item.

    Args:
        items: The outputs.
        key: What of a text counts.

    Example:
        >>> items = Items([1, 2], None, [["a b"], ["c"]], ["a  b", "x"], ["a", "y"])
        >>> find_differences(items, str.split).to_json()
        {'differ': 2, 'a_right': 1, 'b_right': 0, 'neither_right': 1, 'both_right': 0}
    """
    places: dict[str, list[int]] = {"a": [], "b": [], "neither": [], "both": []}
    names = {(True, False): "a", (False, True): "b", (False, False): "neither", (True, True): "both"}
    for place, references in enumerate(items.references):
        a, b = key(items.a[place]), key(items.b[place])
        if a != b:
            wanted = [key(reference) for reference in references]
            places[names[a in wanted, b in wanted]].append(place)
    return Differences(items, places)


def find_near_misses(
    outputs: Sequence[str], references: Sequence[Sequence[str]], key: Callable[[str], Any]
) -> list[str]:
    """In what many outputs alone differ from a reference, with their number, in words.

    Example:
        >>> find_near_misses(["ah", "b"], [["AH0"], ["B"]], str.split)
        ['1 of 2 in case alone']
    """
    found = []
    for name, fold in NEAR_MISSES.items():
        misses = 0
        for output, alternatives in zip(outputs, references, strict=True):
            wanted = [key(reference) for reference in alternatives]
            if key(output) not in wanted:
                misses += key(fold(output)) in [key(fold(reference)) for reference in alternatives]
        if misses > WORTH_SAYING * len(outputs):
            found.append(f"{misses:,} of {len(outputs):,} in {name} alone")
    return found
