"""How often each source symbol stands in a run's training data."""

import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipeline.data.run_data import load_where_data_are
from pipeline.errors import AttentifError
from pipeline.pairs.locations import is_prepared
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.splits import open_splits
from pipeline.runs.directory import RunDirectory
from pipeline.saved_models.ensemble_runs import find_runs
from pipeline.settings.configuration import Configuration
from pipeline.text.chunks import CHUNK, in_chunks
from pipeline.text.symbols import SPECIAL_SYMBOLS
from pipeline.text.vocabulary import load_vocabularies

logger = logging.getLogger(__name__)

BLOCK = 1 << 22
"""Ids that are counted at once."""


def count_training_symbols(model: Path | None) -> Counter[str] | str:
    """The symbols of the training sources of a run, of the first one of an ensemble; or why they are not known.

    They are counted in the ids that the run keeps; where these were deleted, in the training data themselves.

    Args:
        model: Its path; None of a model of which nobody said it.
    """
    if model is None:
        return "the model was given as an object, which does not know its training data; give the path of its run"
    runs = find_runs(model)
    if runs is None:
        return f"{model} is no run, and an export or a folder does not know how often its symbols stood in training"
    try:
        return _count(runs[0])
    except (AttentifError, OSError, ValueError, LookupError) as error:
        return f"{runs[0].path}: its training data cannot be read any more ({error})"


def _count(run: RunDirectory) -> Counter[str]:
    from pipeline.data.tokenized_corpus import open_corpus  # with TensorFlow, which a run needs anyway

    vocabulary = load_vocabularies(run.vocabulary)[0]
    configuration = load_where_data_are(run)
    if is_prepared(configuration.data.train):
        counts = _count_prepared(Path(str(configuration.data.train)), len(vocabulary))
    elif (run.data / "train" / "manifest.json").is_file():
        counts = _count_ids([open_corpus(run.data / "train").source_ids], len(vocabulary))
    else:
        counts = _count_again(run, configuration)
    kept = zip(vocabulary.symbols[len(SPECIAL_SYMBOLS) :], counts[len(SPECIAL_SYMBOLS) :].tolist(), strict=True)
    return Counter(dict(kept))


def _count_prepared(folder: Path, size: int) -> np.ndarray:
    from pipeline.data.prepared.corpus import open_prepared

    corpus = open_prepared(folder)
    return _count_ids((corpus.ids(shard)[0] for shard in range(len(corpus.manifest.shards))), size)


def _count_ids(parts: Iterable[np.ndarray], size: int) -> np.ndarray:
    counts = np.zeros(size, np.int64)
    for ids in parts:
        for begin in range(0, len(ids), BLOCK):
            counts += np.bincount(ids[begin : begin + BLOCK], minlength=size)
    return counts


def _count_again(run: RunDirectory, configuration: Configuration) -> np.ndarray:
    from pipeline.text.processor import make_texts

    vocabularies = load_vocabularies(run.vocabulary)
    text = make_texts(configuration.text, *vocabularies)[0]
    train = open_splits(configuration.data, configuration.train.seed, configuration.text, looks=False)["train"]
    logger.info("%s: its ids are gone, the training data are read again to count symbols", run.path)
    counts = np.zeros(len(vocabularies[0]), np.int64)
    for chunk in in_chunks(train(), CHUNK, _count_characters):
        ids = text.encode([pair.source for pair in chunk]).flat_values.numpy()
        counts += np.bincount(ids, minlength=len(counts))
    return counts


def _count_characters(pair: Pair) -> int:
    return len(pair.source)
