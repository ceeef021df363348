"""From pairs to what the epochs need: vocabularies, corpora as ids, batch shapes."""

import collections
import dataclasses
import hashlib
import itertools
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.data.batches import Bucket, TrainingOrder, plan_buckets, training_batches
from pipeline.data.data_warnings import is_told_of_separators, split_filter, warn_of_odd_data, warn_of_separator
from pipeline.data.earlier_run import earlier_vocabularies, extend, require_usable, tell_extended
from pipeline.data.features import learn_features, text_of
from pipeline.data.length_limits import LengthReport, fit_limits, read_limits, report_limits
from pipeline.data.run_data import describe_changed, record_data, recorded_data
from pipeline.data.subword_sampling import SampledSide
from pipeline.data.teacher import require_fitting, take_vocabularies
from pipeline.data.tokenized_corpus import TokenizedCorpus, tokenize_corpus
from pipeline.errors import UsageError, count_of
from pipeline.files.durable import checksum
from pipeline.pairs.cmudict import scanned_once
from pipeline.pairs.data_files import DataFiles, compare_data, contents_of_data, read_data_files
from pipeline.pairs.locations import list_corpora
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.splits import Split, open_splits
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory
from pipeline.runs.named_runs import EARLIER, TEACHERS
from pipeline.settings.configuration import Configuration
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import SIDES, TOKENIZER_KINDS, Side, TextConfiguration
from pipeline.text.learning import learn_vocabulary
from pipeline.text.processor import make_texts
from pipeline.text.sampled_cuts import make_cutter, word_starts
from pipeline.text.separators import SeparatorCounts
from pipeline.text.vocabulary import FEATURES, Vocabulary, copied_ids, load_vocabularies, split_features
from pipeline.unicode.normal_forms import FormCounts, describe_changes

logger = logging.getLogger(__name__)

Splits = dict[str, Split]


class TrainingData(NamedTuple):
    """Everything that the epochs need of the data."""

    splits: Splits
    source_vocabulary: Vocabulary
    target_vocabulary: Vocabulary
    train: TokenizedCorpus
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
) -> TrainingData:
    """The data of a run, which is begun where there is none yet.

    Args:
        configuration: Every setting.
        directory: The run.
        replaces: Whether a run that is there goes; only when its successor's data could be opened, for a wrong path
            must not cost a finished run.
        looks: Whether the files are looked at and what is odd is said; False where that was done before.
        cache: See `prepare_data`.

    Raises:
        UsageError: The directory holds something else, or the run's data are not what they were.
        DataError: The files cannot be used.
    """
    if configuration.data.unlabeled is not None:
        raise UsageError(
            "data.unlabeled: impossible, a training takes pairs alone; `distill` labels such sources with an ensemble, "
            "and `improve` trains one for it"
        )
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
    kept = {name: splits[name].kept() for name in ("train", "dev")}
    for named in (TEACHERS, EARLIER):
        if named.of(configuration):
            named.begin(configuration, directory)
    if not directory.has_vocabulary():
        if configuration.train.teacher:
            take_vocabularies(configuration, directory)
        else:
            _learn_vocabularies(configuration, directory, kept["train"])
    source_vocabulary, target_vocabulary = load_vocabularies(directory.vocabulary)
    source_text, target_text = make_texts(configuration.text, source_vocabulary, target_vocabulary)
    corpora = {}
    for name in ("train", "dev"):
        fingerprint = _fingerprint(configuration, directory, name, files)
        place = directory.data if cache is None else cache / fingerprint[:16]
        pair_filter = split_filter(configuration.data, name)
        corpora[name] = tokenize_corpus(
            kept[name](), source_text, target_text, pair_filter, place / name, fingerprint, kept[name].bad_lines
        )
    # Not on disk: other weights change no ids.
    weights = tuple(weight for _, weight in list_corpora(configuration.data.train))
    corpora["train"] = dataclasses.replace(corpora["train"], weights=weights)
    if configuration.text.sampling:
        corpora["train"] = _sample_subwords(configuration, corpora["train"], source_vocabulary, target_vocabulary)
    buckets = plan_buckets(corpora["train"], configuration.data.buckets, configuration.data.batch_tokens)
    limits = _set_limits(configuration.search, directory, corpora["train"])
    vocabularies = source_vocabulary, target_vocabulary
    # Dev is read again for its references, which have the same strings.
    data = TrainingData(splits | {"dev": kept["dev"]}, *vocabularies, corpora["train"], corpora["dev"], buckets, limits)
    warn_of_odd_data(configuration, kept, corpora, (source_text, target_text), buckets)
    return data


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


