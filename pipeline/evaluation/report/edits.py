"""Errors by kind: symbols substituted, left out and added, and what of the source they were about."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from pipeline.answering.symbol_links import Links, gap_before, name_places
from pipeline.evaluation.report.answers import Judged

SUBSTITUTED, LEFT_OUT, ADDED = "substituted", "left out", "added"
KINDS = {"replace": SUBSTITUTED, "delete": LEFT_OUT, "insert": ADDED}
MOST_DISTINCT, MOST_SOURCES = 100_000, 50
"""Of errors, and of what each was about; what comes after them is only counted."""
UNLINKED = ""


class Edit(NamedTuple):
    """A symbol that is not as it should be."""

    kind: str
    wanted: str
    """'' of one that was added."""
    written: str
    """'' of one that was left out."""
    place: int
    """In the output: of the symbol, or of the one before which it is missing."""


def find_edits(output: Sequence[str], reference: Sequence[str]) -> list[Edit]:
    """One of the shortest ways from the reference to the output (Levenshtein 1966).

    Example:
        >>> [tuple(edit) for edit in find_edits("axcd", "abc")]
        [('substituted', 'b', 'x', 1), ('added', '', 'd', 3)]
        >>> [tuple(edit) for edit in find_edits("ac", "abc")]
        [('left out', 'b', '', 1)]
    """
    return [
        Edit(
            KINDS[step.tag],
            "" if step.tag == "insert" else reference[step.src_pos],
            "" if step.tag == "delete" else output[step.dest_pos],
            step.dest_pos,
        )
        for step in Levenshtein.editops(reference, output)
    ]


@dataclasses.dataclass
class Error:
    """How often something goes wrong."""

    kind: str
    wanted: str
    written: str
    count: int = 0
    sources: Counter[str] = dataclasses.field(default_factory=Counter)
    """What of the source it was about; '' where that is not known."""
    example: tuple[int, str, str, str] = (0, "", "", "")
    """The first answer that has it: line, source, reference, output."""


class ErrorTally:
    """Counts errors; of endless kinds of them it keeps no more than MOST_DISTINCT."""

    def __init__(self) -> None:
        self.wanted: Counter[str] = Counter()
        """How often each symbol stands in the references that outputs were compared with."""
        self.kinds: Counter[str] = Counter()
        self.others = 0
        """Errors that came after MOST_DISTINCT different ones."""
        self.linked = self.unlinked = 0
        """Wrong outputs whose symbols could be led back to the source, and others."""
        self._errors: dict[tuple[str, str, str], Error] = {}

    def add(self, judged: Judged, links: Links | None) -> None:
        """An answer, right or wrong.

        Args:
            judged: The answer.
            links: Of its output, see `find_links`.
        """
        self.wanted.update(judged.wanted)
        if judged.right:
            return
        self.linked += links is not None
        self.unlinked += links is None
        for edit in find_edits(judged.symbols, judged.wanted):
            self.kinds[edit.kind] += 1
            key = edit.kind, edit.wanted, edit.written
            if key not in self._errors and len(self._errors) >= MOST_DISTINCT:
                self.others += 1
                continue
            error = self._errors.setdefault(key, Error(*key, example=judged.shown))
            error.count += 1
            about = _about(edit, judged, links)
            if about in error.sources or len(error.sources) < MOST_SOURCES:
                error.sources[about] += 1

    def ranked(self) -> list[Error]:
        """The most frequent first."""
        return sorted(self._errors.values(), key=lambda error: (-error.count, error.kind, error.wanted, error.written))

    @property
    def number(self) -> int:
        """All errors."""
        return sum(self.kinds.values())


def _about(edit: Edit, judged: Judged, links: Links | None) -> str:
    if links is None:
        return UNLINKED
    if edit.kind == LEFT_OUT:
        return name_places(judged.prediction, gap_before(links, edit.place, judged.prediction))
    link = links[edit.place]
    return UNLINKED if link is None else name_places(judged.prediction, [link])
