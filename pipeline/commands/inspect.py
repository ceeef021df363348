"""`inspect`: the data as the model will see it."""

import argparse
from typing import TYPE_CHECKING

from pipeline.options.settings_command import SettingsCommand
from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    import jsonargparse

SUMMARY = "show what a configuration makes, without training"
_COMMAND = SettingsCommand("inspect", examples=("--data.train pairs.tsv --text.target_tokenizer char",))


def make_parser() -> "jsonargparse.ArgumentParser":
    """What it takes."""
    from pipeline.options.settings_options import settings_parser

    return settings_parser(_COMMAND)


def parse(argv: list[str]) -> argparse.Namespace:
    """configuration."""
    from pipeline.options.settings_options import parse_settings

    return argparse.Namespace(configuration=parse_settings(_COMMAND, make_parser(), argv)[1])


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Write what the configuration makes."""
    import_tensorflow()
    from pipeline.data.inspection import inspect

    results.write(inspect(arguments.configuration).rstrip("\n") + "\n")
