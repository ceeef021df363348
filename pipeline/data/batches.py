"""From a tokenised corpus to batches for training, in an order that can be repeated."""

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from pipeline.cluster.cluster import ALONE, Cluster
from pipeline.data.lessons import ARRAYS, Lessons
from pipeline.data.planning.buckets import Bucket, assign_buckets
from pipeline.data.tokenized_corpus import TokenizedCorpus
from pipeline.text.symbols import END, PAD, START

PREFETCHED_BATCHES = 4


class PlannedBatch(NamedTuple):
    """A bucket and the indices of the pairs that fill it; rows beyond them are empty."""

    bucket: Bucket
    indices: np.ndarray
    number: int = 0
    """The pass."""

    def share(self, rank: int, size: int) -> "PlannedBatch":
        """The rows that one of several processes takes: as many for each, the last ones empty where it does not divide.

        Example:
            >>> batch = PlannedBatch(Bucket(5, 6, 8), np.arange(7))
            >>> [batch.share(rank, 3).indices.tolist() for rank in range(3)], batch.share(0, 3).bucket.rows
            ([[0, 1, 2], [3, 4, 5], [6]], 3)
        """
        rows = -(-self.bucket.rows // size)
        indices = self.indices[rank * rows : (rank + 1) * rows]
        return self._replace(bucket=self.bucket._replace(rows=rows), indices=indices)


def plan_pass(
    assigned: np.ndarray,
    buckets: list[Bucket],
    seed: int,
    number: int,
    corpora: np.ndarray | None = None,
    weights: Sequence[float] = (1.0,),
) -> list[PlannedBatch]:
    """The batches of a pass, a pure function of its arguments: pairs and batches shuffled, as many in every pass.

    Args:
        assigned: The bucket of each pair.
        buckets: Their shapes.
        seed: Another seed has another order.
        number: So has another pass.
        corpora: The corpus of each pair; None if there is one only.
        weights: How often a pass has each pair of a corpus, see `_choose_pairs`.
    """
    random = np.random.default_rng([seed, number])
    chosen = np.arange(len(assigned))
    if corpora is not None and set(weights) != {1.0}:
        chosen = _choose_pairs(assigned, len(buckets), seed, number, corpora, weights)
    order = chosen[random.permutation(len(chosen))]
    batches = []
    for index, bucket in enumerate(buckets):
        members = order[assigned[order] == index]
        batches += [
            PlannedBatch(bucket, members[first : first + bucket.rows], number)
            for first in range(0, len(members), bucket.rows)
        ]
    return [batches[position] for position in random.permutation(len(batches))]


def _choose_pairs(
    assigned: np.ndarray, buckets: int, seed: int, number: int, corpora: np.ndarray, weights: Sequence[float]
) -> np.ndarray:
    """The pairs of a pass, as often as it has them: ⌊w⌋ times each pair of a corpus of weight w, and some once more.

    Of the n pairs of a corpus in a bucket, round((w - ⌊w⌋) n) come once more, at least one: the same number in every
    pass, and so is the number of batches. They are the next ones in a random order that all passes go round: after
    any number of passes no pair was had more than once more often than another.
    """
    chosen = [np.repeat(np.arange(len(assigned)), np.floor(weights).astype(int)[corpora])]
    for corpus, weight in enumerate(weights):
        share = weight % 1
        if not share:
            continue
        members = np.flatnonzero(corpora == corpus)
        # The last 1 keeps this generator apart from that of any pass.
        members = np.random.default_rng([seed, corpus, 0, 1]).permutation(members)
        for bucket in range(buckets):
            circle = members[assigned[members] == bucket]
            if len(circle):
                count = max(1, round(share * len(circle)))
                chosen.append(circle[np.arange(number * count, (number + 1) * count) % len(circle)])
    return np.concatenate(chosen)


def fill_batch(corpus: TokenizedCorpus, batch: PlannedBatch) -> tuple[tuple[np.ndarray, np.ndarray], Any]:
    """((source, target_inputs), targets), int32 `[rows, length]` each, padded to the bucket's boundaries.

    With a teacher ((source, target_inputs), (targets, symbols, probabilities)), the last two `[rows, length, k]` int32
    and float32, 0 on padding: what it finds most probable in the place of each target symbol, and how probable.

    A batch with too few pairs is filled up with empty ones, so that every bucket has one shape only. Their
    source is the end symbol alone, their targets are padding and count for nothing.
    """
    bucket, indices, number = batch
    source = np.full((bucket.rows, bucket.source_length), PAD, np.int32)
    targets = np.full((bucket.rows, bucket.target_length), PAD, np.int32)
    filled = len(indices)
    _fill(source[:filled], *corpus.rows("source", indices, number, bucket.source_length))
    _fill(targets[:filled], *corpus.rows("target", indices, number, bucket.target_length))
    source[filled:, 0] = END
    starts = np.full((bucket.rows, 1), START, np.int32)
    inputs = source, np.concatenate([starts, targets[:, :-1]], axis=1)
    if corpus.lessons is None:
        return inputs, targets
    return inputs, (targets, *_fill_lessons(corpus, corpus.lessons, batch))


def _fill_lessons(corpus: TokenizedCorpus, lessons: Lessons, batch: PlannedBatch) -> Iterator[np.ndarray]:
    bucket, indices, _ = batch
    for values in lessons:
        rows = np.zeros((bucket.rows, bucket.target_length, values.shape[1]), values.dtype)
        _fill(rows[: len(indices)], values, corpus.target_offsets[indices], corpus.target_lengths[indices])
        yield rows


def _fill(rows: np.ndarray, ids: np.ndarray, offsets: np.ndarray, lengths: np.ndarray) -> None:
    columns = np.arange(rows.shape[1])
    inside = columns < lengths[:, None]
    rows[inside] = ids[(offsets[:, None] + columns)[inside]]


def passes_per_epoch(batches: list[PlannedBatch], min_tokens: int) -> int:
    """How many passes have `min_tokens` target symbols, padding counted: it takes its time, too.

    Args:
        batches: Those of a pass.
        min_tokens: `train.min_epoch_tokens`.
    """
    room = sum(batch.bucket.rows * batch.bucket.target_length for batch in batches)
    return max(1, math.ceil(min_tokens / room))


class TrainingOrder:
    """Which pairs are in which batch of a training: a pure function of seed, epoch and step.

    An epoch is as many whole passes over the corpus as `passes_per_epoch` says, the same number of batches each time,
    so `fit(steps_per_epoch=...)` keeps in step. The largest batch comes first of all: what does not fit into memory
    is known after a step, not after hours.

    Args:
        corpus: The training pairs.
        buckets: What `plan_buckets` chose for them.
        seed: Another seed has another order.
        min_tokens: `train.min_epoch_tokens`.
    """

    def __init__(self, corpus: TokenizedCorpus, buckets: list[Bucket], seed: int, min_tokens: int = 0) -> None:
        self.corpus, self.buckets, self.seed = corpus, buckets, seed
        self._assigned = assign_buckets(corpus, buckets)
        first = self._plan(0)
        self.passes, self._per_pass = passes_per_epoch(first, min_tokens), len(first)
        """Over the data in an epoch."""
        self.steps = self.passes * self._per_pass
        """Batches of an epoch."""

    def _plan(self, number: int) -> list[PlannedBatch]:
        plan = plan_pass(self._assigned, self.buckets, self.seed, number, self.corpus.corpora, self.corpus.weights)
        if number == 0:
            largest = max(range(len(plan)), key=lambda index: math.prod(plan[index].bucket))
            plan[0], plan[largest] = plan[largest], plan[0]
        return plan

    def batch(self, epoch: int, step: int) -> PlannedBatch:
        """One of them; epoch and step count from 0."""
        number, position = divmod(step, self._per_pass)
        return self._plan(epoch * self.passes + number)[position]

    def batches(self, epoch: int = 0, step: int = 0) -> Iterator[PlannedBatch]:
        """All from there on, without end."""
        number, position = divmod(step, self._per_pass)
        for later in itertools.count(epoch * self.passes + number):
            yield from self._plan(later)[position:]
            position = 0

    @property
    def taught(self) -> bool:
        """Whether a teacher says something of the targets."""
        return self.corpus.lessons is not None

    def fill(self, epoch: int, step: int, cluster: Cluster) -> Iterator[Any]:
        """What `fill_batch` makes of a process's share of all batches from there on, without end."""
        return _fill_shares(self.corpus, self.batches(epoch, step), cluster)


class Order(Protocol):
    """What a training asks of an order: that of a corpus that it tokenised itself, or of one that was prepared."""

    passes: int
    steps: int

    @property
    def taught(self) -> bool:
        """See `TrainingOrder`."""

    def batch(self, epoch: int, step: int) -> PlannedBatch:
        """See `TrainingOrder`."""

    def fill(self, epoch: int, step: int, cluster: Cluster) -> Iterator[Any]:
        """See `TrainingOrder`."""


def training_batches(order: Order, epoch: int = 0, step: int = 0, cluster: Cluster = ALONE) -> tf.data.Dataset:
    """What `fill_batch` makes of all batches from there on, without end; of a cluster this process's share of each."""
    return _dataset(functools.partial(order.fill, epoch, step, cluster), order.taught)


def validation_batches(
    corpus: TokenizedCorpus, buckets: list[Bucket], cluster: Cluster = ALONE
) -> tuple[tf.data.Dataset, int]:
    """One pass over the pairs that fit the buckets, in a fixed order, and the number of batches; shares as above."""
    batches = plan_pass(assign_buckets(corpus, buckets), buckets, 0, 0)
    return _dataset(lambda: _fill_shares(corpus, batches, cluster)), len(batches)


def _fill_shares(corpus: TokenizedCorpus, batches: Iterable[PlannedBatch], cluster: Cluster) -> Iterator[Any]:
    return (fill_batch(corpus, batch.share(cluster.rank, cluster.size)) for batch in batches)


def _dataset(generator: object, taught: bool = False) -> tf.data.Dataset:
    ids = tf.TensorSpec([None, None], tf.int32)
    wanted = (ids, *(tf.TensorSpec([None, None, None], kind) for kind in ARRAYS.values())) if taught else ids
    dataset = tf.data.Dataset.from_generator(generator, output_signature=((ids, ids), wanted))
    options = tf.data.Options()
    # Its thread sleeps for up to a minute, and ending an epoch's iterator would wait for that.
    options.autotune.enabled = False
    return dataset.prefetch(PREFETCHED_BATCHES).with_options(options)
