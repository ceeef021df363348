"""What `inspect` prints: the data as the model will see it, before any training."""

import tempfile
from pathlib import Path

import numpy as np

from pipeline.batches import assign_buckets, passes_per_epoch, plan_pass
from pipeline.configuration import Configuration, TrainConfiguration
from pipeline.corpus import group_references, open_splits
from pipeline.preparation import TrainingData, first_batches, prepare_data
from pipeline.run_directory import RunDirectory
from pipeline.text import Vocabulary

PERCENTILES = (0, 25, 50, 75, 90, 95, 99, 100)
BATCHES, ROWS, SYMBOLS = 2, 4, 20


def inspect(configuration: Configuration) -> str:
    """Sizes, lengths, padding, dropped pairs and the first batches, as text.

    Raises:
        DataError: The data cannot be used.
    """
    splits = open_splits(configuration.data, configuration.train.seed, configuration.text)
    with tempfile.TemporaryDirectory() as folder:
        directory = RunDirectory(Path(folder) / "run")
        directory.begin(configuration)
        data = prepare_data(configuration, directory, splits)
        sections = [
            _sizes(data),
            _vocabulary("source", data.source_vocabulary),
            _vocabulary("target", data.target_vocabulary),
            _lengths(data),
            _dropped(data, configuration.data.max_length),
            _buckets(data, configuration.train),
            _batches(data, configuration.train.seed),
        ]
    return "\n\n".join(sections)


def _sizes(data: TrainingData) -> str:
    lines = ["split   pairs     distinct sources"]
    for name, pairs in data.splits.items():
        references = group_references(pairs())
        total = sum(1 for _ in pairs())
        lines.append(f"{name:6}  {total:<8,}  {len(references):,}")
    return "\n".join(lines)


def _vocabulary(side: str, vocabulary: Vocabulary) -> str:
    shown = " ".join(vocabulary.symbols[4:44])
    more = f" … and {len(vocabulary) - 44:,} more" if len(vocabulary) > 44 else ""
    return f"{side} vocabulary: {len(vocabulary):,} with 4 special symbols, most frequent first: {shown}{more}"


def _lengths(data: TrainingData) -> str:
    lines = ["lengths in training, end symbol included", "percentile  " + "".join(f"{p:>6}" for p in PERCENTILES)]
    for side, lengths in (("source", data.train.source_lengths), ("target", data.train.target_lengths)):
        values = np.percentile(lengths, PERCENTILES, method="nearest")
        lines.append(f"{side:10}  " + "".join(f"{int(value):>6}" for value in values))
    return "\n".join(lines)


def _dropped(data: TrainingData, max_length: int) -> str:
    if not data.train.dropped:
        return f"dropped pairs: none (data.max_length {max_length})"
    reasons = [
        f"{count:,} {reason} (first on line {data.train.first_dropped[reason]})"
        for reason, count in data.train.dropped.items()
    ]
    return f"dropped pairs (data.max_length {max_length}): " + "; ".join(reasons)


def _buckets(data: TrainingData, train: TrainConfiguration) -> str:
    assigned = assign_buckets(data.train, data.buckets)
    batches = plan_pass(assigned, data.buckets, train.seed, 0)
    lines = ["buckets     rows × source × target      pairs    batches   padding"]
    padded_total = real_total = 0
    for index, bucket in enumerate(data.buckets):
        members = assigned == index
        count = sum(1 for batch in batches if batch.bucket is bucket)
        real = int(data.train.source_lengths[members].sum() + data.train.target_lengths[members].sum())
        padded = count * bucket.rows * (bucket.source_length + bucket.target_length)
        padded_total, real_total = padded_total + padded, real_total + real
        shape = f"{bucket.rows} × {bucket.source_length} × {bucket.target_length}"
        lines.append(f"{index + 1:<10}  {shape:<24} {int(members.sum()):>8,} {count:>10,} {1 - real / padded:>9.1%}")
    lines.append(f"all         {'':24} {len(assigned):>8,} {len(batches):>10,} {1 - real_total / padded_total:>9.1%}")
    passes = passes_per_epoch(batches, train.min_epoch_tokens)
    steps = passes * len(batches)
    lines.append(f"an epoch: {passes} × all, {steps:,} steps (train.min_epoch_tokens {train.min_epoch_tokens:,})")
    return "\n".join(lines)


def _batches(data: TrainingData, seed: int) -> str:
    source, target = data.source_vocabulary.symbols, data.target_vocabulary.symbols
    lines = ["first batches, their first rows"]
    for (sources, inputs), targets in first_batches(data, seed, BATCHES):
        lines.append(f"source {list(sources.shape)}, target_inputs {list(inputs.shape)}, targets {list(targets.shape)}")
        for row in range(min(ROWS, len(sources))):
            shown = [
                " ".join(symbols[value] for value in ids[row][:SYMBOLS])
                for symbols, ids in ((source, sources), (target, inputs), (target, targets))
            ]
            lines += [
                f"  source         {shown[0]}",
                f"  target_inputs  {shown[1]}",
                f"  targets        {shown[2]}",
                "",
            ]
    return "\n".join(lines).rstrip()
