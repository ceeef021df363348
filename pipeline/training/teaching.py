"""What a teacher says of a run's training data, computed once before the epochs."""

import dataclasses
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.data.batches import PlannedBatch, fill_batch
from pipeline.data.lessons import Lessons, LessonWriter, open_lessons
from pipeline.data.planning.buckets import Bucket, assign_buckets
from pipeline.data.preparation import TrainingData
from pipeline.data.tokenized_corpus import TokenizedCorpus
from pipeline.errors import UsageError, count_of
from pipeline.model.network import Network
from pipeline.model.seeds import set_seed
from pipeline.runs.directory import RunDirectory
from pipeline.runs.named_runs import TEACHERS
from pipeline.saved_models.ensemble_runs import read_member
from pipeline.saved_models.loading import load_network
from pipeline.settings.configuration import Configuration

logger = logging.getLogger(__name__)

PART = 8192
"""Pairs of a part: what is done again at most after a kill."""
MOST_NUMBERS = 1 << 26
"""Of the members' distributions in memory at the same time."""


def teach(configuration: Configuration, directory: RunDirectory, data: TrainingData) -> TrainingData:
    """The same data with what the teacher of `train.teacher` says of every target symbol; without one, as they are.

    What was computed before is opened, also where the teacher is no longer there.

    Args:
        configuration: Every setting.
        directory: The run, its data prepared.
        data: From `open_run`.

    Raises:
        UsageError: The teacher is not there, and what it says is not whole.
        DataError: Its weights are damaged.
    """
    train = configuration.train
    if train.teacher is None:
        return data
    kept = min(train.teacher_symbols, len(data.target_vocabulary))
    made_of = [_own(data).fingerprint, TEACHERS.weights(directory), kept]
    fingerprint = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
    place = directory.data / "teacher"
    lessons = open_lessons(place, fingerprint)
    if lessons is None:
        runs = TEACHERS.find(train.teacher)
        _require_there(runs, directory)
        logger.info("teacher: the training data are taken once through %s", " and ".join(str(run.path) for run in runs))
        _compute(runs, data, LessonWriter(place, fingerprint, kept), kept)
        lessons = open_lessons(place, fingerprint)
        assert lessons is not None
    # A training that finds it computed must draw the same numbers as the one that had to load the teacher.
    set_seed(train.seed, train.deterministic)
    return data._replace(train=dataclasses.replace(_own(data), lessons=lessons))


def _own(data: TrainingData) -> TokenizedCorpus:
    """The training pairs; a prepared corpus has no teacher, which was refused before."""
    assert isinstance(data.train, TokenizedCorpus)
    return data.train


def _require_there(runs: Sequence[RunDirectory], directory: RunDirectory) -> None:
    for run in runs:
        if not run.exists():
            raise UsageError(
                f"{TEACHERS.key}: {run.path}: no such run, and what it says of the training data is not whole in "
                f"{directory.data}; bring it back, or give the place where it is now"
            )


def _compute(runs: Sequence[RunDirectory], data: TrainingData, writer: LessonWriter, kept: int) -> None:
    """Take the training pairs through the mean of some runs, part by part."""
    corpus, assigned = _own(data), assign_buckets(_own(data), data.buckets)
    look = _make_look(load_network([read_member(run) for run in runs]), kept)
    most = MOST_NUMBERS // (len(data.target_vocabulary) * len(runs))
    began, before = time.monotonic(), writer.pairs
    if before:
        logger.info("teacher: going on after %s", count_of(before, "pair"))
    for first in range(before, len(corpus), PART):
        part = np.arange(first, min(first + PART, len(corpus)))
        total = int(corpus.target_lengths[part].sum())
        lessons = Lessons(np.zeros([total, kept], np.int32), np.zeros([total, kept], np.float32))
        for batch in _batches(part, assigned[part], data.buckets, most):
            (source, _), targets = fill_batch(corpus, batch)
            found = look(source, corpus.source_lengths[batch.indices], targets)
            columns = np.arange(targets.shape[1])
            real = columns < corpus.target_lengths[batch.indices][:, None]
            places = (corpus.target_offsets[batch.indices] - corpus.target_offsets[first])[:, None] + columns
            for values, known in zip(lessons, found, strict=True):
                values[places[real]] = known.numpy()[real]
        writer.append(len(part), lessons)
        speed = (writer.pairs - before) / max(time.monotonic() - began, 1e-6)
        left = (len(corpus) - writer.pairs) / speed / 60
        logger.info("teacher: %d of %d pairs, %.0f a second, %.1f min left", writer.pairs, len(corpus), speed, left)
    writer.finish()


def _batches(part: np.ndarray, assigned: np.ndarray, buckets: list[Bucket], most: int) -> Iterator[PlannedBatch]:
    """Pairs in the shapes of the training, with at most so many target symbols at a time."""
    for number, bucket in enumerate(buckets):
        members = part[assigned == number]
        rows = max(1, min(bucket.rows, most // bucket.target_length))
        for first in range(0, len(members), rows):
            indices = members[first : first + rows]
            yield PlannedBatch(bucket._replace(rows=len(indices)), indices)


def _make_look(network: Network, kept: int) -> Callable[..., Any]:
    """A function from sources, their lengths and targets to symbols and probabilities, `[batch, target, k]`."""
    ids, lengths = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)

    @tf.function(input_signature=[ids, lengths, ids], autograph=False)
    def look(source: Any, lengths: Any, targets: Any) -> Any:
        values, symbols = tf.math.top_k(network.log_probabilities(source, lengths, targets), kept)
        return symbols, tf.nn.softmax(values)

    return look
