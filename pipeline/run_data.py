"""The data of a run: what it was begun with, and whether what is there now is the same."""

import dataclasses
import json

from pipeline.configuration import Configuration, by_name, describe_changes
from pipeline.data_files import PLACES, DataFiles, Differences, compare_data, places_of, read_data_files
from pipeline.errors import UsageError
from pipeline.run_directory import RunDirectory, load_configuration


def recorded_data(directory: RunDirectory) -> DataFiles:
    """Places and checksums as the run has them; no checksums where the data were not read yet."""
    checksums = {}
    if directory.data_info.is_file():
        checksums = json.loads(directory.data_info.read_text(encoding="utf-8"))
    return DataFiles(places_of(load_configuration(directory)), checksums)


def record_data(directory: RunDirectory, now: DataFiles) -> None:
    """Remember where the data are now, and what they hold."""
    configuration = load_configuration(directory)
    if places_of(configuration) != dict(now.places):
        configuration = _with_places(configuration, now)
    checksums = json.dumps(dict(now.checksums), indent=1) + "\n"
    directory.recorded.write({directory.config: configuration.to_yaml(), directory.data_info: checksums})


def _with_places(configuration: Configuration, files: DataFiles) -> Configuration:
    sections: dict[str, dict[str, object]] = {}
    for name, location in files.places.items():
        section, key = name.split(".")
        sections.setdefault(section, {})[key] = location
    changed = {name: dataclasses.replace(getattr(configuration, name), **keys) for name, keys in sections.items()}
    return dataclasses.replace(configuration, **changed)


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
    ignored = {*free, *PLACES}
    changed = describe_changes(
        *(
            {key: value for key, value in by_name(of.to_dict()).items() if key not in ignored}
            for of in (load_configuration(directory), configuration)
        )
    )
    found = _compare(configuration, directory)
    if changed or found.other:
        raise UsageError(
            f"{directory.path}: holds a run of another configuration ({'; '.join([*changed, *found.other])}); "
            "choose another --run, or replace it with --overwrite"
        )
    if found.changed:
        raise UsageError(describe_changed(found.changed, directory))
    return found.moved


def _compare(configuration: Configuration, directory: RunDirectory) -> Differences:
    before = recorded_data(directory)
    if before.places == places_of(configuration) and not directory.result.is_file():
        return Differences([], [], [])  # they are about to be read anyway
    # A finished run can be asked for where its data are no longer.
    return compare_data(before, read_data_files(configuration, before.places))


def describe_changed(paths: list[str], directory: RunDirectory) -> str:
    """What to say of data that are not what they were."""
    return (
        f"{', '.join(paths)}: changed since the run in {directory.path} began; "
        "bring the former content back to go on, or train anew with --overwrite"
    )
