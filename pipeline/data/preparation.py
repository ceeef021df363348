"""From pairs to what the epochs need: vocabularies, corpora as ids, batch shapes."""

import dataclasses
import hashlib
import itertools
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.data.batches import training_batches
from pipeline.data.data_warnings import split_filter, warn_of_odd_data
from pipeline.data.earlier_run import require_usable
from pipeline.data.length_limits import LengthReport, fit_limits, read_limits, report_limits
from pipeline.data.made_up.stems import make_up
from pipeline.data.planning.buckets import Bucket
from pipeline.data.prepared.corpus import PreparedCorpus, open_prepared
from pipeline.data.prepared.orders import TrainingCorpus, make_order, plan_shapes, require_trainable
from pipeline.data.prepared.telling import tell_of_prepared
from pipeline.data.prepared.vocabularies import take_prepared_vocabularies
from pipeline.data.run_data import describe_changed, record_data, recorded_data
from pipeline.data.subword_sampling import SampledSide
from pipeline.data.teacher import require_fitting, take_vocabularies
from pipeline.data.tokenized_corpus import TokenizedCorpus, tokenize_corpus
from pipeline.data.vocabularies.learned import learn_vocabularies
from pipeline.errors import UsageError, count_of
from pipeline.files.durable import checksum
from pipeline.pairs.cmudict import scanned_once
from pipeline.pairs.data_files import DataFiles, compare_data, contents_of_data, read_data_files
from pipeline.pairs.locations import is_prepared, list_corpora
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.splits import Split, open_splits
from pipeline.prepared.settings import require_prepared_so
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory
from pipeline.runs.named_runs import EARLIER, TEACHERS
from pipeline.settings.configuration import Configuration
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TOKENIZER_KINDS
from pipeline.text.processor import make_texts
from pipeline.text.sampled_cuts import make_cutter, word_starts
from pipeline.text.vocabulary import FEATURES, Vocabulary, copied_ids, load_vocabularies

logger = logging.getLogger(__name__)

Splits = dict[str, Split]


class TrainingData(NamedTuple):
    """Everything that the epochs need of the data."""

    splits: Splits
    source_vocabulary: Vocabulary
    target_vocabulary: Vocabulary
    train: TrainingCorpus
    dev: TokenizedCorpus
    buckets: list[Bucket]
    limits: LengthReport

    @property
    def vocabulary_sizes(self) -> tuple[int, int]:
        """Of source and target."""
        return len(self.source_vocabulary), len(self.target_vocabulary)

    @property
    def copied(self) -> list[int]:
        """The target id of every source id, as `model.copy` has it."""
        return copied_ids(self.source_vocabulary, self.target_vocabulary)

    @property
    def features(self) -> int:
        """How many of the source vocabulary's symbols are features."""
        return self.source_vocabulary.features


def open_run(
    configuration: Configuration,
    directory: RunDirectory,
    *,
    replaces: bool = False,
    looks: bool = True,
    cache: Path | None = None,
    workers: int = 1,
) -> TrainingData:
    """The data of a run, which is begun where there is none yet.

    Args:
        configuration: Every setting.
        directory: The run.
        replaces: Whether a run that is there goes; only when its successor's data could be opened, for a wrong path
            must not cost a finished run.
        looks: Whether the files are looked at and what is odd is said; False where that was done before.
        cache: See `prepare_data`.
        workers: How many processes share each batch.

    Raises:
        UsageError: The directory holds something else, or the run's data are not what they were.
        DataError: The files cannot be used.
    """
    if configuration.data.unlabeled is not None:
        raise UsageError(
            "data.unlabeled: impossible, a training takes pairs alone; `distill` labels such sources with an ensemble, "
            "and `improve` trains one for it"
        )
    if is_prepared(configuration.data.train):
        require_prepared_so(configuration)
        require_trainable(configuration, workers)
    if configuration.train.teacher and (replaces or not directory.exists()):
        require_fitting(configuration, directory)
    if configuration.train.init_from and (replaces or not directory.exists()):
        require_usable(configuration, directory)
    splits = open_splits(configuration.data, configuration.train.seed, configuration.text, looks)
    if replaces:
        directory.remove()
    if not directory.exists():
        directory.begin(configuration, beside_others=replaces)
    return prepare_data(configuration, directory, splits, cache)


