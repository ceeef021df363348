"""`distill`: one model of several."""

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

SUMMARY = "train one model on what an ensemble makes of inputs"
GOES_ON = "where the labelling or the training stopped"
ALSO_CALLED = ("distil", "distillation")
_COMMAND = SettingsCommand(
    "distill",
    f"ENSEMBLE --run DIR [--weight W] {LABEL_OPTIONS}[--overwrite] ",
    examples=(
        "runs/1,runs/2,runs/3 --run runs/student --data.unlabeled words.txt",
        "runs/1,runs/2,runs/3 --run runs/student --model.units 128 --weight 0.5",
    ),
)


def make_parser() -> "jsonargparse.ArgumentParser":
    """What it takes besides the settings."""
    from pipeline.options.settings_options import settings_parser

    parser = settings_parser(_COMMAND)
    parser.add_argument("--run", metavar="DIR", type=str, help="Run directory of the student, with its labels.")
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where a run exists already.")
    parser.add_argument(
        "--weight",
        metavar="W",
        type=float,
        default=1.0,
        help="How often a pass over the data has each labelled pair; left out: %(default)s.",
    )
    add_label_options(parser)
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """ensemble, configuration, run, how, overwrite."""
    from pipeline.options.arguments import PROGRAM
    from pipeline.options.settings_options import parse_settings
    from pipeline.settings.configure import AUTO

    asks = argv[:1] == ["-h"] or any(word.split("=")[0] == "--help" for word in argv)
    if not asks and (not argv or argv[0].startswith("-")):
        raise UsageError(f"distill: the ensemble is missing, as in {PROGRAM} distill runs/1,runs/2 --run runs/student")
    ensemble = Path(argv[0] if argv and not argv[0].startswith("-") else ".")
    options = argv[1:] if argv and not argv[0].startswith("-") else argv
    settings: dict[str, Any] = {}
    if not asks and not any(word.split("=")[0] == "--config" for word in options):
        settings, options = _student_settings(ensemble), [f"--config={AUTO}", *options]
    parsed, configuration = parse_settings(_COMMAND, make_parser(), options, lambda _: settings)
    if not parsed.run:
        raise UsageError("--run: the directory of the student is missing, as in --run runs/student")
    return argparse.Namespace(
        ensemble=ensemble,
        configuration=configuration,
        run=Path(parsed.run),
        overwrite=parsed.overwrite,
        labels=label_options(parsed),
        weight=parsed.weight,
        recombined=parsed.recombined,
        teacher_weight=parsed.teacher_weight,
    )


def _student_settings(ensemble: Path) -> dict[str, Any]:
    """Those of the first member that writes from left to right: what a student has where nothing else is said.

    Raises:
        UsageError: No such runs.
    """
    from pipeline.data.run_data import load_where_data_are
    from pipeline.saved_models.ensemble_runs import require_runs
    from pipeline.settings.changes import by_name

    settings = [load_where_data_are(run) for run in require_runs(ensemble)]
    forward = [one for one in settings if not one.text.right_to_left]
    return by_name((forward or settings)[0].to_dict())


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Label, train, and write the student's figures as JSON."""
    import_tensorflow()
    from pipeline.improvement.distill import Distillation, distill
    from pipeline.improvement.inputs import split_unlabeled
    from pipeline.improvement.labels import LabelSettings
    from pipeline.process.children import CHILD, end_with_parent

    if CHILD in os.environ:
        end_with_parent()
    configuration, unlabeled = split_unlabeled(arguments.configuration)
    settings = LabelSettings(**arguments.labels, seed=configuration.train.seed)
    how = Distillation(settings, arguments.weight, unlabeled, arguments.recombined, arguments.teacher_weight)
    results.write_json(distill(arguments.ensemble, configuration, arguments.run, how, arguments.overwrite))
