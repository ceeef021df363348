"""`inspect`: the data as the model will see it."""

import argparse
from typing import TYPE_CHECKING

from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    import jsonargparse

SUMMARY = "show what a configuration makes, without training"


def make_parser() -> "jsonargparse.ArgumentParser":
    """Its options."""
    from pipeline.options.configuration_options import configuration_parser

    return configuration_parser("inspect", "")


def parse(argv: list[str]) -> argparse.Namespace:
    """configuration."""
    from pipeline.options.configuration_options import parse_configuration

    return argparse.Namespace(configuration=parse_configuration(make_parser(), argv)[1])


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Do it."""
    import_tensorflow()
    from pipeline.data.inspection import inspect

    results.write(inspect(arguments.configuration).rstrip("\n") + "\n")
