"""How far all shards are, as the folder of the answers tells: whoever answers them, on whatever machine."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from pipeline.answering.line_report import FAULT
from pipeline.process.messages import progress_bar
from pipeline.shards.claims import read_note
from pipeline.shards.listing import Shard
from pipeline.shards.place import Place
from pipeline.shards.records import Record

LOOK_SHARE = 20


class Totals(NamedTuple):
    """What came of all shards."""

    lines: int
    counts: Counter[str]
    """Lines by what was said of them."""
    first: dict[str, str]
    """Where the first of each kind stands, file and line."""

    @property
    def unanswered(self) -> int:
        """Lines that got no prediction."""
        return self.counts[FAULT]


def total(shards: Sequence[Shard], records: Sequence[Record]) -> Totals:
    """The sum of what was recorded."""
    counts, first = Counter[str](), dict[str, str]()
    for shard, record in sorted(zip(shards, records, strict=True), key=lambda pair: pair[0].output):
        for kind, (number, line) in record.told.items():
            counts[kind] += number
            first.setdefault(kind, f"{shard.path}:{line}")
    return Totals(sum(record.lines for record in records), counts, first)


class Survey:
    """Looks at the folder now and then.

    Args:
        place: The folder.
        shards: All of them.
        done: Lines of those that were done before, by their shard.
    """

    def __init__(self, place: Place, shards: Sequence[Shard], done: dict[Shard, int]) -> None:
        self.place, self.shards, self.done = place, shards, dict(done)
        self.lines = sum(done.values())
        """Answered so far."""
        self.expected: int | None = None
        """How many lines there will be, as those that are done let expect by their bytes."""
        self._bytes = sum(shard.size for shard in shards)

    def look(self) -> None:
        """See what has been done since."""
        lines, read = 0, 0
        for shard in self.shards:
            if shard not in self.done and self.place.answers(shard).is_file():
                record = self.place.record(shard)
                if record is not None:
                    self.done[shard] = record.lines
            if shard in self.done:
                lines, read = lines + self.done[shard], read + shard.size
            else:
                note = read_note(self.place, shard)
                lines, read = (lines + note.lines, read + note.bytes) if note else (lines, read)
        # A worker that was killed takes its lines along: a bar does not go back.
        self.lines = max(self.lines, lines)
        self.expected = max(self.lines, round(lines * self._bytes / read)) if lines and read else None


@contextmanager
def show_survey(survey: Survey) -> Iterator[Any]:
    """A bar over all shards while this is entered: lines, lines a second, time left; what brings it up to date."""
    rest_until = 0.0
    with progress_bar(total=None, initial=survey.lines, desc="predicting", unit=" lines") as bar:

        def update() -> None:
            nonlocal rest_until
            began = time.monotonic()
            if began < rest_until:
                return
            survey.look()
            # Of very many shards, on a distant disk, a look takes long: most of the time there is none.
            rest_until = began + LOOK_SHARE * (time.monotonic() - began)
            bar.total = survey.expected
            bar.set_description_str(f"{len(survey.done):,} of {len(survey.shards):,} shards", refresh=False)
            bar.update(survey.lines - bar.n)

        yield update
