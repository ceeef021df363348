"""From a preset or a YAML file, and changes, to a configuration: the presets, their files, and `configure`."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.settings.checks import suggest
from pipeline.settings.configuration import Configuration
from pipeline.settings.types import ALL_SECTIONS, SECTIONS, checked, setting_names, types_of
from pipeline.settings.yaml_file import read_settings

PRESETS = Path(__file__).parents[1] / "presets"
DEFAULT_PRESET = "cmudict"
AUTO = "auto"
"""In the place of a preset: settings that follow from the data, which `pipeline.defaults` chooses."""


def preset_names() -> list[str]:
    """Names of the presets that come with the project; AUTO is none of them."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml") if "." not in path.stem)


def find_configuration_file(name_or_path: str) -> Path:
    """The YAML file of a preset's name or a path.

    Raises:
        UsageError: Neither a preset nor a file.
    """
    if name_or_path in preset_names():
        return PRESETS / f"{name_or_path}.yaml"
    path = Path(name_or_path)
    if not path.is_file():
        presets = ", ".join([AUTO, *preset_names()])
        near = get_close_matches(name_or_path, [AUTO, *preset_names()], n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(
            f"--config {name_or_path}: no such file, and no preset of that name{meant} (presets: {presets})"
        )
    return path


def configure(
    config: str | os.PathLike[str] = DEFAULT_PRESET, changes: Mapping[str, Any] | None = None
) -> Configuration:
    """The configuration of a preset or file, with changes: for notebooks and scripts.

    Args:
        config: Name of a preset or path of a YAML file.
        changes: Values by `section.key`, as in `{"model.units": 64}`; paths may be `Path` objects.

    Raises:
        UsageError: Something there is unknown, of a wrong type or impossible.

    Example:
        >>> configure("cmudict", {"model.units": 64, "train.patience": None}).model.units
        64
    """
    sections = read_sections(find_configuration_file(os.fspath(config)), SECTIONS)
    for name, value in given_settings(changes or {}).items():
        section, _, key = name.partition(".")
        sections.setdefault(section, {})[key] = value
    return Configuration(**{name: kind(**sections.get(name, {})) for name, kind in SECTIONS.items()})


def given_settings(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes by `section.key`, as YAML would have them and of the settings' types.

    Raises:
        UsageError: Something there is unknown or of a wrong type.

    Example:
        >>> given_settings({"train.learning_rate": 1, "data.train": Path("pairs.tsv")})
        {'train.learning_rate': 1.0, 'data.train': 'pairs.tsv'}
    """
    for name in changes:
        if name not in setting_names():
            raise UsageError(f"{name}: no such key{suggest(name, setting_names())}")
    return {name: checked(name, _plain(name, value)) for name, value in changes.items()}


def read_sections(path: Path, sections: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a settings file says for some sections, by section and key, with the types of the settings.

    Args:
        path: The file.
        sections: Those that are wanted; those of other commands may stand in the file, and are left alone.

    Raises:
        UsageError: The file cannot be read, or a part of it is wrong.
    """
    settings = read_settings(path, {name: list(types_of(kind)) for name, kind in ALL_SECTIONS.items()})
    try:
        return {
            section: {key: checked(f"{section}.{key}", value) for key, value in values.items()}
            for section, values in settings.items()
            if section in sections
        }
    except UsageError as error:
        raise UsageError(f"{error} (in {path})") from None


def _plain(name: str, value: Any) -> Any:
    """A value of Python's as YAML would have it.

    Raises:
        UsageError: YAML has none such.
    """
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple):
        return [_plain(name, part) for part in value]
    if isinstance(value, Mapping):
        return {_plain(name, place): _plain(name, part) for place, part in value.items()}
    if value is None or isinstance(value, str | int | float):
        return value
    wrong = f"{name} is of type {type(value).__name__}"
    raise UsageError(f"changes: {wrong}; give text, numbers, lists, mappings or paths")
