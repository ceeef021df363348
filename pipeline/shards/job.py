"""All shards of a command: what is left of them, who answers one, and what came of all."""

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import DataError, count_of
from pipeline.shards.asked import Asked, require_model
from pipeline.shards.listing import Shard, list_shards
from pipeline.shards.place import Place
from pipeline.shards.records import Record
from pipeline.shards.survey import total
from pipeline.shards.worker import Worker, read_failure

logger = logging.getLogger(__name__)

SHOWN_FAILURES = 5
COMMAND = "shards"
"""That a worker in a process of its own is started by."""


class Job(NamedTuple):
    """What is asked of which files; may be sent to other processes and machines."""

    asked: Asked
    patterns: tuple[str, ...]
    """See `list_shards`."""
    out: Path
    """The folder for the answers."""
    token: str
    """Names the command: what one of its workers cannot answer, none tries again."""

    def arguments(self) -> list[str]:
        """Of a worker's command; patterns apart, for there may be more than one argument holds."""
        told = {"asked": self.asked.to_json(), "out": str(self.out), "token": self.token}
        return [COMMAND, json.dumps(told), "--", *self.patterns]

    @classmethod
    def read(cls, told: str, patterns: Sequence[str]) -> "Job":
        """What `arguments` told."""
        job = json.loads(told)
        return cls(Asked.from_json(job["asked"]), tuple(patterns), Path(job["out"]), job["token"])

    def begin(self) -> "Begun":
        """Make the folder, or go on with what is in it.

        Raises:
            UsageError: No such model or files; or answers are there of something else, or by something else.
            OSError: The folder cannot be written.
        """
        require_model(self.asked.model)
        shards = list_shards(self.patterns, self.out, self.asked.form)
        place = Place(self.out, self.asked.identity())
        place.begin()
        place.make_folders(shards)
        return Begun(self, place, shards)


class Begun:
    """A job in its folder.

    Args:
        job: What is asked.
        place: The folder.
        shards: All of them.
    """

    def __init__(self, job: Job, place: Place, shards: Sequence[Shard]) -> None:
        self.job, self.place, self.shards = job, place, shards
        self._began = time.monotonic()
        self.before: dict[Shard, int] = {}
        """Lines of the shards that were done before, as `look` found them."""

    def look(self) -> list[Shard]:
        """The shards that are not done.

        Raises:
            UsageError: Answers are there of something else, or by something else.
        """
        found = [(shard, self.place.find_done(shard)) for shard in self.shards]
        self.before = {shard: record.lines for shard, record in found if record}
        return [shard for shard, record in found if record is None]

    def open(self) -> Worker:
        """The model, ready to answer shards.

        Raises:
            UsageError: It cannot be opened so.
            DataError: A file of it is damaged.
        """
        return Worker(self.job.asked, self.job.asked.open(), self.place, self.job.token)

    def end(self) -> dict[str, Any]:
        """Say what came of all, and tidy up.

        Returns:
            Figures: shards, lines, unanswered, and how many shards were done before.

        Raises:
            DataError: Some shards have no answers.
        """
        records = self._records()
        for shard in self.shards:
            for suffix in (".lock", ".failed"):
                self.place.beside(shard, suffix).unlink(missing_ok=True)
        return self._tell(records)

    def _records(self) -> list[Record]:
        records = [(shard, self.place.find_done(shard)) for shard in self.shards]
        failed = [shard for shard, record in records if record is None]
        if failed:
            reasons = [read_failure(self.place, shard, self.job.token) for shard in failed]
            shown = [reason or f"{shard.path}: not answered" for shard, reason in zip(failed, reasons, strict=True)]
            more = f"; and {len(failed) - SHOWN_FAILURES:,} more" if len(failed) > SHOWN_FAILURES else ""
            raise DataError(
                f"{len(failed):,} of {count_of(len(self.shards), 'shard')} got no answers, all others are done: "
                f"{'; '.join(shown[:SHOWN_FAILURES])}{more}. The same command does the rest when they are mended"
            )
        return [record for _, record in records if record]

    def _tell(self, records: Sequence[Record]) -> dict[str, Any]:
        totals = total(self.shards, records)
        new, seconds = totals.lines - sum(self.before.values()), time.monotonic() - self._began
        pace = f", {new:,} of them now, {new / max(seconds, 1e-3):,.0f} lines/s" if new else ""
        logger.info("%s in %s%s", count_of(totals.lines, "line"), count_of(len(self.shards), "shard"), pace)
        if totals.unanswered:
            of, first = count_of(totals.lines, "line"), totals.first["fault"]
            logger.warning("%s of %s got no prediction (first: %s)", f"{totals.unanswered:,}", of, first)
        return {
            "shards": len(self.shards),
            "done_before": len(self.before),
            "lines": totals.lines,
            "unanswered": totals.unanswered,
            "cut": totals.counts["cut"],
            "limited": totals.counts["limited"],
        }