def _set_limits(search: SearchConfiguration, directory: RunDirectory, train: TokenizedCorpus) -> LengthReport:
    """Measure how long outputs may become; say it, and what limits that were set cut off."""
    lengths = np.asarray(train.source_lengths) - 1, np.asarray(train.target_lengths) - 1
    # A run that an earlier version began goes on with the limits it has.
    if not Checkpoints(directory.checkpoints).exist():
        directory.recorded.write({directory.limits: fit_limits(*lengths).to_json()})
    report = report_limits(search, read_limits(directory.limits), *lengths)
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


def _learn_vocabularies(
    configuration: Configuration, directory: RunDirectory, pairs: Callable[[], Iterator[Pair]]
) -> None:
    text = configuration.text
    directory.vocabulary.mkdir(exist_ok=True)
    forms = {side: FormCounts() for side in SIDES}
    how = {side: (text.side(side).normalization, text.lowercase) for side in SIDES}
    earlier = earlier_vocabularies(configuration)
    if text.feature_separator is not None:
        features = learn_features(pairs(), text)
        if earlier:
            earlier["source"], known = split_features(earlier["source"])
            features = extend([known], features)
        features.save(directory.vocabulary / FEATURES)
    alike: list[list[Side]] = [["source", "target"]] if text.shared_vocabulary else [["source"], ["target"]]
    for sides in alike:
        marks = SeparatorCounts()
        strings: Iterable[str] = (
            forms[side].see(text_of(pair, side, text), *how[side]) for pair in pairs() for side in sides
        )
        if is_told_of_separators(text, sides):
            strings = map(marks.see, strings)
        before = [earlier[side] for side in sides if side in earlier]
        if before and TOKENIZER_KINDS[text.side(sides[0]).tokenizer].subwords:
            # Other subwords would cut what the earlier run knows into pieces that it does not know.
            vocabulary = before[0]
            collections.deque(strings, maxlen=0)
        else:
            vocabulary = learn_vocabulary(strings, sides, text, configuration.train.seed)
            vocabulary = extend(before, vocabulary) if before else vocabulary
        if before:
            tell_extended(sides, str(EARLIER.of(configuration)), before, vocabulary)
        for side in sides:
            vocabulary.forms = forms[side]
            vocabulary.save(directory.vocabulary / f"{side}.txt")
        warn_of_separator(sides[0], text, marks)
    directory.record_vocabulary()
    _tell_changes(text, forms["source"], forms["target"])


def _tell_changes(text: TextConfiguration, source: FormCounts, target: FormCounts) -> None:
    if any(side.changed or side.lowered or side.is_mixed for side in (source, target)):
        both = text.normalization, text.target_form
        logger.info("train: %s", "; ".join(describe_changes(both, text.lowercase, source, target)))
    turkish = source.turkish + target.turkish
    if turkish:
        logger.warning(
            "train: %s ı or İ, as in Turkish and Azerbaijani, where I is the capital of ı: text.lowercase makes i of "
            "it; lower the data before",
            count_of(turkish, "string has", "strings have"),
        )


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
    batches = training_batches(TrainingOrder(data.train, data.buckets, seed))
    return list(itertools.islice(batches.as_numpy_iterator(), count))
