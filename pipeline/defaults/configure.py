"""`configure`: from a preset or a file and changes, or from the data themselves, to a configuration."""

import dataclasses
import itertools
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.defaults.choice import Choice
from pipeline.defaults.facts import LOOKED_AT, Facts, count_facts, take
from pipeline.defaults.fitted import FittedConfiguration, Given, beside, combine, tell
from pipeline.defaults.tables import choose
from pipeline.defaults.text_choices import choose_text
from pipeline.errors import UsageError
from pipeline.files.bad_lines import BadLines
from pipeline.pairs.locations import is_built_in, is_prepared, source_files
from pipeline.pairs.odd_columns import find_feature_column
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import check_start, look_at_start, read_pairs
from pipeline.prepared.manifest import read_manifest
from pipeline.prepared.settings import settings_from_corpus
from pipeline.runs.named_runs import EARLIER, settings_of
from pipeline.settings.changes import by_name
from pipeline.settings.configuration import Configuration
from pipeline.settings.configure import (
    AUTO,
    DEFAULT_PRESET,
    find_configuration_file,
    given_settings,
    read_sections,
)
from pipeline.settings.configure import configure as configure_named
from pipeline.settings.data import FEATURES, DataConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.settings.types import SECTIONS
from pipeline.text.symbols import FEATURE_MARK

logger = logging.getLogger(__name__)


def configure(config: str | os.PathLike[str] | None = None, changes: Mapping[str, Any] | None = None) -> Configuration:
    """The configuration of a preset or file, or the one that fits the data, with changes: for notebooks and scripts.

    Args:
        config: Name of a preset, path of a YAML file, or "auto": settings that `changes` does not name follow from the
            training data, which are read for it; what was chosen is logged. None: "auto" if `changes` has a
            `data.train` of your own, else "cmudict".
        changes: Values by `section.key`, as in `{"model.units": 64}`; paths may be `Path` objects.

    Raises:
        UsageError: Something there is unknown, of a wrong type or impossible.
        DataError: The training data cannot be used.

    Example:
        >>> configure("cmudict", {"model.units": 64, "train.patience": None}).model.units
        64
    """
    given = given_settings(changes or {})
    config = default_config(given) if config is None else config
    if config == AUTO:
        return fit_to_data(given)
    found = by_name(read_sections(find_configuration_file(os.fspath(config)), SECTIONS))
    return configure_named(config, {**_decided({**found, **given}), **(changes or {})})


def default_config(given: Given) -> str:
    """What `--config` is where nobody says it."""
    return AUTO if "data.train" in given and not is_built_in(given["data.train"]) else DEFAULT_PRESET


def inherit(given: Given) -> dict[str, Any]:
    """What the run of `train.init_from` decides where nobody gave it: the network, and how strings are cut.

    Args:
        given: Settings by `section.key` that stay, of a file or a command line.

    Raises:
        UsageError: It is no run.
        DataError: A file of it is not what it wrote.
    """
    place = given.get(EARLIER.key)
    if not place:
        return {}
    settings = {key: value for key, value in settings_of(EARLIER.key, place).items() if key not in given}
    if settings:
        logger.info(
            "%s: the network and how strings are cut are those of %s where nothing else is given (model.units %s)",
            EARLIER.key,
            place,
            settings.get("model.units", given.get("model.units")),
        )
    return settings


def _decided(given: Given) -> dict[str, Any]:
    """What the run of `train.init_from` decides, and a prepared corpus."""
    return {**inherit(given), **settings_from_corpus(given)}


def fit_to_data(given: Given) -> Configuration:
    """The configuration that fits the training data, which are read for it; what was chosen is logged.

    Args:
        given: What stays; "data.train" is needed.

    Raises:
        UsageError: A setting that is given is impossible, or there is no `data.train`.
        DataError: The training data cannot be used.
    """
    if "data.train" not in given:
        raise UsageError("--config auto: give data.train, from which the settings follow, or the name of a preset")
    named, given = tuple(given), {**_decided(given), **given}
    if is_prepared(given["data.train"]):
        return dataclasses.replace(_fit_to_prepared(given), given=named)
    found = _find_features(given)
    pairs, number = _read({**given, **{choice.key: choice.value for choice in found}})
    columns = found[0].value if found else given.get("data.columns") or {}
    separator = given.get("data.feature_separator", DataConfiguration.feature_separator)
    cuts, text = _choose_text(pairs, FEATURES in columns, given)
    if FEATURES in columns:
        text = dataclasses.replace(text, feature_separator=separator)
    sources = number * len({pair.source for pair in pairs}) / max(1, len(pairs))
    facts = dataclasses.replace(count_facts(pairs, number, text), dev=_count_dev(given, sources))
    configuration, choices = combine([*found, *cuts, *choose(beside(facts, [*found, *cuts], given))], given)
    tell(number, choices)
    return dataclasses.replace(configuration, given=named)


