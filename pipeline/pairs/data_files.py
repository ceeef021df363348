"""Which files the data are: by what they hold, not by where they lie, so that moved data are the same data."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import DataError
from pipeline.files.durable import checksum, checksum_of_stream
from pipeline.files.lines import GZIP_ERRORS, open_bytes
from pipeline.pairs.cmudict import DATA_FILE
from pipeline.pairs.locations import TrainingLocation, is_built_in, list_corpora, source_files
from pipeline.settings.changes import by_name
from pipeline.settings.configuration import Configuration
from pipeline.stores.copies import is_there, local_copy

PLACES = ("data.train", "data.dev", "data.test", "search.dictionary")
"""The settings that are places of files."""


class DataFiles(NamedTuple):
    """The places of the data in a configuration, and what is there."""

    places: Mapping[str, TrainingLocation | None]
    """By `section.key`."""
    checksums: Mapping[str, str]
    """By path: SHA-256 of what the file holds, of a compressed one of what is in it."""


class DataDifferences(NamedTuple):
    """What is not as it was, in sentences."""

    moved: list[str]
    """Places with the same content in another place."""
    changed: list[str]
    """Files with other content in the same place."""
    other: list[str]
    """Places with another content in another place, which makes them other settings."""


def places_of(configuration: Configuration) -> dict[str, TrainingLocation | None]:
    """The settings of a configuration that are places."""
    settings = by_name(configuration.to_dict())
    return {key: settings[key] for key in PLACES}


def without_places(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings by `section.key` that are no places."""
    return {key: value for key, value in settings.items() if key not in PLACES}


def read_data_files(
    configuration: Configuration, known: Mapping[str, TrainingLocation | None] | None = None
) -> DataFiles:
    """What is now in the places of a configuration.

    Args:
        configuration: Every setting.
        known: Places that may be empty by now; files that are not there are left out.

    Raises:
        DataError: A file cannot be read.
    """
    places, checksums = places_of(configuration), {}
    for key, location in places.items():
        may_be_gone = known is not None and known.get(key) == location
        for path in _files_of(location, may_be_gone):
            if path not in checksums and not (may_be_gone and not _exists(path)):
                checksums[path] = checksum_of_content(path)
    return DataFiles(places, checksums)


def _files_of(location: TrainingLocation | None, may_be_gone: bool) -> list[str]:
    try:
        return [] if location is None else source_files(location)
    except DataError:
        if may_be_gone:
            return []  # a built-in corpus that is not installed
        raise


def _exists(path: str) -> bool:
    return os.path.exists(path) or is_there(path)


def checksum_of_content(path: str) -> str:
    """SHA-256 of what a file holds; of a compressed one of what is in it, so that unpacking changes nothing.

    Raises:
        DataError: It is not there, or no file that can be read twice.
        OSError: It cannot be read.
    """
    place = local_copy(path)
    if not os.path.exists(place):
        raise DataError(f"{path}: no such file; check the path")
    if not os.path.isfile(place):
        raise DataError(f"{path}: is no regular file; save the data as a file first")
    try:
        with open_bytes(path) as file:
            return checksum_of_stream(file)
    except GZIP_ERRORS:
        return checksum(place)  # reading it will say what is wrong


def compare_data(before: DataFiles, now: DataFiles) -> DataDifferences:
    """Whether data are what they were, wherever they lie.

    Args:
        before: As recorded. A file without a checksum, as an earlier version recorded it, is taken to be the same in
            the same place.
        now: As it is; a file without a checksum is not there, and taken to be the same in the same place.
    """
    differences = DataDifferences([], [], [])
    for key in PLACES:
        was, location = before.places.get(key), now.places.get(key)
        if was is None or location is None:
            if was != location:
                differences.other.append(f"{key} was {was!r}, is now {location!r}")
            continue
        old, new = _contents(was, before.checksums), _contents(location, now.checksums)
        if was == location:
            differences.changed.extend(
                path
                for here, there in zip(old, new, strict=True)
                for path, sum_here, sum_there in zip(there.paths, here.checksums, there.checksums, strict=True)
                if sum_here and sum_there and not _is_same(path, sum_there, sum_here)
            )
        elif _match(old, new):
            differences.moved.append(f"{key} moved from {describe_place(was)} to {describe_place(location)}")
        else:
            wrong = f"{key} was {was!r}, is now {location!r}"
            differences.other.append(f"{wrong}, {_describe_other(old, new)}")
    return differences


def other_files(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Paths that are in both and hold something else."""
    return [path for path in now if path in before and not _is_same(path, now[path], before[path])]


def contents_of_data(files: DataFiles) -> dict[str, Any]:
    """What the pairs depend on, whatever the files are called: checksums of every corpus, in their order."""
    return {
        key: None if location is None else [content.checksums for content in _contents(location, files.checksums)]
        for key, location in files.places.items()
        if key.startswith("data.")
    }


class _Content(NamedTuple):
    """One of several corpora."""

    built_in: bool
    weight: float
    paths: list[str]
    checksums: list[str | None]


def _contents(location: TrainingLocation, checksums: Mapping[str, str]) -> list[_Content]:
    """In the order in which they are read."""
    contents = []
    for corpus, weight in list_corpora(location):
        built_in = is_built_in(corpus)
        if built_in:
            # Recorded by the path that it had in the environment of that time.
            paths = [next((path for path in checksums if Path(path).name == DATA_FILE), DATA_FILE)]
        elif isinstance(corpus, str) and corpus in checksums:
            paths = [corpus]  # also with a comma in its name, and also when it is no longer there
        else:
            paths = source_files(corpus)
        contents.append(_Content(built_in, weight, paths, [checksums.get(path) for path in paths]))
    return contents


def _match(before: list[_Content], now: list[_Content]) -> bool:
    return len(before) == len(now) and all(map(_is_same_content, before, now))


def _is_same_content(before: _Content, now: _Content) -> bool:
    if (before.built_in, before.weight, len(before.paths)) != (now.built_in, now.weight, len(now.paths)):
        return False
    checksums = zip(now.paths, now.checksums, before.checksums, strict=True)
    return all(there and here and _is_same(path, there, here) for path, there, here in checksums)


def _is_same(path: str, now: str, before: str) -> bool:
    # Earlier versions recorded compressed files as they are.
    if now == before or not is_there(path):
        return now == before
    return checksum(local_copy(path)) == before and checksum_of_content(path) == now


def _describe_other(before: list[_Content], now: list[_Content]) -> str:
    rest = list(now)
    for content in before:
        found = next((other for other in rest if _is_same_content(content, other)), None)
        if found is None:
            return "of other content"
        rest.remove(found)
    if rest:
        return "of other content"
    return (
        "the same files in another order: corpora of equal weight are read in the order of their names, so give them "
        "names in the former order"
    )


def describe_place(location: TrainingLocation) -> str:
    """For messages.

    Example:
        >>> describe_place("a.tsv"), describe_place(["a.en", "a.de"]), describe_place({"a.tsv": 2, "b.tsv": 1})
        ('a.tsv', 'a.en and a.de', 'a.tsv and b.tsv')
    """
    parts = [location] if isinstance(location, str) else list(location)
    return " and ".join(parts)
