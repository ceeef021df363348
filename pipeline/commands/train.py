"""`train`: a training, or going on with one."""

import argparse
import logging
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.options.settings_command import SettingsCommand
from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    import jsonargparse

logger = logging.getLogger(__name__)

SUMMARY = "train a model, or go on with a training that was interrupted"
GOES_ON = "where the training stopped"
ALSO_CALLED = ("fit", "learn")
_COMMAND = SettingsCommand(
    "train",
    "[--run DIR] [--overwrite] [--seed N] [--seeds N] ",
    examples=(
        "--data.train pairs.tsv --run runs/mine",
        "--config sentences --data.train train.de,train.en --data.dev dev.de,dev.en",
        "--data.train pairs.tsv --seeds 3 --run runs/three",
        "--data.train pairs.tsv --model.units 64 --train.min_epoch_tokens 20000 --run runs/first-try",
    ),
)


def make_parser() -> "jsonargparse.ArgumentParser":
    """What it takes besides the settings."""
    from pipeline.options.settings_options import settings_parser

    parser = settings_parser(_COMMAND)
    parser.add_argument("--run", metavar="DIR", type=str, help="Run directory; left out: runs/ and --config's name.")
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where a run exists already.")
    parser.add_argument(
        "--seeds",
        metavar="N",
        type=int,
        help="Train with so many seeds, --seed and those after it, side by side in DIR/seed-1 and so on, and report "
        "mean and spread.",
    )
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """configuration, run, overwrite, seeds."""
    from pipeline.options.settings_options import parse_settings

    parsed, configuration = parse_settings(_COMMAND, make_parser(), argv, _settings_of_run)
    if parsed.seeds is not None and parsed.seeds < 1:
        raise UsageError(f"--seeds {parsed.seeds}: impossible, it must be at least 1")
    options = {"overwrite": parsed.overwrite, "seeds": parsed.seeds}
    return argparse.Namespace(configuration=configuration, run=_place(parsed), **options)


def _place(parsed: "jsonargparse.Namespace") -> Path:
    return Path(parsed.run) if parsed.run else Path("runs") / Path(parsed.config).stem


def _settings_of_run(parsed: "jsonargparse.Namespace") -> dict[str, Any]:
    """Those that a run has which goes on, or the first of several seeds; none where one begins."""
    from pipeline.runs.directory import RunDirectory, load_configuration
    from pipeline.settings.changes import by_name

    place = _place(parsed)
    directory = RunDirectory(place if parsed.seeds is None else place / f"seed-{parsed.train.seed}")
    if parsed.overwrite or not directory.exists():
        return {}
    directory.check()
    return by_name(load_configuration(directory).to_dict())


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Train, and write the figures as JSON."""
    import_tensorflow()
    from pipeline.process.children import CHILD, end_with_parent
    from pipeline.training.run import train

    if arguments.seeds is not None:
        _train_seeds(arguments, results)
        return
    if CHILD in os.environ:
        end_with_parent()
    results.write_json(train(arguments.configuration, arguments.run, overwrite=arguments.overwrite))


def _train_seeds(arguments: argparse.Namespace, results: Results) -> None:
    from pipeline.options.arguments import PROGRAM
    from pipeline.study.seeds import train_seeds

    found = train_seeds(arguments.configuration, arguments.run, arguments.seeds, arguments.overwrite)
    results.write(found.table())
    results.write_json(found.to_json())
    best, split = found.best, found.trainings[0].result["split"]
    if len(found.trainings) > 1:
        logger.info("all as an ensemble:  %s evaluate %s %s", PROGRAM, shlex.quote(found.ensemble), split)
    places = map(shlex.quote, (str(best.run), f"{found.path}-export"))
    logger.info("the best on dev:     %s export %s %s", PROGRAM, *places)
