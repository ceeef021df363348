"""How far a stage is: pairs, pairs a second, time left."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.preparing.plan import Plan
from pipeline.preparing.stages import NAMES, is_done, read_note
from pipeline.process.messages import progress_bar

_LOOK_SHARE = 20


class StageProgress:
    """What is shown of a stage.

    Args:
        plan: What is prepared.
        stage: Which stage.
        left: The shards that it has to do.
        bar: Shows it.
    """

    def __init__(self, plan: Plan, stage: str, left: Sequence[int], bar: Any) -> None:
        self._plan, self._stage, self._left, self._bar = plan, stage, left, bar
        self._pairs = dict.fromkeys(left, 0)
        self._rest_until = 0.0

    def tell(self, shard: int, pairs: int) -> None:
        """So many pairs of a shard are done."""
        self._pairs[shard] = max(self._pairs[shard], pairs)
        self._bar.update(sum(self._pairs.values()) - self._bar.n)

    def look(self) -> None:
        """See what other processes have done."""
        began = time.monotonic()
        if began < self._rest_until:
            return
        for shard in self._left:
            self._pairs[shard] = max(self._pairs[shard], read_note(self._plan, self._stage, shard))
        done = sum(is_done(self._plan, self._stage, shard) for shard in self._left)
        self._rest_until = time.monotonic() + _LOOK_SHARE * (time.monotonic() - began)
        self._bar.set_description_str(f"{NAMES[self._stage]}, {done:,} of {len(self._left):,} shards", refresh=False)
        self._bar.update(max(0, sum(self._pairs.values()) - self._bar.n))


@contextlib.contextmanager
def show_progress(plan: Plan, stage: str, left: Sequence[int], pairs: int | None) -> Iterator[StageProgress]:
    """A bar while this is entered.

    Args:
        plan: What is prepared.
        stage: Which stage.
        left: The shards that it has to do.
        pairs: Of all shards, if that is known: then it shows the time left.
    """
    total = None if pairs is None else round(pairs * sum(map(plan.size, left)) / max(1, _all_bytes(plan)))
    with progress_bar(total=total, desc=NAMES[stage], unit=" pairs", unit_scale=True) as bar:
        yield StageProgress(plan, stage, left, bar)


def _all_bytes(plan: Plan) -> int:
    return sum(map(plan.size, range(len(plan.shards))))
