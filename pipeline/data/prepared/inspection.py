"""What `inspect` prints of a prepared corpus: from its manifest and its counts of lengths, no pair is read."""

from collections.abc import Sequence

import numpy as np

from pipeline.data.pair_filter import training_filter
from pipeline.data.planning.buckets import Bucket, first_fitting
from pipeline.data.prepared.corpus import PreparedCorpus
from pipeline.data.prepared.lane_order import LaneOrder
from pipeline.settings.data import DataConfiguration
from pipeline.settings.train import TrainConfiguration


def describe_shards(corpus: PreparedCorpus) -> str:
    """Of how many files it was made, and how large they are."""
    manifest = corpus.manifest
    pairs = [shard.pairs for shard in manifest.shards]
    return (
        f"prepared corpus: {manifest.pairs:,} pairs of {len(pairs):,} files ({min(pairs):,} to {max(pairs):,} each) in "
        f"{manifest.lanes} lanes, {manifest.itemsize} bytes an id"
    )


def count_lengths(corpus: PreparedCorpus, side: str) -> tuple[np.ndarray, np.ndarray]:
    """The lengths of "source" or "target", end symbols counted, in ascending order, and how many pairs have each."""
    lengths, places = np.unique(corpus.lengths[side], return_inverse=True)
    return lengths, np.bincount(places, corpus.lengths["count"]).astype(np.int64)


def percentiles_of(lengths: np.ndarray, counts: np.ndarray, percentiles: Sequence[float]) -> list[int]:
    """Of lengths of which each is had a number of times, nearest ones.

    Example:
        >>> percentiles_of(np.array([2, 7]), np.array([3, 1]), [0, 50, 100])
        [2, 2, 7]
    """
    below = np.cumsum(counts)
    places = [round(percent / 100 * (int(below[-1]) - 1)) for percent in percentiles]
    return [int(lengths[np.searchsorted(below, place, side="right")]) for place in places]


def describe_dropped(corpus: PreparedCorpus, data: DataConfiguration) -> str:
    """What was left out when it was prepared."""
    rules, manifest = training_filter(data).describe_settings(), corpus.manifest
    if not manifest.dropped:
        return f"dropped pairs: none ({rules})"
    reasons = [
        f"{count:,} {reason} (first on {manifest.first_dropped(reason)})" for reason, count in manifest.dropped.items()
    ]
    return f"dropped pairs ({rules}): " + "; ".join(reasons)


def describe_buckets(corpus: PreparedCorpus, buckets: list[Bucket], train: TrainConfiguration) -> str:
    """Shapes, pairs and padding, as a table."""
    order = LaneOrder(corpus, buckets, train.seed, train.min_epoch_tokens)
    found = corpus.lengths
    assigned = first_fitting(found["source"], found["target"], buckets)
    symbols = found["count"] * (found["source"].astype(np.int64) + found["target"])
    lines = ["buckets     rows × source × target      pairs    batches   padding"]
    padded_total = real_total = 0
    for index, bucket in enumerate(buckets):
        inside, count = assigned == index, int(order.batches_of[index])
        real, pairs = int(symbols[inside].sum()), int(found["count"][inside].sum())
        padded = count * bucket.rows * (bucket.source_length + bucket.target_length)
        padded_total, real_total = padded_total + padded, real_total + real
        shape = f"{bucket.rows} × {bucket.source_length} × {bucket.target_length}"
        share = 1 - real / padded if padded else 0.0
        lines.append(f"{index + 1:<10}  {shape:<24} {pairs:>8,} {count:>10,} {share:>9.1%}")
    total = int(order.batches_of.sum())
    lines.append(f"all         {'':24} {len(corpus):>8,} {total:>10,} {1 - real_total / padded_total:>9.1%}")
    lines.append(
        f"an epoch: {order.passes} × all, {order.steps:,} steps (train.min_epoch_tokens {train.min_epoch_tokens:,})"
    )
    return "\n".join(lines)
