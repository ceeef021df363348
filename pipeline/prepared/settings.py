"""The settings that a prepared corpus has decided: taken from it where nobody gives them, others are refused."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.pairs.locations import is_prepared
from pipeline.prepared.manifest import Manifest, read_manifest
from pipeline.settings.changes import by_name
from pipeline.settings.configuration import Configuration

logger = logging.getLogger(__name__)

_DATA = ("columns", "feature_separator", "max_length", "min_length", "max_ratio", "drop_duplicates", "skip_bad_lines")
_FREE = ("text.sampling",)
_FOLLOWS = "text.feature_separator"
"""From others, whatever is given."""


def decided_settings(configuration: Configuration) -> dict[str, Any]:
    """By `section.key` those on which the ids of a corpus depend, or which of its pairs there are.

    Example:
        >>> found = decided_settings(Configuration())
        >>> found["text.lowercase"], found["data.max_length"], "text.sampling" in found
        (False, 64, False)
    """
    settings = by_name(configuration.to_dict())
    names = [name for name in settings if name.startswith("text.") and name not in _FREE]
    return {name: settings[name] for name in [*names, *(f"data.{key}" for key in _DATA)]}


def settings_from_corpus(given: Mapping[str, Any]) -> dict[str, Any]:
    """What follows where `data.train` is a prepared corpus: its settings, and its held-out dev set; else nothing.

    Args:
        given: Settings by `section.key`, of a file or a command line.

    Raises:
        UsageError: One that is given is another than the corpus was prepared with.
        DataError: The manifest cannot be read.
    """
    location = given.get("data.train")
    if not is_prepared(location):
        return {}
    manifest = read_manifest(Path(str(location)))
    _require_same({key: value for key, value in given.items() if key in manifest.settings}, manifest)
    settings = {key: value for key, value in manifest.settings.items() if key not in given and key != _FOLLOWS}
    if manifest.dev is not None and given.get("data.dev") is None:
        settings["data.dev"] = manifest.dev_location()
    logger.info("%s", _describe(manifest, settings))
    return settings


def require_prepared_so(configuration: Configuration) -> Manifest:
    """The manifest of the corpus that a configuration trains on.

    Raises:
        UsageError: It was prepared with other settings, or cannot do what is asked for.
        DataError: The manifest cannot be read.
    """
    manifest = read_manifest(Path(str(configuration.data.train)))
    _require_same(decided_settings(configuration), manifest)
    for key, value, remedy in (
        ("text.sampling", configuration.text.sampling, "leave it out, or train on the files themselves"),
        ("data.train_size", configuration.data.train_size, "prepare a corpus of fewer files"),
        ("data.hallucinated", configuration.data.hallucinated, "leave it out, or train on the files themselves"),
        ("train.teacher", configuration.train.teacher, "train the student on the files themselves"),
    ):
        if value:
            raise UsageError(f"{key}: {value} is impossible with the prepared corpus {manifest.folder}; {remedy}")
    if configuration.data.dev is None:
        if manifest.dev is None:
            raise UsageError(
                f"data.dev: is missing; {manifest.folder} holds none out, for a dev set was given when it was "
                "prepared: give it here too"
            )
        raise UsageError(f"data.dev: is missing; give {manifest.dev_location()}, which {manifest.folder} has held out")
    return manifest


def _require_same(settings: Mapping[str, Any], manifest: Manifest) -> None:
    for key, value in settings.items():
        prepared = manifest.settings.get(key)
        if value != prepared and key != _FOLLOWS:
            raise UsageError(
                f"{key}: {_show(value)} is impossible, {manifest.folder} was prepared with {_show(prepared)}; leave it "
                "out, or prepare another corpus with it"
            )


def _show(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _describe(manifest: Manifest, settings: Mapping[str, Any]) -> str:
    cut = ", ".join(
        f"{key} {_show(manifest.settings[key])}"
        for key in ("text.source_tokenizer", "text.target_tokenizer", "data.max_length")
    )
    dev = "; dev is what it has held out" if "data.dev" in settings else ""
    return (
        f"{manifest.folder}: prepared, {manifest.pairs:,} pairs in {manifest.lanes} lanes; vocabularies, how strings "
        f"are cut and which pairs are left out are those it was prepared with ({cut}){dev}"
    )
