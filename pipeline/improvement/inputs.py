"""Which sources an ensemble labels: those of the training, those that the user has, and pieces recombined."""

import dataclasses
import hashlib
import logging
from collections.abc import Mapping
from typing import NamedTuple

from pipeline.errors import UsageError, count_of
from pipeline.files.bad_lines import Fault
from pipeline.files.lines import scan_lines
from pipeline.improvement.recombination import exchange_features, recombine
from pipeline.pairs.pair_file import join_features
from pipeline.pairs.references import fold_source
from pipeline.pairs.splits import Split
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import TextConfiguration
from pipeline.text.symbols import FEATURE_MARK
from pipeline.unicode.normal_forms import NORMAL_FORMS, normalize_string
from pipeline.unicode.white_space import split, strip

logger = logging.getLogger(__name__)


class Inputs(NamedTuple):
    """What is to be labelled."""

    sources: list[str]
    """Different ones, none of which is in dev or test."""

    @property
    def fingerprint(self) -> str:
        """Of other sources, another."""
        return hashlib.sha256("\n".join(self.sources).encode()).hexdigest()


def split_unlabeled(configuration: Configuration) -> tuple[Configuration, str | None]:
    """The settings as a training takes them, and the file of sources without targets."""
    data = configuration.data
    return dataclasses.replace(configuration, data=dataclasses.replace(data, unlabeled=None)), data.unlabeled


def gather_inputs(
    configuration: Configuration, splits: Mapping[str, Split], unlabeled: str | None, recombined: int | None
) -> Inputs:
    """The sources of the training, those of a file, and recombined ones; what is left out is counted and said.

    Args:
        configuration: Of the student.
        splits: Of the real pairs.
        unlabeled: A file of sources, one a line, with their features behind a TAB where they have any; may end in .gz.
        recombined: How many sources to make of pieces; None follows from the training (`recombined_by_default`) where
            there is no file, and makes none where there is one. Where sources have features, half of them have those of
            other sources.

    Raises:
        DataError: The file cannot be read, or a line of it cannot be used and `data.skip_bad_lines` is false.
        UsageError: A number of recombined sources that is impossible.
    """
    if recombined is not None and recombined < 0:
        raise UsageError(f"--recombined: {recombined} is impossible, it must be at least 0")
    text = configuration.text
    held_out = {_key(pair.source, text) for name in ("dev", "test") if name in splits for pair in splits[name]()}
    chosen = _sources_of_training(splits["train"], text, held_out)
    of_training = len(chosen)
    if unlabeled is not None:
        _add_file(unlabeled, configuration, chosen, held_out)
    elif recombined is None:
        recombined = recombined_by_default(of_training, text.has_sentences)
    own = list(chosen.values())
    if recombined:
        own += _make_sources(own[:of_training], recombined, configuration, held_out | set(chosen))
    logger.info("labels: %s of the training among %s", f"{of_training:,}", count_of(len(own), "source"))
    return Inputs(own)


def recombined_by_default(sources: int, sentences: bool) -> int:
    """How many sources are made of the pieces of so many, where nobody says it.

    Of 10,000 words, whose members have 40.6 % wrong, a student had 39.2 % with 10,000 others, 38.8 % with 40,000, and
    38.5 % with 36,000 real words.

    Example:
        >>> [recombined_by_default(sources, False) for sources in (1000, 50_000, 200_000)]
        [4000, 100000, 200000]
    """
    return sources if sentences else max(sources, min(4 * sources, 100_000))


def _key(source: str, text: TextConfiguration) -> str:
    """What a model can tell of a source: features in their normal form and case, however they are spaced."""
    own, mark, features = source.partition(FEATURE_MARK)
    if text.feature_separator is None or not mark:
        return fold_source(source, text)
    form = normalize_string(features, NORMAL_FORMS[text.normalization].equals, lowercase=False)
    return fold_source(own, text) + mark + text.feature_separator.join(split(form, text.feature_separator))


def _sources_of_training(training: Split, text: TextConfiguration, held_out: set[str]) -> dict[str, str]:
    """Those that are not held out, by what a model can tell apart of them."""
    chosen: dict[str, str] = {}
    tabs = 0
    for pair in training():
        if pair.source.count(FEATURE_MARK) > (text.feature_separator is not None):
            tabs += 1
            continue
        key = _key(pair.source, text)
        if key not in held_out:
            chosen.setdefault(key, pair.source)
    if tabs:
        logger.warning(
            "labels: %s a TAB, which no table can hold, left out", count_of(tabs, "source has", "sources have")
        )
    return chosen


def _make_sources(sources: list[str], wanted: int, configuration: Configuration, known: set[str]) -> list[str]:
    """New ones; where there are features, half of them are sources with the features of others."""
    text, seed = configuration.text, configuration.train.seed

    def is_known(source: str) -> bool:
        return _key(source, text) in known or strip(source) != source

    made: list[str] = []
    if text.feature_separator is not None:
        made = exchange_features(sources, wanted // 2, seed, is_known, text.feature_separator)
        logger.info("labels: %s with the features of others (%d wanted)", count_of(len(made), "source"), wanted // 2)
    missing = wanted - len(made)
    pieces = recombine(
        sources,
        missing,
        seed,
        is_known,
        characters=text.source.characters,
        separator=text.source_separator,
    )
    logger.info("labels: %s made of the training's pieces (%d wanted)", count_of(len(pieces), "source"), missing)
    return list(dict.fromkeys([*made, *pieces]))


def _add_file(path: str, configuration: Configuration, chosen: dict[str, str], held_out: set[str]) -> None:
    text, bad, left_out, known, new, bare = configuration.text, 0, 0, 0, 0, 0
    has_features = text.feature_separator is not None
    for number, line in enumerate(scan_lines(path), 1):
        fault = line if isinstance(line, Fault) else _fault_of(path, number, line, has_features)
        if fault is not None:
            if not configuration.data.skip_bad_lines:
                raise fault.to_error(", or leave such lines out with --data.skip_bad_lines true")
            bad += 1
            continue
        source = strip(str(line))
        if has_features:
            own, _, features = source.partition(FEATURE_MARK)
            source = join_features(strip(own), strip(features))
            bare += FEATURE_MARK not in source
        key = _key(source, text)
        if key in held_out:
            left_out += 1
        elif key in chosen:
            known += 1
        else:
            chosen[key] = source
            new += 1
    logger.info("%s: %s to label, besides %s that the training or the file itself has", path, f"{new:,}", f"{known:,}")
    if left_out:
        which = count_of(left_out, "line is a source", "lines are sources")
        logger.warning("%s: %s of dev or test: taken out, so that figures stay honest", path, which)
    if bad:
        logger.warning("%s: %s left out", path, count_of(bad, "bad line is", "bad lines are"))
    if bare:
        which = count_of(bare, "line has", "lines have")
        logger.warning("%s: %s no features, which the sources of the training have: SOURCE TAB FEATURES", path, which)
    if not new:
        logger.warning("%s: holds no source that the training does not have", path)


def _fault_of(path: str, number: int, line: str, has_features: bool) -> Fault | None:
    source, *others = line.rstrip().split("\t")
    if not strip(line):
        return Fault(path, number, "blank line", "give a source a line")
    if has_features:
        if not strip(source) or len(others) > 1:
            wrong = f"{len(others) + 1} columns" if others[1:] else "no source before the TAB"
            return Fault(path, number, wrong, "give a source and its features, SOURCE TAB FEATURES")
    elif "\t" in strip(line):
        return Fault(path, number, "a TAB, as in a file of pairs", "give sources alone (cut -f1)")
    return None
