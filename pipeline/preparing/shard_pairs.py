"""The pairs of a shard, those that are held out for dev apart."""

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.files.bad_lines import BadLines
from pipeline.files.durable import write_atomically
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import read_pairs
from pipeline.pairs.references import fold_source
from pipeline.pairs.source_subset import SourceSubset
from pipeline.pairs.splits import fold_of
from pipeline.preparing.plan import Plan
from pipeline.settings.text import TextConfiguration
from pipeline.stores.copies import local_copy


class FileStamp(NamedTuple):
    """What is looked at first to see whether a file has changed."""

    bytes: int
    time: int


def stamps(plan: Plan, shard: int) -> list[FileStamp]:
    """Those of a shard's files."""
    found = [Path(local_copy(path)).stat() for path in plan.files(shard)]
    return [FileStamp(state.st_size, state.st_mtime_ns) for state in found]


class HeldOut(NamedTuple):
    """Which sources are dev: those with small hashes; none where a dev set was given."""

    subset: SourceSubset | None
    fold: Callable[[str], str]

    def has(self, pair: Pair) -> bool:
        """Whether a pair is dev."""
        return self.subset is not None and self.subset.contains(self.fold(pair.source))


def held_out(plan: Plan) -> HeldOut:
    """The rule, as `write_held_out` left it."""
    rule = json.loads((plan.work / "held_out.json").read_text())
    subset = None if rule is None else SourceSubset(rule["seed"], rule["limit"])
    return HeldOut(subset, fold_of(plan.configuration.text))


def write_held_out(plan: Plan, limit: int | None) -> None:
    """Keep the rule; None holds nothing out."""
    rule = None if limit is None else {"seed": plan.configuration.train.seed, "limit": limit}
    write_atomically(plan.work / "held_out.json", json.dumps(rule) + "\n")


def read_shard(plan: Plan, shard: int, says: bool = False) -> tuple[Iterator[Pair], BadLines]:
    """A shard's pairs, dev among them, and what is left out of them as bad lines.

    Args:
        plan: Which shards there are.
        shard: Its number.
        says: Whether it is said of bad lines, which is done once.
    """
    data = plan.configuration.data
    bad = BadLines(data.skip_bad_lines, said=set() if says else set(plan.files(shard)))
    bad.looked.update(dict.fromkeys(plan.files(shard), 3))
    return read_pairs(plan.shards[shard], "train", bad, data.columns), bad


def folding(text: TextConfiguration) -> Callable[[str], str]:
    """What makes sources the same that count as the same where dev is compared with training."""
    return functools.partial(fold_source, text=text)
