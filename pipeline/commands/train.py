"""`train`: a training, or going on with one."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.options.settings_command import SettingsCommand
from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    import jsonargparse

SUMMARY = "train a model, or go on with a training that was interrupted"
GOES_ON = "where the training stopped"
ALSO_CALLED = ("fit", "learn")
_COMMAND = SettingsCommand(
    "train",
    "[--run DIR] [--overwrite] [--seed N] ",
    examples=(
        "--data.train pairs.tsv --text.target_tokenizer char --run runs/mine",
        "--config sentences --data.train train.de,train.en --data.dev dev.de,dev.en",
        "--data.train pairs.tsv --model.units 64 --train.min_epoch_tokens 20000 --run runs/first-try",
    ),
)


def make_parser() -> "jsonargparse.ArgumentParser":
    """What it takes besides the settings."""
    from pipeline.options.settings_options import settings_parser

    parser = settings_parser(_COMMAND)
    parser.add_argument("--run", metavar="DIR", type=str, help="Run directory; left out: runs/ and --config's name.")
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where a run exists already.")
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """configuration, run, overwrite."""
    from pipeline.options.settings_options import parse_settings

    parsed, configuration = parse_settings(_COMMAND, make_parser(), argv)
    run = Path(parsed.run) if parsed.run else Path("runs") / Path(parsed.config).stem
    return argparse.Namespace(configuration=configuration, run=run, overwrite=parsed.overwrite)


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Train, and write the figures as JSON."""
    import_tensorflow()
    from pipeline.process.children import CHILD, end_with_parent
    from pipeline.training.run import train

    if CHILD in os.environ:
        end_with_parent()
    results.write_json(train(arguments.configuration, arguments.run, overwrite=arguments.overwrite))
