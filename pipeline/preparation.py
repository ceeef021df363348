"""From pairs to what the epochs need: vocabularies, corpora as ids, batch shapes."""

import hashlib
import itertools
import json
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pipeline.batches import Bucket, assign_buckets, plan_buckets, training_batches
from pipeline.configuration import Configuration
from pipeline.corpus import Pair, overlap
from pipeline.errors import DataError
from pipeline.loading import load_vocabularies, make_texts
from pipeline.run_directory import RunDirectory
from pipeline.text import SPECIAL_SYMBOLS, UNKNOWN, Vocabulary, count_symbols
from pipeline.tokenized_corpus import TokenizedCorpus, tokenize_corpus

logger = logging.getLogger(__name__)

Splits = dict[str, Callable[[], Iterator[Pair]]]


class TrainingData(NamedTuple):
    """Everything that the epochs need of the data."""

    splits: Splits
    source_vocabulary: Vocabulary
    target_vocabulary: Vocabulary
    train: TokenizedCorpus
    dev: TokenizedCorpus
    buckets: list[Bucket]


def prepare_data(configuration: Configuration, directory: RunDirectory, splits: Splits) -> TrainingData:
    """Vocabularies from the training pairs, corpora as ids, batch shapes; what was done before is opened."""
    if not (directory.vocabulary / "target.txt").is_file():
        _learn_vocabularies(configuration, directory, splits["train"])
    source_vocabulary, target_vocabulary = load_vocabularies(directory)
    source_text, target_text = make_texts(configuration.text, source_vocabulary, target_vocabulary)
    corpora = {
        name: tokenize_corpus(
            splits[name](),
            source_text,
            target_text,
            configuration.data.max_length,
            directory.data / name,
            _fingerprint(configuration, directory, name),
        )
        for name in ("train", "dev")
    }
    for name, corpus in corpora.items():
        for reason, count in corpus.dropped.items():
            logger.warning(
                "%s: %d pairs left out of %s, first on line %d: %s (data.max_length %d)",
                name,
                count,
                "training" if name == "train" else "the dev loss, but decoded and measured",
                corpus.first_dropped[reason],
                reason,
                configuration.data.max_length,
            )
    unknown = [int((ids == UNKNOWN).sum()) for ids in (corpora["dev"].source_ids, corpora["dev"].target_ids)]
    if any(unknown):
        logger.warning(
            "dev: %d source and %d target symbols are not in the vocabulary of the training data: they are <unk>",
            *unknown,
        )
    shared = overlap(splits["train"](), splits["dev"](), configuration.text)
    if shared:
        logger.warning("%d dev sources are in the training data too: dev figures will look too good", shared)
    buckets = plan_buckets(corpora["train"], configuration.data.buckets, configuration.data.batch_tokens)
    unusual = int((assign_buckets(corpora["dev"], buckets) == len(buckets)).sum())
    if unusual:
        logger.warning(
            "dev: %d pairs are longer than every training pair: left out of the dev loss, but decoded and measured",
            unusual,
        )
    return TrainingData(splits, source_vocabulary, target_vocabulary, corpora["train"], corpora["dev"], buckets)


def _learn_vocabularies(
    configuration: Configuration, directory: RunDirectory, pairs: Callable[[], Iterator[Pair]]
) -> None:
    text = configuration.text
    directory.vocabulary.mkdir(exist_ok=True)
    for side, tokenizer in (("source", text.source_tokenizer), ("target", text.target_tokenizer)):
        counts = count_symbols((getattr(pair, side) for pair in pairs()), tokenizer, text.normalization, text.lowercase)
        vocabulary = Vocabulary.from_counts(counts, text.min_count, text.max_vocabulary)
        if len(vocabulary) == len(SPECIAL_SYMBOLS):
            raise DataError(
                f"{side}: no symbol occurs {text.min_count} times in the training data; lower text.min_count"
            )
        once = sum(1 for count in counts.values() if count == 1)
        if tokenizer == "space" and once > 0.5 * len(counts) > 50:
            logger.warning(
                "%s: most of its %d symbols occur once; if words should be cut into characters, set "
                "text.%s_tokenizer to char",
                side,
                len(counts),
                side,
            )
        vocabulary.save(directory.vocabulary / f"{side}.txt")


def _fingerprint(configuration: Configuration, directory: RunDirectory, split: str) -> str:
    """Names what the ids depend on: settings, vocabularies, and size and time of the files."""
    parts: list[Any] = [split, configuration.to_dict()["data"], configuration.to_dict()["text"]]
    parts.append(configuration.train.seed)
    for name in ("source.txt", "target.txt"):
        parts.append((directory.vocabulary / name).read_text(encoding="utf-8"))
    for location in (configuration.data.train, configuration.data.dev):
        for path in location if isinstance(location, list) else str(location).split(","):
            if os.path.isfile(path):
                parts.append([path, os.path.getsize(path), os.path.getmtime(path)])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def first_batches(data: TrainingData, seed: int, count: int) -> list[Any]:
    """The first batches that a training would see."""
    batches, _ = training_batches(data.train, data.buckets, seed)
    return list(itertools.islice(batches.as_numpy_iterator(), count))
