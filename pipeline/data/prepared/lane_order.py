"""Which pairs of a prepared corpus are in which batch: by lanes, so that a worker looks at its own share alone.

Every batch has as many rows of each lane, in the order of the lanes. What stands in them follows from seed, pass and
lane, and which bucket comes at which step from the counts of all lanes: so the batches are the same however many
workers share them, and no worker needs to know more of the lanes of others than how many pairs these have.
"""

import functools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from pipeline.cluster.cluster import Cluster
from pipeline.data.batches import PlannedBatch
from pipeline.data.planning.buckets import ROW_MULTIPLE, Bucket, first_fitting, plan_counted
from pipeline.data.planning.permutation import Permutation
from pipeline.data.prepared.corpus import PreparedCorpus
from pipeline.errors import UsageError
from pipeline.text.symbols import END, PAD, START

_ORDER_OF_BATCHES = 1 << 20
"""In the place of a lane in the key of a permutation."""


def plan_for_lanes(corpus: PreparedCorpus, buckets: int, batch_tokens: int) -> list[Bucket]:
    """The padded shapes of a prepared corpus, as of `plan_buckets`, with as many rows for each lane.

    Raises:
        UsageError: The longest pairs leave no room for a row of each lane.
    """
    lanes, found = corpus.manifest.lanes, corpus.lengths
    planned = plan_counted(found["source"], found["target"], found["count"], buckets, batch_tokens)
    longest = max(max(bucket.source_length, bucket.target_length) for bucket in planned)
    if batch_tokens < lanes * longest:
        raise UsageError(
            f"data.batch_tokens: {batch_tokens} is too small for {corpus.manifest.folder}, which has {lanes} lanes and "
            f"so at least {lanes} rows in a batch, and pairs of {longest} symbols; give {lanes * longest} or more, or "
            "prepare it with fewer --lanes or a smaller data.max_length"
        )
    multiple = max(lanes, ROW_MULTIPLE)
    shapes = []
    for bucket in planned:
        most = batch_tokens // max(bucket.source_length, bucket.target_length)
        shapes.append(bucket._replace(rows=most - most % (multiple if most >= multiple else lanes)))
    return shapes


class _Step(NamedTuple):
    """A batch before anybody looks at its pairs."""

    number: int
    """The pass."""
    bucket: int
    batch: int
    """Which of the batches of the bucket."""


