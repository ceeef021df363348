"""What `inspect` prints: the data as the model will see it, before any training."""

import tempfile
from pathlib import Path

import numpy as np

from pipeline.data.batches import PlannedBatch, passes_per_epoch, plan_pass
from pipeline.data.data_warnings import describe_first
from pipeline.data.odd_settings import describe_odd_settings
from pipeline.data.pair_filter import training_filter
from pipeline.data.planning.buckets import Bucket, assign_buckets
from pipeline.data.preparation import TrainingData, first_batches, open_run
from pipeline.data.prepared.corpus import PreparedCorpus
from pipeline.data.prepared.inspection import (
    count_lengths,
    describe_buckets,
    describe_dropped,
    describe_shards,
    percentiles_of,
)
from pipeline.data.prepared.orders import TrainingCorpus, make_order
from pipeline.data.tokenized_corpus import TokenizedCorpus
from pipeline.pairs.locations import list_corpora
from pipeline.pairs.reading import look_at_start
from pipeline.pairs.references import group_references
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from pipeline.settings.data import DataConfiguration
from pipeline.settings.text import SIDES, TextConfiguration
from pipeline.settings.train import TrainConfiguration
from pipeline.text.vocabulary import Vocabulary
from pipeline.unicode.normal_forms import describe_changes
from pipeline.unicode.visible import visible

PERCENTILES = (0, 25, 50, 75, 90, 95, 99, 100)
BATCHES, ROWS, SYMBOLS = 2, 4, 20


