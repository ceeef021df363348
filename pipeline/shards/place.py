"""The folder of the answers: what it was begun with, which shards are done, and how one becomes done.

    OUT/part-1.answers.txt.gz               whole from the moment when it has this name
    OUT/.shards/settings.json               what all answers in OUT are made by
    OUT/.shards/part-1.answers.txt.gz.json  the record: of which lines they were made, and what they are

A record is on the disk before the answers have their name. So no answers are ever without one, whenever a process is
killed; and of a record whose answers are not there, or are not those that it describes, the shard is answered again.
Several processes may do so at once: of the same lines they make the same bytes.
"""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.files.durable import (
    UNFINISHED,
    checksum_of_bytes,
    is_unused,
    require_local,
    sync_directory,
    write_atomically,
)
from pipeline.runs.ownership import read_info, require_format
from pipeline.shards.listing import Shard
from pipeline.shards.records import Record

logger = logging.getLogger(__name__)

HIDDEN = ".shards"
FORMAT = 1


class Place:
    """A folder of answers.

    Args:
        out: Its path.
        asked: Which answers go there, see `Asked.identity`.
    """

    def __init__(self, out: Path, asked: Mapping[str, Any]) -> None:
        self.out, self.hidden, self.asked = out, out / HIDDEN, dict(asked)
        self.settings = self.hidden / "settings.json"
        self.digest = checksum_of_bytes(json.dumps(self.asked, sort_keys=True).encode())

    def begin(self) -> None:
        """Make the folder, or go on with what was begun there.

        Raises:
            UsageError: It has other files, or answers of another kind or model.
            OSError: It cannot be written.
        """
        require_local(self.out)
        if not self.settings.is_file():
            if not is_unused(self.out, ignored=(HIDDEN,)):
                what = "has files that are no answers of predict --shards" if self.out.is_dir() else "is no folder"
                raise UsageError(f"{self.out}: {what}; choose another --out, or move them away")
            self.hidden.mkdir(parents=True, exist_ok=True)
            content = {"format": FORMAT, "attentif": self.asked["attentif"], "asked": self.asked}
            write_atomically(self.settings, json.dumps(content, indent=1) + "\n")
        info = read_info(self.settings, "folder of answers")
        require_format(self.out, info, FORMAT, "; choose another --out")
        changed = list(_differences(info["asked"], self.asked))
        if changed:
            raise UsageError(
                f"{self.out}: was begun otherwise ({'; '.join(changed)}), and all answers in a folder are made alike: "
                "choose another --out, ask as then, or delete the folder to have everything answered anew"
            )

    def answers(self, shard: Shard) -> Path:
        """Where the answers are when they are whole."""
        return self.out / shard.output

    def unfinished(self, shard: Shard, token: str) -> Path:
        """Where a process writes them until then, beside it; the name is short, however long theirs is."""
        return self.answers(shard).with_name(f".{_short(shard)}.{token}{UNFINISHED}")

    def beside(self, shard: Shard, suffix: str) -> Path:
        """A file that tells something of a shard."""
        path = self.hidden / shard.output
        return path.with_name(path.name + suffix)

    def sweep(self, shard: Shard) -> None:
        """Remove what killed processes left half written; by who has the claim."""
        for path in self.answers(shard).parent.glob(f".{_short(shard)}.*{UNFINISHED}"):
            path.unlink(missing_ok=True)

    def record(self, shard: Shard) -> Record | None:
        """What is recorded of a shard; None where nothing is, or nothing usable."""
        try:
            return Record.from_json(json.loads(self.beside(shard, ".json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            logger.warning("%s: damaged (%s); the shard is answered again", self.beside(shard, ".json"), error)
            return None

    def find_done(self, shard: Shard) -> Record | None:
        """The record of a shard whose answers are there; None where they are to be made.

        Raises:
            UsageError: They are there, but of other lines or of another model, or nobody knows of what.
            OSError: A file cannot be read.
        """
        answers = self.answers(shard)
        # First the answers, then the record, which others write before them.
        if not answers.is_file():
            return None
        record = self.record(shard)
        again = f"delete {answers} to have it made anew, or choose another --out"
        if record is None:
            raise UsageError(f"{answers}: is there, but nothing tells of what it was made; {again}")
        if record.asked != self.digest:
            raise UsageError(f"{answers}: was made by another model or other settings; {again}")
        if not record.source.holds(shard.path):
            raise UsageError(f"{shard.path}: is not as it was when {answers} was made of it; {again}")
        if not record.answers.holds(answers):
            logger.warning("%s: is not what was written, its SHA-256 is another; it is made anew", answers)
            return None
        return record

    def finish(self, shard: Shard, unfinished: Path, record: Record) -> bool:
        """Record the answers, then give them their name.

        Args:
            shard: Whose they are.
            unfinished: They, whole and on the disk.
            record: Describes them.

        Returns:
            Whether they were there to be named: another process may have taken the shard over, and swept them away.

        Raises:
            OSError: The disk does not take it.
        """
        write_atomically(self.beside(shard, ".json"), json.dumps(record.to_json(), indent=1) + "\n")
        try:
            os.replace(unfinished, self.answers(shard))
        except FileNotFoundError:
            return False
        sync_directory(self.answers(shard).parent)
        return True

    def make_folders(self, shards: Sequence[Shard]) -> None:
        """Those that outputs lie in."""
        for folder in {shard.output.parent for shard in shards}:
            (self.out / folder).mkdir(parents=True, exist_ok=True)
            (self.hidden / folder).mkdir(parents=True, exist_ok=True)


def _short(shard: Shard) -> str:
    return checksum_of_bytes(os.fsencode(shard.output))[:16]


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Sequence[str]:
    """What is not as it was, in sentences; of what nobody can read, that it is another."""
    said = []
    for key in dict.fromkeys([*before, *now]):
        was, is_now = before.get(key), now.get(key)
        if was == is_now:
            continue
        if key in ("model", "lexicon", "calibration"):
            what = "the weights are others" if key == "model" else f"the {key} is another"
            said.append(what)
        else:
            said.append(f"{key} was {was!r}, is now {is_now!r}")
    return said