def _fit_to_prepared(given: Given) -> FittedConfiguration:
    """Of a prepared corpus what was counted when it was prepared decides, and no pair is read."""
    manifest = read_manifest(Path(given["data.train"]))
    facts = dataclasses.replace(Facts(**manifest.facts), dev=_count_dev(given, manifest.pairs))
    # Nothing is made up of pairs that are ids.
    chosen = [choice for choice in choose(beside(facts, [], given)) if choice.key != "data.hallucinated"]
    configuration, choices = combine(chosen, given)
    tell(manifest.pairs, choices)
    return configuration


def fit_text_to_data(given: Given) -> Configuration:
    """As `fit_to_data`, but only how strings are cut and how long they may be, of the first pairs: for who prepares a
    corpus, whatever is trained on it.

    Raises:
        UsageError: A setting that is given is impossible, or there is no `data.train`.
        DataError: The training data cannot be used.
    """
    if "data.train" not in given:
        raise UsageError("give the files, or data.train")
    named, given = tuple(given), {**inherit(given), **given}
    found = _find_features(given)
    columns = found[0].value if found else given.get("data.columns")
    bad = BadLines(bool(given.get("data.skip_bad_lines")), said=set(source_files(given["data.train"])))
    check_start(given["data.train"], columns)
    pairs = list(itertools.islice(read_pairs(given["data.train"], "train", bad, columns), LOOKED_AT))
    cuts, text = _choose_text(pairs, FEATURES in (columns or {}), given)
    lengths = [
        choice
        for choice in choose(count_facts(pairs, len(pairs), text))
        if choice.key.startswith("text.") or choice.key == "data.max_length"
    ]
    configuration, choices = combine([*found, *cuts, *lengths], given)
    tell(len(pairs), choices)
    return dataclasses.replace(configuration, given=named)


def _choose_text(pairs: Sequence[Pair], features: bool, given: Given) -> tuple[list[Choice], TextConfiguration]:
    """How strings are cut, by their texts alone where features stand behind them, and the section that comes of it."""
    texts = [pair._replace(source=pair.source.partition(FEATURE_MARK)[0]) for pair in pairs] if features else pairs
    cuts = choose_text(texts, given)
    return cuts, TextConfiguration(**_section("text", {**{cut.key: cut.value for cut in cuts}, **given}))


def _find_features(given: Given) -> list[Choice]:
    """The columns of tables of which one holds features, the same in all files; nothing where they are given."""
    if "data.columns" in given:
        return []
    names = [name for name in ("train", "dev", "test") if given.get(f"data.{name}") is not None]
    data = DataConfiguration(**{name: given[f"data.{name}"] for name in names})
    places = [getattr(data, name) for name in names]
    found = [find_feature_column(shape) for place in places for shape in look_at_start(place)]
    if not found or found[0] is None or any(columns != found[0] for columns in found):
        return []
    return [Choice("data.columns", found[0], f"column {found[0]['features']} holds features (V;PST)")]


def _read(given: Given) -> tuple[list[Pair], int]:
    names = ("train", "columns", "train_size", "shares", "skip_bad_lines")
    data = DataConfiguration(**{name: given[f"data.{name}"] for name in names if f"data.{name}" in given})
    check_start(data.train, data.columns)
    # What is left out will be said when the data are prepared.
    bad = BadLines(data.skip_bad_lines, said=set(source_files(data.train)))
    from pipeline.pairs.splits import open_part  # with NumPy, which `--help` does without

    return take(open_part(data, bad)())


def _count_dev(given: Given, sources: float) -> int:
    """How many dev sources there are, or about as many as will be held out from so many of the training."""
    size = given.get("data.dev_size", DataConfiguration.dev_size)
    if given.get("data.dev") is None:
        return round(size * sources) if size < 1 else int(size)
    bad = BadLines(bool(given.get("data.skip_bad_lines")), said=set(source_files(given["data.dev"])))
    return len({pair.source for pair in read_pairs(given["data.dev"], "dev", bad, given.get("data.columns"))})


def _section(name: str, settings: Given) -> dict[str, Any]:
    return {key.partition(".")[2]: value for key, value in settings.items() if key.startswith(f"{name}.")}
