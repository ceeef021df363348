"""What is to be prepared, from which files, and where the work on it lies."""

import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.files.durable import write_atomically
from pipeline.pairs.locations import (
    PREPARED,
    Location,
    is_built_in,
    is_pattern,
    is_prepared,
    list_corpora,
    source_files,
)
from pipeline.prepared.layout import SHARDS, VOCABULARY, WORK, shard_name
from pipeline.prepared.settings import decided_settings
from pipeline.runs.named_runs import EARLIER
from pipeline.settings.changes import by_name, describe_changes, replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.stores.copies import local_copy

LANES = 8
_BESIDES = ("data.dev", "data.dev_size", "train.seed", EARLIER.key)
"""Settings on which a corpus depends, and a training on it does not."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a command has to do.

    Args:
        out: The folder of the corpus.
        configuration: Every setting; its `data.train` is what the shards were found by.
        lanes: How many the corpus has.
        shards: The files, or two that belong together, of which each becomes a shard.
    """

    out: Path
    configuration: Configuration
    lanes: int
    shards: tuple[Location, ...]

    @property
    def work(self) -> Path:
        """What is kept until all is done, and to go on."""
        return self.out / WORK

    def record(self, stage: str, shard: int) -> Path:
        """What a stage found of a shard."""
        return self.work / stage / f"{shard_name(shard)}.json"

    def files(self, shard: int) -> list[str]:
        """Those of a shard."""
        return source_files(self.shards[shard])

    def size(self, shard: int) -> int:
        """Their bytes; those of a store are fetched for it."""
        return sum(Path(local_copy(path)).stat().st_size for path in self.files(shard))

    def name(self, shard: int) -> str:
        """What a shard's file is called in messages: without its folder, which may be another one tomorrow."""
        return ",".join(Path(path).name for path in self.files(shard))

    @property
    def is_done(self) -> bool:
        """Whether the corpus has its manifest."""
        return (self.out / PREPARED).is_file()

    def begin(self) -> None:
        """Make the folder, or find that it was begun for the same.

        Raises:
            UsageError: It holds something else.
            OSError: It cannot be written.
        """
        kept = self.work / "plan.json"
        if kept.is_file():
            before = read_plan(self.out)
            changes = describe_changes(before._depends_on(), self._depends_on())
            if before.shards != self.shards:
                changes.append(f"its files were {_describe(before.shards)}, are now {_describe(self.shards)}")
            if changes:
                raise UsageError(
                    f"{self.out}: was begun otherwise ({'; '.join(changes)}); choose another --out, or --overwrite it"
                )
            return
        if self.out.exists() and (not self.out.is_dir() or {path.name for path in self.out.iterdir()} - {WORK}):
            raise UsageError(f"{self.out}: holds something else; choose another --out")
        self.work.mkdir(parents=True, exist_ok=True)
        content = {"settings": self.configuration.to_dict(), "lanes": self.lanes, "shards": list(self.shards)}
        write_atomically(kept, json.dumps(content, indent=1) + "\n")

    def _depends_on(self) -> dict[str, Any]:
        settings = by_name(self.configuration.to_dict())
        found = {**decided_settings(self.configuration), **{key: settings[key] for key in _BESIDES}}
        return {**found, "lanes": self.lanes}


def _describe(shards: Sequence[Location]) -> str:
    first = shards[0] if isinstance(shards[0], str) else ",".join(shards[0])
    return first if len(shards) == 1 else f"{first} and {len(shards) - 1:,} more"


def read_plan(out: Path) -> Plan:
    """The plan that a folder was begun with.

    Raises:
        UsageError: It cannot be read.
    """
    path = out / WORK / "plan.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        configuration = replace_settings(Configuration(), _without_unknown(by_name(content["settings"])))
        return Plan(out, configuration, content["lanes"], tuple(content["shards"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); begin anew with --overwrite") from error


def _without_unknown(settings: Mapping[str, Any]) -> dict[str, Any]:
    known = by_name(Configuration().to_dict())
    return {key: value for key, value in settings.items() if key in known}


def make_plan(configuration: Configuration, out: Path, lanes: int = LANES) -> Plan:
    """What is to be done for a configuration.

    Args:
        configuration: Every setting.
        out: The folder of the corpus.
        lanes: Into how many parts batches can be shared.

    Raises:
        UsageError: It cannot be prepared.

    Example:
        >>> from pipeline.settings.configure import configure
        >>> make_plan(configure("cmudict", {"data.train": "a.tsv"}), Path("corpus")).shards
        ('a.tsv',)
    """
    data, text = configuration.data, configuration.text
    if lanes & (lanes - 1) or lanes < 1:
        raise UsageError(f"--lanes {lanes}: impossible, it must be a power of two: 1, 2, 4, 8, …")
    if is_built_in(data.train):
        raise UsageError(f"data.train: {data.train} is built in and small; train on it as it is")
    if isinstance(data.train, dict):
        raise UsageError(
            "data.train: several corpora with weights cannot be prepared; prepare a pattern of files, all of weight 1, "
            "or train on the files themselves"
        )
    for key, value, remedy in (
        ("data.train_size", data.train_size, "prepare fewer files"),
        ("data.drop_duplicates", data.drop_duplicates, "drop them before (sort -u), shards are tokenised apart"),
        ("data.hallucinated", data.hallucinated, "leave it out, or train on the files themselves"),
        ("text.sampling", text.sampling, "leave it out, or train on the files themselves"),
    ):
        if value:
            raise UsageError(f"{key}: {str(value).lower()} is impossible for a prepared corpus; {remedy}")
    shards = tuple(corpus for corpus, _ in list_corpora(data.train))
    if any(is_pattern(shard) for shard in shards):
        raise UsageError(f"{data.train}: no file matches; check the pattern, and put it in quotes on a command line")
    if any(is_prepared(shard) for shard in shards):
        raise UsageError(f"data.train: {data.train} is a prepared corpus already; give files of pairs")
    return Plan(out, configuration, lanes, shards)


def remove_corpus(out: Path) -> None:
    """Delete what `prepare` wrote, and nothing else.

    Raises:
        UsageError: It is no such folder.
    """
    if not out.exists():
        return
    if not (out / WORK).is_dir():
        raise UsageError(f"{out}: was not written by `prepare`; choose another --out")
    (out / PREPARED).unlink(missing_ok=True)
    for name in (SHARDS, VOCABULARY, WORK):
        shutil.rmtree(out / name, ignore_errors=True)
    for path in out.iterdir():
        if path.is_file() and path.name in OWN:
            path.unlink()


OWN = ("index.bin", "lengths.bin", "dev.source", "dev.target", "dev.tsv")
"""Files of a corpus beside its folders and its manifest."""
