"""Which sources an ensemble labels: those of the training, those that the user has, and pieces recombined."""

import dataclasses
import hashlib
import logging
from collections.abc import Mapping
from typing import NamedTuple

from pipeline.errors import UsageError, count_of
from pipeline.files.bad_lines import Fault
from pipeline.files.lines import scan_lines
from pipeline.improvement.recombination import recombine
from pipeline.pairs.references import fold_source
from pipeline.pairs.splits import Split
from pipeline.settings.configuration import Configuration
from pipeline.unicode.white_space import strip

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
        unlabeled: A file of sources, one a line; may end in .gz.
        recombined: How many sources to make of pieces; None makes as many as the training has where there is no file,
            and none where there is one.

    Raises:
        DataError: The file cannot be read, or a line of it cannot be used and `data.skip_bad_lines` is false.
        UsageError: A number of recombined sources that is impossible.
    """
    if recombined is not None and recombined < 0:
        raise UsageError(f"--recombined: {recombined} is impossible, it must be at least 0")
    text = configuration.text
    if text.feature_separator is not None:
        raise UsageError(
            "data.columns: impossible with features here, labels have no column for them; `train` takes them, or leave "
            "features out of data.columns"
        )
    held_out = {fold_source(pair.source, text) for name in ("dev", "test") if name in splits for pair in splits[name]()}
    chosen: dict[str, str] = {}  # by what a model can tell apart
    for pair in splits["train"]():
        key = fold_source(pair.source, text)
        if key not in held_out:
            chosen.setdefault(key, pair.source)
    of_training = len(chosen)
    if unlabeled is not None:
        _add_file(unlabeled, configuration, chosen, held_out)
    elif recombined is None:
        recombined = of_training
    own = list(chosen.values())
    if recombined:
        known = held_out | set(chosen)
        made = recombine(
            own[:of_training],
            recombined,
            configuration.train.seed,
            lambda source: fold_source(source, text) in known or strip(source) != source,
            characters=text.source.characters,
            separator=text.source_separator,
        )
        logger.info("labels: %s made of the training's pieces (%d wanted)", count_of(len(made), "source"), recombined)
        own += made
    logger.info("labels: %s of the training among %s", f"{of_training:,}", count_of(len(own), "source"))
    return Inputs(own)


def _add_file(path: str, configuration: Configuration, chosen: dict[str, str], held_out: set[str]) -> None:
    text, bad, left_out, known, new = configuration.text, 0, 0, 0, 0
    for number, line in enumerate(scan_lines(path), 1):
        fault = line if isinstance(line, Fault) else _fault_of(path, number, line)
        if fault is not None:
            if not configuration.data.skip_bad_lines:
                raise fault.to_error(", or leave such lines out with --data.skip_bad_lines true")
            bad += 1
            continue
        source = strip(str(line))
        key = fold_source(source, text)
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
    if not new:
        logger.warning("%s: holds no source that the training does not have", path)


def _fault_of(path: str, number: int, line: str) -> Fault | None:
    if not strip(line):
        return Fault(path, number, "blank line", "give a source a line")
    if "\t" in strip(line):
        return Fault(path, number, "a TAB, as in a file of pairs", "give sources alone (cut -f1)")
    return None