@scanned_once()
def prepare_data(
    configuration: Configuration, directory: RunDirectory, splits: Splits, cache: Path | None = None
) -> TrainingData:
    """Vocabularies from the training pairs, corpora as ids, batch shapes; what was done before is opened.

    Args:
        configuration: Every setting.
        directory: The run, begun.
        splits: What `open_splits` found.
        cache: A directory for the ids that several runs share, also at the same time; None keeps them in the run.

    Raises:
        UsageError: The run has checkpoints already, and its files have changed since.
        DataError: The files cannot be used.
    """
    files = _require_same_files(configuration, directory)
    prepared = is_prepared(configuration.data.train)
    kept = {name: splits[name].kept() for name in (("dev",) if prepared else ("train", "dev"))}
    test = {"test": splits["test"].kept()} if "test" in splits else {}
    for named in (TEACHERS, EARLIER):
        if named.of(configuration):
            named.begin(configuration, directory)
    if not directory.has_vocabulary():
        if prepared:
            take_prepared_vocabularies(configuration, directory)
        elif configuration.train.teacher:
            take_vocabularies(configuration, directory)
        else:
            learn_vocabularies(configuration, directory, kept["train"])
    source_vocabulary, target_vocabulary = load_vocabularies(directory.vocabulary)
    source_text, target_text = make_texts(configuration.text, source_vocabulary, target_vocabulary)
    corpora = {}
    streams = {name: split.read for name, split in kept.items()}
    if configuration.data.hallucinated:
        streams["train"] = _with_made_up(configuration, kept["train"])
    for name in kept:
        fingerprint = _fingerprint(configuration, directory, name, files)
        place = directory.data if cache is None else cache / fingerprint[:16]
        pair_filter = split_filter(configuration.data, name)
        corpora[name] = tokenize_corpus(
            streams[name](), source_text, target_text, pair_filter, place / name, fingerprint, kept[name].bad_lines
        )
    train: TrainingCorpus
    if prepared:
        train = open_prepared(Path(str(configuration.data.train)))
        tell_of_prepared(train, configuration.data)
    else:
        # Not on disk: other weights change no ids.
        weights = tuple(weight for _, weight in list_corpora(configuration.data.train))
        corpora["train"] = dataclasses.replace(corpora["train"], weights=weights)
        if configuration.text.sampling:
            corpora["train"] = _sample_subwords(configuration, corpora["train"], source_vocabulary, target_vocabulary)
        train = corpora["train"]
    buckets = plan_shapes(train, configuration.data)
    limits = _set_limits(configuration.search, directory, train)
    vocabularies = source_vocabulary, target_vocabulary
    # Dev and test are read again for their references, which have the same strings.
    data = TrainingData(splits | {"dev": kept["dev"]} | test, *vocabularies, train, corpora["dev"], buckets, limits)
    warn_of_odd_data(configuration, kept | test, corpora, (source_text, target_text), buckets)
    return data


def _with_made_up(configuration: Configuration, train: Split) -> Callable[[], Iterator[Pair]]:
    """A stream of the training pairs, and of those that are made up for them."""

    def stream() -> Iterator[Pair]:
        real = made = 0
        for pair in train():
            real += 1
            yield pair
        for pair in make_up(train, configuration.data.hallucinated, configuration.train.seed):
            made += 1
            yield pair
        told = count_of(made, "pair is", "pairs are")
        level = logging.INFO if made else logging.WARNING  # no source shares three letters with its target
        logger.log(level, "data.hallucinated: %s made up for %s", told, count_of(real, "training pair"))

    return stream


def _sample_subwords(
    configuration: Configuration, corpus: TokenizedCorpus, source: Vocabulary, target: Vocabulary
) -> TokenizedCorpus:
    """The training corpus, its words cut otherwise in every pass, on the sides whose tokenizers can."""
    text, sides, sampled = configuration.text, {"source": source, "target": target}, {}
    for number, (side, vocabulary) in enumerate(sides.items()):
        tokenizer: str = getattr(text, f"{side}_tokenizer")
        if TOKENIZER_KINDS[tokenizer].bytewise:
            rows = corpus.rows(side, np.arange(len(corpus)), 0, 0)
            cutter = make_cutter(tokenizer, vocabulary, text.sampling)
            turned = side == "target" and text.right_to_left
            seed = [configuration.train.seed, number]
            sampled[side] = SampledSide(rows, word_starts(vocabulary), cutter, seed, turned)
    return dataclasses.replace(corpus, sampled=sampled)


def _set_limits(search: SearchConfiguration, directory: RunDirectory, train: TrainingCorpus) -> LengthReport:
    """Measure how long outputs may become; say it, and what limits that were set cut off."""
    counts = train.lengths["count"] if isinstance(train, PreparedCorpus) else None
    sides = (
        (train.lengths["source"], train.lengths["target"])
        if isinstance(train, PreparedCorpus)
        else (train.source_lengths, train.target_lengths)
    )
    source, target = (np.asarray(side) - 1 for side in sides)
    # A run that an earlier version began goes on with the limits it has.
    if not Checkpoints(directory.checkpoints).exist():
        directory.recorded.write({directory.limits: fit_limits(source, target, counts).to_json()})
    report = report_limits(search, read_limits(directory.limits), source, target, counts)
    logger.info("%s", report)
    if report.warning:
        logger.warning("%s", report.warning)
    return report


def _require_same_files(configuration: Configuration, directory: RunDirectory) -> DataFiles:
    """What the data hold, remembered in the run; moved files are noted, changed ones begin anew or are refused."""
    now = read_data_files(configuration)
    if directory.data_info.is_file():
        before = recorded_data(directory)
        found = compare_data(before, now)
        if found.changed and Checkpoints(directory.checkpoints).exist():
            raise UsageError(describe_changed(found.changed, directory))
        if found.changed:
            directory.remove_vocabulary()
        for sentence in found.moved:
            logger.info("%s: %s, same content", directory.path, sentence)
    record_data(directory, now)
    return now


def _fingerprint(configuration: Configuration, directory: RunDirectory, split: str, files: DataFiles) -> str:
    """Names what the ids depend on: settings, vocabularies, and the content of the files, wherever they lie."""
    settings = configuration.to_dict()
    names = "source.txt", "source.model", "target.txt", "target.model", FEATURES
    sides = [directory.vocabulary / name for name in names]
    vocabularies = [checksum(file) for file in sides if file.is_file()]
    without = ("train", "dev", "test", "unlabeled", "batch_tokens", "buckets")
    data = {name: value for name, value in settings["data"].items() if name not in without}
    parts = [split, data, settings["text"], configuration.train.seed, vocabularies, contents_of_data(files)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def first_batches(data: TrainingData, seed: int, count: int) -> list[Any]:
    """The first batches that a training would see."""
    batches = training_batches(make_order(data.train, data.buckets, seed))
    return list(itertools.islice(batches.as_numpy_iterator(), count))
