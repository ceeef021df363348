"""The splits that a run was trained with, by their names."""

import functools
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

from pipeline.data.run_data import load_where_data_are, recorded_data
from pipeline.errors import AttentifError, UsageError, count_of
from pipeline.files.bad_lines import BadLines
from pipeline.pairs.cmudict import Role
from pipeline.pairs.columns import Columns
from pipeline.pairs.data_files import compare_data, places_of, read_data_files
from pipeline.pairs.locations import TrainingLocation, is_built_in, source_files
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import look_at, read_pairs
from pipeline.pairs.references import overlap
from pipeline.pairs.splits import Split, open_splits
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.saved_models.ensemble_runs import find_runs
from pipeline.settings.configuration import Configuration

logger = logging.getLogger(__name__)

NAMES = ("dev", "test")


def is_own_split(name: str) -> bool:
    """Whether it names a run's own dev or test, and no file that is there."""
    return name in NAMES and (not os.path.lexists(name) or os.path.isdir(name))


def find_own_split(model: Path, name: str) -> Split | None:
    """The run's own dev or test, if `name` is one of these and there is no file of that name.

    Args:
        model: A run, or several with commas between them, whose split must be the same.
        name: What is to be measured on.

    Raises:
        UsageError: The model is an export, the run has no such split, its files have changed since it was trained, or
            the members of an ensemble have different ones.
        DataError: A file cannot be read.
    """
    if not is_own_split(name):
        if name in NAMES:
            logger.info("%s: the file of that name; without it, it would be the run's own %s", name, name)
        return None
    runs = find_runs(model)
    if runs is None:
        raise UsageError(f"{name}: no such file, and {model} is no run, which would know its own {name}; give a file")
    configurations = [load_where_data_are(run) for run in runs]
    kinds = [_describe(configuration, name) for configuration in configurations]
    for run, kind in zip(runs, kinds, strict=True):
        if kind != kinds[0]:
            raise UsageError(f"{name}: that of {run.path} is not that of {runs[0].path}; give a file")
    configuration = configurations[0]
    _require_unchanged(runs[0], configuration, name)
    return _open(configuration, name, str(model))


def find_columns(model: Path, given: Columns | None) -> Columns | None:
    """Which columns a file for a model has: those that are given, else those that its run was trained by.

    Args:
        model: A run, several with commas between them, or something else, of which nothing is known.
        given: What the command line says, see `data.columns`.
    """
    runs = find_runs(model) if given is None else None
    return load_configuration(runs[0]).data.columns if runs else given


def warn_of_trained_on(model: Path, open_pairs: Callable[[], Iterable[Pair]], place: str, effect: str) -> None:
    """Say how many sources of a file stand in the training data of a model: answers to these are righter than others.

    Args:
        model: See `find_columns`; its training data are read.
        open_pairs: Of the file.
        place: The file, for the message.
        effect: What becomes of it.
    """
    for run in find_runs(model) or []:
        try:
            configuration = load_where_data_are(run)
            train = open_splits(configuration.data, configuration.train.seed, configuration.text, looks=False)["train"]
            [seen] = overlap(train(), [open_pairs()], configuration.text)
        except (AttentifError, OSError) as error:
            logger.info("%s: whether it was trained on %s is not known (%s)", run.path, place, error)
            continue
        if seen:
            logger.warning(
                "%s: %s in the training data of %s: answers to what was trained on are righter than "
                "others, and %s; give pairs that it has not seen",
                place,
                count_of(seen, "source of it stands", "sources of it stand"),
                run.path,
                effect,
            )


def _open(configuration: Configuration, name: str, model: str) -> Split:
    """Without the other splits, whose files may be gone."""
    data, location = configuration.data, _location(configuration, name)
    if getattr(data, name) is not None or is_built_in(location):
        look_at(location, columns=data.columns)
        bad = BadLines(data.skip_bad_lines)
        return Split(functools.partial(read_pairs, location, cast(Role, name), bad, data.columns))
    if name == "test":
        raise UsageError(f"{name}: {model} has none, it was trained without data.test; give a file, or dev")
    return open_splits(data, configuration.train.seed, configuration.text)[name]


def _location(configuration: Configuration, name: str) -> TrainingLocation:
    """Where a split's pairs are read."""
    return getattr(configuration.data, name) or configuration.data.train


def _describe(configuration: Configuration, name: str) -> list[Any]:
    """What makes a split the one that it is."""
    data, own = configuration.data, getattr(configuration.data, name)
    if own is not None:
        return [own]
    if is_built_in(data.train):
        return [data.train]
    text = configuration.text
    return [data.train, data.dev_size, data.shares, configuration.train.seed, text.normalization, text.lowercase]


def _require_unchanged(run: RunDirectory, configuration: Configuration, name: str) -> None:
    before = recorded_data(run)
    found = compare_data(before, read_data_files(configuration, places_of(configuration)))
    key = f"data.{name}" if getattr(configuration.data, name) else "data.train"
    files = source_files(_location(configuration, name))
    changed = [path for path in found.changed if path in files]
    # In another place than it was called by: relative to the folder where the run was begun.
    changed += [path for path in files if any(sentence.startswith(f"{key} was ") for sentence in found.other)]
    if changed:
        raise UsageError(
            f"{name}: {', '.join(changed)} has changed since {run.path} was trained, it is not the run's own {name} "
            "any more; bring the former content back, or give the path itself to measure on it as it is"
        )
