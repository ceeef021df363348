"""`train`: a training, or going on with one."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    import jsonargparse

SUMMARY = "train a model, or go on with a training that was interrupted"
GOES_ON = "where the training stopped"


def make_parser() -> "jsonargparse.ArgumentParser":
    """Its options."""
    from pipeline.options.configuration_options import configuration_parser

    parser = configuration_parser("train", "[--run DIR] [--overwrite] [--seed N] ")
    parser.add_argument("--run", metavar="DIR", type=str, help="Run directory; left out: runs/ and --config's name.")
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where a run exists already.")
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """configuration, run, overwrite."""
    from pipeline.options.configuration_options import parse_configuration

    parsed, configuration = parse_configuration(make_parser(), argv)
    run = Path(parsed.run) if parsed.run else Path("runs") / Path(parsed.config).stem
    return argparse.Namespace(configuration=configuration, run=run, overwrite=parsed.overwrite)


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Do it."""
    import_tensorflow()
    from pipeline.process.children import CHILD, end_with_parent
    from pipeline.training.run import train

    if CHILD in os.environ:
        end_with_parent()
    results.write_json(train(arguments.configuration, arguments.run, overwrite=arguments.overwrite))
