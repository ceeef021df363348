"""The data of a run: what it was begun with, and whether what is there now is the same."""

import dataclasses
import json
import logging
import os
from pathlib import Path
from typing import Any

from pipeline.errors import DataError, UsageError
from pipeline.pairs.data_files import (
    PLACES,
    DataDifferences,
    DataFiles,
    checksum_of_content,
    compare_data,
    places_of,
    read_data_files,
)
from pipeline.pairs.locations import is_built_in, is_pattern, list_corpora, source_files
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.runs.named_runs import EARLIER, TEACHERS
from pipeline.runs.ownership import require_same
from pipeline.settings.changes import by_name, describe_changes, replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.stores.addresses import is_address

logger = logging.getLogger(__name__)

# Settings that may change while a training is interrupted: they change nothing that the training makes.
MAY_CHANGE = {
    *("train.checkpoint_minutes", "train.checkpoint_steps", "train.keep_checkpoints"),
    *("train.on_write_failure", "train.max_rollbacks"),
}


def recorded_data(directory: RunDirectory) -> DataFiles:
    """Places and checksums as the run has them; no checksums where the data were not read yet."""
    checksums = {}
    if directory.data_info.is_file():
        checksums = json.loads(directory.data_info.read_text(encoding="utf-8"))
    return DataFiles(places_of(load_configuration(directory)), checksums)


def record_data(directory: RunDirectory, now: DataFiles) -> None:
    """Remember where the data are now, and what they hold."""
    contents = {directory.data_info: json.dumps(dict(now.checksums), indent=1) + "\n"}
    configuration = load_configuration(directory)
    if places_of(configuration) != dict(now.places):
        contents |= {
            directory.config: replace_settings(configuration, now.places).to_yaml(),
            **directory.describe_again(),
        }
    directory.recorded.write(contents)


def load_where_data_are(directory: RunDirectory) -> Configuration:
    """The run's configuration, with places that are found from the folder where it was begun, if not from here.

    Raises:
        UsageError: It cannot be read.
    """
    configuration, folder = load_configuration(directory), directory.folder()
    if folder is None:
        return configuration
    places = {key: place and _find_place(place, folder) for key, place in places_of(configuration).items()}
    for named in (TEACHERS, EARLIER):
        runs = named.find(named.of(configuration))
        if runs:
            places[named.key] = ",".join(_find_place(str(run.path), folder) for run in runs)
    return replace_settings(configuration, places)


def _find_place(location: Any, folder: Path) -> Any:
    if isinstance(location, dict):
        places = {key: _find_place(key, folder) for key in location}
        return {place if isinstance(place, str) else ",".join(place): location[key] for key, place in places.items()}
    if isinstance(location, list):
        return [_find_place(place, folder) for place in location]
    if is_built_in(location) or is_address(location) or os.path.lexists(location):
        return location
    if os.path.lexists(folder / location):
        return str(folder / location)
    if is_pattern(location):
        found, there = list_corpora(location), str(folder / location)
        return there if found == [(location, 1.0)] and list_corpora(there) != [(there, 1.0)] else location
    parts = source_files(location)
    return location if len(parts) == 1 else [_find_place(part, folder) for part in parts]


def require_unchanged(directory: RunDirectory) -> None:
    """Refuse to measure a run on data that were replaced while it trained.

    Args:
        directory: The run; its places are read from here.

    Raises:
        UsageError: They were.
    """
    before = recorded_data(directory)
    found = compare_data(before, read_data_files(load_configuration(directory), before.places))
    if found.changed:
        raise UsageError(describe_changed(found.changed, directory))


def warn_of_other_dictionary(directory: RunDirectory, configuration: Configuration) -> None:
    """Say that the file that unknown symbols are looked up in is another than it was.

    Args:
        directory: The run.
        configuration: From `load_where_data_are`.
    """
    path, before = configuration.search.dictionary, recorded_data(directory)
    was = before.checksums.get(str(before.places["search.dictionary"]))
    if path and was and os.path.isfile(path) and checksum_of_content(path) != was:
        logger.warning("%s: changed since the run in %s began; what it holds now is taken", path, directory.path)


def require_same_settings(configuration: Configuration, directory: RunDirectory, free: set[str]) -> list[str]:
    """Refuse to go on with other settings; data may have moved, but what they hold must be the same.

    Args:
        configuration: Every setting.
        directory: The run.
        free: Settings that may change.

    Returns:
        Which data have moved, in sentences.

    Raises:
        UsageError: A setting or the content of a file is not what it was.
        DataError: Data are in another place than they were, and cannot be read there.
    """
    differences, changed, moved = _compare_settings(configuration, directory, free)
    require_same(directory.path, "a run of another configuration", differences)
    if changed:
        raise UsageError(describe_changed(changed, directory))
    return moved


def _compare_settings(
    configuration: Configuration, directory: RunDirectory, free: set[str]
) -> tuple[list[str], list[str], list[str]]:
    """What is another setting, in sentences; the files that changed; what has moved, in sentences."""
    ignored = {*free, *PLACES, TEACHERS.key, EARLIER.key}
    settings = describe_changes(
        *(
            {key: value for key, value in by_name(of.to_dict()).items() if key not in ignored}
            for of in (load_configuration(directory), configuration)
        )
    )
    found = _compare(configuration, directory)
    compared = [named.compare(configuration, directory) for named in (TEACHERS, EARLIER)]
    others = [sentence for other, _ in compared for sentence in other]
    moves = [moved for _, moved in compared if moved]
    return [*settings, *found.other, *others], found.changed, [*found.moved, *moves]


def describe_other_training(configuration: Configuration, directory: RunDirectory) -> str | None:
    """Why a training is not the one that a run holds, finished or not; None if it is.

    Args:
        configuration: Every setting.
        directory: A run.
    """
    try:
        directory.check()
        configuration = keep_earlier_defaults(configuration, directory)
        different, _, _ = _compare_settings(configuration, directory, MAY_CHANGE)
        before = recorded_data(directory)
        changed = [] if different else compare_data(before, read_data_files(configuration, before.places)).changed
    except (UsageError, DataError) as error:
        return str(error)
    different += [f"{path} has changed" for path in changed]
    return f"another training ({'; '.join(different)})" if different else None


def _compare(configuration: Configuration, directory: RunDirectory) -> DataDifferences:
    before = recorded_data(directory)
    if before.places == places_of(configuration) and not directory.result.is_file():
        return DataDifferences([], [], [])  # they are about to be read anyway
    # A finished run can be asked for where its data are no longer.
    return compare_data(before, read_data_files(configuration, before.places))


def keep_earlier_defaults(configuration: Configuration, directory: RunDirectory) -> Configuration:
    """The settings, with those that an earlier version gave the run in the place of what defaults mean now.

    The held-out dev set and the search's limits of a run stay what they were.
    """
    before, search = load_configuration(directory), configuration.search
    if before.data.shares == configuration.data.shares:
        return configuration
    names = ("length_ratio", "length_offset")
    kept = {name: getattr(before.search, name) for name in names if getattr(search, name) is None}
    return dataclasses.replace(
        configuration,
        data=dataclasses.replace(configuration.data, shares=before.data.shares),
        search=dataclasses.replace(search, **kept),
    )


def describe_changed(paths: list[str], directory: RunDirectory) -> str:
    """What to say of data that are not what they were."""
    return (
        f"{', '.join(paths)}: changed since the run in {directory.path} began; "
        "bring the former content back to go on, or train anew with --overwrite"
    )