def inspect(configuration: Configuration) -> str:
    """Sizes, lengths, padding, dropped pairs and the first batches, as text.

    Raises:
        DataError: The data cannot be used.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = open_run(configuration, RunDirectory(Path(folder) / "run"))
        corpus = data.train
        sections = [
            *_files(configuration.data),
            _sizes(data, configuration.text),
            *(
                [describe_shards(corpus)]
                if isinstance(corpus, PreparedCorpus)
                else _corpora(corpus, data.buckets, configuration)
            ),
            *_text_changes(data, configuration.text),
            _vocabulary("source", data.source_vocabulary),
            *_features(data.source_vocabulary),
            _vocabulary("target", data.target_vocabulary),
            _lengths(corpus),
            str(data.limits),
            *(
                [
                    describe_dropped(corpus, configuration.data),
                    describe_buckets(corpus, data.buckets, configuration.train),
                ]
                if isinstance(corpus, PreparedCorpus)
                else [_dropped(corpus, configuration.data), _buckets(corpus, data.buckets, configuration.train)]
            ),
            *_odd_settings(data, configuration),
            _batches(data, configuration.train.seed),
        ]
    return "\n\n".join(sections)


def _files(data: DataConfiguration) -> list[str]:
    """What is taken of every file, and what is left out."""
    locations = (location for location in (data.train, data.dev, data.test) if location is not None)
    shapes = {shape.path: shape for location in locations for shape in look_at_start(location, data.columns)}
    lines = [f"  {shape.describe_taken()}" for shape in shapes.values()]
    return ["\n".join(["files", *lines])] if lines else []


def _sizes(data: TrainingData, text: TextConfiguration) -> str:
    lines = ["split   pairs     distinct sources"]
    for name, pairs in data.splits.items():
        if name == "train" and isinstance(data.train, PreparedCorpus):
            lines.append(f"{name:6}  {len(data.train):<8,}  not counted")
            continue
        references = group_references(pairs(), text)
        total = sum(1 for _ in pairs())
        lines.append(f"{name:6}  {total:<8,}  {len(references):,}")
    return "\n".join(lines)


def _corpora(train: TokenizedCorpus, buckets: list[Bucket], configuration: Configuration) -> list[str]:
    """What stays of each of several corpora, and how much of it a pass has."""
    corpora = list_corpora(configuration.data.train)
    if len(corpora) == 1:
        return []
    lines = ["weight  pairs     in a pass  corpus"]
    in_pass = np.concatenate([batch.indices for batch in _plan(train, buckets, configuration.train)])
    counts = [np.bincount(of, minlength=len(corpora)) for of in (train.corpora, train.corpora[in_pass])]
    for (corpus, weight), pairs, seen in zip(corpora, *counts, strict=True):
        lines.append(f"{weight:<6g}  {pairs:<8,}  {seen:<9,}  {corpus}")
    return ["\n".join(lines)]


def _plan(corpus: TokenizedCorpus, buckets: list[Bucket], train: TrainConfiguration) -> list[PlannedBatch]:
    return plan_pass(assign_buckets(corpus, buckets), buckets, train.seed, 0, corpus.corpora, corpus.weights)


def _text_changes(data: TrainingData, text: TextConfiguration) -> list[str]:
    source, target = data.source_vocabulary.forms, data.target_vocabulary.forms
    if source is None or target is None:
        return []
    return ["\n".join(describe_changes((text.normalization, text.target_form), text.lowercase, source, target))]


def _features(vocabulary: Vocabulary) -> list[str]:
    """The features of the sources; with the one that training lacks, which has no name."""
    shown = list(map(visible, vocabulary.symbols[len(vocabulary) - vocabulary.features + 1 :]))
    return [f"features: {len(shown):,}, most frequent first: {' '.join(shown[:40])}"] if shown else []


def _vocabulary(side: str, vocabulary: Vocabulary) -> str:
    size = len(vocabulary) - vocabulary.features
    shown = " ".join(map(visible, vocabulary.symbols[4 : min(44, size)]))
    more = f" … and {size - 44:,} more" if size > 44 else ""
    return f"{side} vocabulary: {size:,} with 4 special symbols, most frequent first: {shown}{more}"


def _lengths(corpus: TrainingCorpus) -> str:
    lines = ["lengths in training, end symbol included", "percentile  " + "".join(f"{p:>6}" for p in PERCENTILES)]
    for side in SIDES:
        if isinstance(corpus, PreparedCorpus):
            values = percentiles_of(*count_lengths(corpus, side), PERCENTILES)
        else:
            values = np.percentile(getattr(corpus, f"{side}_lengths"), PERCENTILES, method="nearest").tolist()
        lines.append(f"{side:10}  " + "".join(f"{int(value):>6}" for value in values))
    return "\n".join(lines)


def _dropped(train: TokenizedCorpus, settings: DataConfiguration) -> str:
    rules = training_filter(settings).describe_settings()
    if not train.dropped:
        return f"dropped pairs: none ({rules})"
    reasons = [
        f"{count:,} {reason} (first on {describe_first(train, reason, settings, 'train')})"
        for reason, count in train.dropped.items()
    ]
    return f"dropped pairs ({rules}): " + "; ".join(reasons)


def _buckets(corpus: TokenizedCorpus, buckets: list[Bucket], train: TrainConfiguration) -> str:
    batches = _plan(corpus, buckets, train)
    lines = ["buckets     rows × source × target      pairs    batches   padding"]
    padded_total = real_total = pairs = 0
    for index, bucket in enumerate(buckets):
        filled = [batch.indices for batch in batches if batch.bucket is bucket]
        members, count = np.concatenate([np.zeros(0, int), *filled]), len(filled)
        real = int(corpus.source_lengths[members].sum() + corpus.target_lengths[members].sum())
        padded = count * bucket.rows * (bucket.source_length + bucket.target_length)
        padded_total, real_total, pairs = padded_total + padded, real_total + real, pairs + len(members)
        shape = f"{bucket.rows} × {bucket.source_length} × {bucket.target_length}"
        lines.append(f"{index + 1:<10}  {shape:<24} {len(members):>8,} {count:>10,} {1 - real / padded:>9.1%}")
    lines.append(f"all         {'':24} {pairs:>8,} {len(batches):>10,} {1 - real_total / padded_total:>9.1%}")
    passes = passes_per_epoch(batches, train.min_epoch_tokens)
    steps = passes * len(batches)
    lines.append(f"an epoch: {passes} × all, {steps:,} steps (train.min_epoch_tokens {train.min_epoch_tokens:,})")
    return "\n".join(lines)


def _odd_settings(data: TrainingData, configuration: Configuration) -> list[str]:
    train = configuration.train
    order = make_order(data.train, data.buckets, train.seed, train.min_epoch_tokens)
    lines = [f"  {sentence}" for sentence in describe_odd_settings(configuration, order.passes, order.steps)]
    return ["\n".join(["settings", *lines])] if lines else []


def _batches(data: TrainingData, seed: int) -> str:
    source, target = data.source_vocabulary.symbols, data.target_vocabulary.symbols
    lines = ["first batches, their first rows"]
    for (sources, inputs), targets in first_batches(data, seed, BATCHES):
        lines.append(f"source {list(sources.shape)}, target_inputs {list(inputs.shape)}, targets {list(targets.shape)}")
        for row in range(min(ROWS, len(sources))):
            shown = [
                " ".join(visible(symbols[value]) for value in ids[row][:SYMBOLS])
                for symbols, ids in ((source, sources), (target, inputs), (target, targets))
            ]
            lines += [
                f"  source         {shown[0]}",
                f"  target_inputs  {shown[1]}",
                f"  targets        {shown[2]}",
                "",
            ]
    return "\n".join(lines).rstrip()
