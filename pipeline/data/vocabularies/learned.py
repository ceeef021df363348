"""Vocabularies learned from training pairs, beside those of an earlier run."""

import collections
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.data.data_warnings import is_told_of_separators, warn_of_separator
from pipeline.data.earlier_run import earlier_vocabularies, extend, tell_extended
from pipeline.data.features import learn_features, text_of
from pipeline.errors import count_of
from pipeline.pairs.pair_file import Pair
from pipeline.runs.directory import RunDirectory
from pipeline.runs.named_runs import EARLIER
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import SIDES, TOKENIZER_KINDS, Side, TextConfiguration
from pipeline.text.learning import learn_vocabulary
from pipeline.text.separators import SeparatorCounts
from pipeline.text.vocabulary import FEATURES, Vocabulary, split_features
from pipeline.unicode.normal_forms import FormCounts, describe_changes

logger = logging.getLogger(__name__)


def groups_of(text: TextConfiguration) -> list[list[Side]]:
    """The sides that have a vocabulary together.

    Example:
        >>> groups_of(TextConfiguration())
        [['source'], ['target']]
    """
    return [["source", "target"]] if text.shared_vocabulary else [["source"], ["target"]]


def learn_vocabularies(
    configuration: Configuration, directory: RunDirectory, pairs: Callable[[], Iterator[Pair]]
) -> None:
    """Learn both, and write them into a run.

    Args:
        configuration: Every setting.
        directory: The run.
        pairs: Streams the training pairs.

    Raises:
        DataError: Nothing can be learned of them.
    """
    text = configuration.text
    directory.vocabulary.mkdir(exist_ok=True)
    forms = {side: FormCounts() for side in SIDES}
    how = {side: (text.side(side).normalization, text.lowercase) for side in SIDES}
    earlier = earlier_vocabularies(configuration)
    if text.feature_separator is not None:
        write_features(learn_features(pairs(), text), earlier, directory.vocabulary)
    for sides in groups_of(text):
        marks = SeparatorCounts()
        strings: Iterable[str] = (
            forms[side].see(text_of(pair, side, text), *how[side]) for pair in pairs() for side in sides
        )
        if is_told_of_separators(text, sides):
            strings = map(marks.see, strings)
        vocabulary = known_vocabulary(sides, text, earlier)
        if vocabulary is not None:
            collections.deque(strings, maxlen=0)
        else:
            vocabulary = learn_vocabulary(strings, sides, text, configuration.train.seed)
        write_group(vocabulary, sides, configuration, earlier, forms, directory.vocabulary)
        warn_of_separator(sides[0], text, marks)
    directory.record_vocabulary()
    tell_changes(text, forms["source"], forms["target"])


def write_features(features: Vocabulary, earlier: dict[Side, Vocabulary], folder: Path) -> None:
    """Write what features sources have, behind those of an earlier run, whose source vocabulary loses them."""
    if earlier:
        earlier["source"], known = split_features(earlier["source"])
        features = extend([known], features)
    features.save(folder / FEATURES)


def known_vocabulary(
    sides: Sequence[Side], text: TextConfiguration, earlier: Mapping[Side, Vocabulary]
) -> Vocabulary | None:
    """The vocabulary of an earlier run where it stays as it is; None where one is to be learned."""
    before = [earlier[side] for side in sides if side in earlier]
    # Other subwords would cut what the earlier run knows into pieces that it does not know.
    return before[0] if before and TOKENIZER_KINDS[text.side(sides[0]).tokenizer].subwords else None


def write_group(
    vocabulary: Vocabulary,
    sides: Sequence[Side],
    configuration: Configuration,
    earlier: Mapping[Side, Vocabulary],
    forms: Mapping[Side, FormCounts],
    folder: Path,
) -> None:
    """Write the vocabulary of one side, or of both, behind that of an earlier run.

    Args:
        vocabulary: What was learned, or from `known_vocabulary`.
        sides: Whose it is.
        configuration: Every setting.
        earlier: Those of the run of `train.init_from`.
        forms: Counts of normal forms.
        folder: Where to.
    """
    before = [earlier[side] for side in sides if side in earlier]
    if before:
        if known_vocabulary(sides, configuration.text, earlier) is None:
            vocabulary = extend(before, vocabulary)
        tell_extended(sides, str(EARLIER.of(configuration)), before, vocabulary)
    for side in sides:
        vocabulary.forms = forms[side]
        vocabulary.save(folder / f"{side}.txt")


def tell_changes(text: TextConfiguration, source: FormCounts, target: FormCounts) -> None:
    """Say what normal forms and lower case change of the training data."""
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
