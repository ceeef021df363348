"""The other direction: settings under which the targets of the same data are sources."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.defaults.configure import fit_to_data
from pipeline.defaults.fitted import FittedConfiguration
from pipeline.errors import UsageError
from pipeline.pairs.columns import BY_DEFAULT, Columns
from pipeline.pairs.locations import BUILT_IN, TrainingLocation, is_prepared, list_corpora, split_location, turn_sides
from pipeline.runs.directory import RunDirectory
from pipeline.runs.model_paths import back_of
from pipeline.runs.named_runs import EARLIER, TEACHERS
from pipeline.settings.changes import by_name, read_setting, replace_settings
from pipeline.settings.configuration import Configuration

logger = logging.getLogger(__name__)

_SPLITS = ("data.train", "data.dev", "data.test")
_SIDES = (("text.source_tokenizer", "text.target_tokenizer"), ("text.source_separator", "text.target_separator"))
_FORMS = ("text.normalization", "text.target_normalization")
# What is made for one direction, and is nothing to the other.
_ONE_WAY = ("data.unlabeled", "search.dictionary")


def reverse(configuration: Configuration, earlier: Mapping[str, Any] | None = None) -> Configuration:
    """The configuration of the other direction: what were targets are sources, features stay features.

    Columns, the files of two sides, tokenizers, separators and normal forms change sides. What followed from the data
    follows anew, from the data turned round, for their targets are others.

    Args:
        configuration: Of one direction.
        earlier: Settings by `section.key` that the other direction has already, as those of a run that goes on: they
            stand where the data would decide.

    Raises:
        UsageError: Something there makes no sense in both directions.
        DataError: The data cannot be used.
    """
    if not isinstance(configuration, FittedConfiguration):
        return replace_settings(Configuration(), turn_settings(by_name(configuration.to_dict())))
    names = {*configuration.given, "data.columns", *(_FORMS if set(_FORMS) & set(configuration.given) else ())}
    given = turn_settings({name: read_setting(configuration, name) for name in sorted(names)})
    if earlier:
        return replace_settings(FittedConfiguration(given=tuple(given)), {**earlier, **given})
    return fit_to_data(given)


def turn_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by `section.key` of the other direction.

    Args:
        settings: Those of one; of normal forms both or none.

    Raises:
        UsageError: See `reverse`.
    """
    turned = dict(settings)
    _require_both_ways(settings)
    for name in _SPLITS:
        if settings.get(name) is not None:
            turned[name] = turn_sides(settings[name])
    turned["data.columns"] = _turn_columns(settings.get("data.columns"), [settings.get(name) for name in _SPLITS])
    for one, other in _SIDES:
        for name, source in ((one, other), (other, one)):
            turned.pop(name, None)
            if source in settings:
                turned[name] = settings[source]
    if _FORMS[0] in settings:
        source = settings[_FORMS[0]]
        target = settings.get(_FORMS[1]) or source
        turned |= {_FORMS[0]: target, _FORMS[1]: None if source == target else source}
    if settings.get(EARLIER.key):
        turned[EARLIER.key] = _find_earlier(settings[EARLIER.key])
    for name in _ONE_WAY:
        if settings.get(name) is not None:
            logger.info("%s: %s is left out of the way back, for it is of one direction", name, settings[name])
            turned[name] = None
    return turned


def _require_both_ways(settings: Mapping[str, Any]) -> None:
    if is_prepared(settings.get("data.train")):
        raise UsageError(
            f"data.train: {settings['data.train']} was prepared for one direction; prepare the files for the other "
            "too, with data.columns or the two files the other way round, and train each by itself"
        )
    if settings.get(TEACHERS.key):
        raise UsageError(
            f"{TEACHERS.key}: {settings[TEACHERS.key]} knows one direction and cannot teach both; train each by itself"
        )


def _turn_columns(columns: Columns | None, locations: list[TrainingLocation | None]) -> Columns | None:
    """The columns with source and target changed; None where all data are files of two sides, which have none."""
    corpora = [corpus for place in locations if place is not None for corpus, _ in list_corpora(place)]
    built_in = [corpus for corpus in corpora if isinstance(corpus, str) and corpus in BUILT_IN]
    if columns is None and all(corpus not in built_in and len(split_location(corpus)) == 2 for corpus in corpora):
        return None
    own = columns or BY_DEFAULT
    if built_in and isinstance(own["source"], str):
        raise UsageError(
            f"data.columns: {built_in[0]} has no header, its columns cannot be turned round by name; give numbers"
        )
    turned = {**own, "source": own["target"], "target": own["source"]}
    # None where these are the first two.
    return None if turned == BY_DEFAULT else turned


def _find_earlier(place: str) -> str:
    run = RunDirectory(back_of(Path(place)))
    if not run.exists():
        raise UsageError(
            f"{EARLIER.key}: {place} goes one way, and there is no run of the other in {run.path}; train both from the "
            "beginning, or each by itself"
        )
    return str(run.path)
