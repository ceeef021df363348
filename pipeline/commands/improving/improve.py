"""`improve`: an ensemble's accuracy in one small model."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.improving.label_options import LABEL_OPTIONS, add_label_options, label_options
from pipeline.errors import UsageError
from pipeline.options.settings_command import SettingsCommand
from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    import jsonargparse

SUMMARY = "train several models, and one small one that learns from all of them"
GOES_ON = "where it stopped"
ALSO_CALLED = ("boost", "ensemble")
_COMMAND = SettingsCommand(
    "improve",
    "--run DIR [--hours H] [--members N] [--other-direction N] [--other-attention N] [--workers N] "
    f"{LABEL_OPTIONS}[--overwrite] ",
    examples=(
        "--data.train pairs.tsv --data.dev dev.tsv --run runs/best --hours 4",
        "--data.train pairs.tsv --data.unlabeled words.txt --data.test test.tsv --members 8 --run runs/best",
    ),
)


def make_parser() -> "jsonargparse.ArgumentParser":
    """What it takes besides the settings."""
    from pipeline.options.settings_options import settings_parser

    parser = settings_parser(_COMMAND)
    parser.add_argument("--run", metavar="DIR", type=str, help="Directory of everything that comes of it.")
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where it was begun already.")
    parser.add_argument(
        "--hours", metavar="H", type=float, default=4.0, help="The time that there is; left out: %(default)s."
    )
    parser.add_argument(
        "--members", metavar="N", type=int, default=5, help="The most models that vote; left out: %(default)s."
    )
    parser.add_argument(
        "--other-direction",
        metavar="N",
        type=int,
        default=None,
        help="How many of them find the target in the other order (text.direction); left out: 1 of 3 to 5, 2 of more.",
    )
    parser.add_argument(
        "--other-attention",
        metavar="N",
        type=int,
        default=None,
        help="How many look at their sources in another way (model.attention), where the data chose monotonic; left "
        "out: 1 of up to 4, 2 of more, but no more where the first are far worse on dev.",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=int,
        default=None,
        help="Trainings at the same time, between which the processors are divided; left out: as many as processors.",
    )
    add_label_options(parser)
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """configuration, run, overwrite, how, labels."""
    from pipeline.options.settings_options import parse_settings

    parsed, configuration = parse_settings(_COMMAND, make_parser(), argv, _settings_of_run)
    if not parsed.run:
        raise UsageError("--run: the directory is missing, as in --run runs/best")
    how = ("hours", "members", "other_direction", "other_attention", "workers", "recombined", "teacher_weight")
    return argparse.Namespace(
        configuration=configuration,
        run=Path(parsed.run),
        overwrite=parsed.overwrite,
        how={key: parsed[key] for key in how},
        labels=label_options(parsed),
    )


def _settings_of_run(parsed: "jsonargparse.Namespace") -> dict[str, Any]:
    """Those that it was begun with, if it goes on."""
    from pipeline.improvement.directory import ImprovementDirectory, read_settings

    directory = ImprovementDirectory(Path(parsed.run or ""))
    return read_settings(directory) if parsed.run and directory.exists() and not parsed.overwrite else {}


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Train, label, train, and write the figures as a table and as JSON."""
    import_tensorflow()
    from pipeline.improvement.improve import Improvement, improve
    from pipeline.improvement.inputs import split_unlabeled
    from pipeline.improvement.labels import LabelSettings
    from pipeline.process.children import CHILD, end_with_parent

    if CHILD in os.environ:
        end_with_parent()
    configuration, unlabeled = split_unlabeled(arguments.configuration)
    labels = LabelSettings(**arguments.labels, seed=configuration.train.seed)
    how = Improvement(**arguments.how, labels=labels, unlabeled=unlabeled)
    found = improve(configuration, arguments.run, how, arguments.overwrite)
    results.write((arguments.run / "result.md").read_text(encoding="utf-8"))
    results.write_json(found)