class _Lane:
    """The cells of a lane, by bucket.

    Args:
        cells: Of the lane.
        buckets: The shapes.
    """

    def __init__(self, cells: np.ndarray, buckets: list[Bucket]) -> None:
        assigned = first_fitting(cells["source"], cells["target"], buckets)
        self.cells = [cells[assigned == number] for number in range(len(buckets))]
        self.ends = [np.cumsum(of["count"], dtype=np.int64) for of in self.cells]

    def find(self, bucket: int, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The cells of some pairs of a bucket, and which pair of its cell each is."""
        places = np.searchsorted(self.ends[bucket], numbers, side="right")
        cells = self.cells[bucket][places]
        return cells, numbers - (self.ends[bucket][places] - cells["count"])


class LaneOrder:
    """The order of a prepared corpus; see `pipeline.data.batches.TrainingOrder`, whose methods it has.

    Args:
        corpus: The training pairs.
        buckets: What `plan_for_lanes` chose for them.
        seed: Another seed has another order.
        min_tokens: `train.min_epoch_tokens`.
    """

    taught = False

    def __init__(self, corpus: PreparedCorpus, buckets: list[Bucket], seed: int, min_tokens: int = 0) -> None:
        self.corpus, self.buckets, self.seed = corpus, buckets, seed
        lanes, found = corpus.manifest.lanes, corpus.lengths
        assigned = first_fitting(found["source"], found["target"], buckets)
        self.counts = np.zeros([lanes, len(buckets)], np.int64)
        """Pairs of each lane and bucket."""
        np.add.at(self.counts, (found["lane"], assigned), found["count"])
        each = np.array([bucket.rows // lanes for bucket in buckets])
        self.batches_of = (-(-self.counts // each)).max(axis=0)
        """How many of a pass each bucket has."""
        self._ends = np.cumsum(self.batches_of)
        self._per_pass = int(self._ends[-1])
        room = sum(
            int(number) * bucket.rows * bucket.target_length
            for number, bucket in zip(self.batches_of, buckets, strict=True)
        )
        self.passes = max(1, math.ceil(min_tokens / room))
        """Over the data in an epoch."""
        self.steps = self.passes * self._per_pass
        """Batches of an epoch."""
        self._lanes: dict[int, _Lane] = {}
        # A pass has one permutation for every lane and bucket; two passes are under way where one ends.
        self._permutation = functools.lru_cache(2 * (self.counts.size + 1))(self._permute)

    def _permute(self, number: int, lane: int, bucket: int, size: int) -> Permutation:
        return Permutation(size, [self.seed, number, lane, bucket])

    def require_workers(self, size: int) -> None:
        """Refuse so many workers where lanes cannot be dealt to them evenly.

        Raises:
            UsageError: They cannot.
        """
        lanes = self.corpus.manifest.lanes
        if lanes % size:
            fitting = [str(number) for number in range(1, lanes + 1) if lanes % number == 0]
            raise UsageError(
                f"{self.corpus.manifest.folder}: has {lanes} lanes, which {size} workers cannot share evenly; start "
                f"{', '.join(fitting)} workers, or prepare it with other --lanes"
            )

    def _find(self, epoch: int, step: int) -> _Step:
        passed, position = divmod(step, self._per_pass)
        number = epoch * self.passes + passed
        order = self._permutation(number, _ORDER_OF_BATCHES, 0, self._per_pass)
        place = int(order(np.array([position]))[0])
        if number == 0:
            # The largest batch comes first of all, and what would have, in its place.
            first, largest = int(order(np.array([0]))[0]), self._largest()
            place = largest if position == 0 else first if place == largest else place
        bucket = int(np.searchsorted(self._ends, place, side="right"))
        return _Step(number, bucket, place - int(self._ends[bucket] - self.batches_of[bucket]))

    def _largest(self) -> int:
        there = [number for number in range(len(self.buckets)) if self.batches_of[number]]
        largest = max(there, key=lambda number: math.prod(self.buckets[number]))
        return int(self._ends[largest] - self.batches_of[largest])

    def _pairs(self, step: _Step, lane: int) -> tuple[np.ndarray, np.ndarray]:
        """The cells of a lane's pairs in a batch, and which pair of its cell each is."""
        each, size = self.buckets[step.bucket].rows // self.corpus.manifest.lanes, int(self.counts[lane, step.bucket])
        places = np.arange(min(step.batch * each, size), min((step.batch + 1) * each, size))
        if lane not in self._lanes:
            self._lanes[lane] = _Lane(self.corpus.cells(lane), self.buckets)
        numbers = self._permutation(step.number, lane, step.bucket, size)(places) if len(places) else places
        return self._lanes[lane].find(step.bucket, numbers)

    def batch(self, epoch: int, step: int) -> PlannedBatch:
        """One of them; epoch and step count from 0. Its indices are `[pairs, 2]`, shard and row of each."""
        found = self._find(epoch, step)
        rows = [self._pairs(found, lane) for lane in range(self.corpus.manifest.lanes)]
        indices = [np.stack([cells["shard"], cells["row"] + inside], axis=1) for cells, inside in rows]
        return PlannedBatch(self.buckets[found.bucket], np.concatenate(indices), found.number)

    def fill(self, epoch: int, step: int, cluster: Cluster) -> Iterator[Any]:
        """What `fill_batch` makes of other batches: this process's share of all from there on, without end."""
        self.require_workers(cluster.size)
        while True:
            if step == self.steps:
                epoch, step = epoch + 1, 0
            yield self._fill(self._find(epoch, step), cluster.rank, cluster.size)
            step += 1

    def _fill(self, step: _Step, rank: int, size: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Rows that a lane lacks are empty, wherever they stand; see `fill_batch`."""
        bucket, lanes = self.buckets[step.bucket], self.corpus.manifest.lanes
        each, own = bucket.rows // lanes, range(rank * lanes // size, (rank + 1) * lanes // size)
        source = np.full((each * len(own), bucket.source_length), PAD, np.int32)
        targets = np.full((each * len(own), bucket.target_length), PAD, np.int32)
        source[:, 0] = END
        for place, lane in enumerate(own):
            cells, inside = self._pairs(step, lane)
            starts = cells["source_at"] + inside * cells["source"], cells["target_at"] + inside * cells["target"]
            columns = cells["shard"], *starts, cells["source"], cells["target"]
            # Of a few pairs from many files; a slice takes less than NumPy's choice of many places in each.
            for row, (shard, source_at, target_at, s, t) in enumerate(
                zip(*(column.tolist() for column in columns), strict=True), place * each
            ):
                sources_of, targets_of = self.corpus.ids(shard)
                source[row, :s] = sources_of[source_at : source_at + s]
                targets[row, :t] = targets_of[target_at : target_at + t]
        begin = np.full((len(targets), 1), START, np.int32)
        return (source, np.concatenate([begin, targets[:, :-1]], axis=1)), targets
