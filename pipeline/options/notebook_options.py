"""The configuration that the command line would make, for notebooks and scripts."""

import json
import os
from collections.abc import Mapping
from typing import Any

from pipeline.errors import UsageError
from pipeline.options.configuration_options import configuration_parser, parse_configuration
from pipeline.settings.configuration import Configuration
from pipeline.settings.presets import DEFAULT_PRESET


def read_configuration(config: str = DEFAULT_PRESET, changes: Mapping[str, Any] | None = None) -> Configuration:
    """The configuration that the command line would make: for notebooks and scripts.

    Args:
        config: Name of a preset or path of a YAML file.
        changes: Values by `section.key`, as in `{"model.units": 64}`; paths may be `Path` objects.

    Raises:
        UsageError: Something there is unknown, of a wrong type or impossible.

    Example:
        >>> read_configuration("cmudict", {"model.units": 64, "train.patience": None}).model.units
        64
    """
    try:
        written = {
            key: os.fspath(value)
            if isinstance(value, str | os.PathLike)
            else json.dumps(value, default=os.fspath, ensure_ascii=False)
            for key, value in (changes or {}).items()
        }
    except (TypeError, ValueError) as error:
        raise UsageError(f"changes: {error}; give text, numbers, lists, mappings or paths") from None
    options = [f"--{key}={value}" for key, value in written.items()]
    return parse_configuration(configuration_parser("train", ""), ["--config", config, *options])[1]
