"""`suspects`: errors in the training data."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.options.settings_command import SettingsCommand
from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    import jsonargparse

SUMMARY = "find errors in the training data: pairs that models which have not seen them disbelieve"
GOES_ON = "where it stopped"
ALSO_CALLED = ("errors", "clean", "noise")
_COMMAND = SettingsCommand(
    "suspects",
    "--run DIR [--parts K] [--workers N] [--show N] [--overwrite] ",
    examples=("--data.train pairs.tsv --run runs/suspects",),
)


def make_parser() -> "jsonargparse.ArgumentParser":
    """What it takes besides the settings."""
    from pipeline.options.settings_options import settings_parser

    parser = settings_parser(_COMMAND)
    parser.add_argument("--run", metavar="DIR", type=str, help="Directory of everything that comes of it.")
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where it was begun already.")
    parts = "Into how many parts the pairs go, each judged by a model of the others; left out: %(default)s."
    parser.add_argument("--parts", metavar="K", type=int, default=4, help=parts)
    parser.add_argument(
        "--workers", metavar="N", type=int, default=None, help="Trainings at the same time; left out: one a processor."
    )
    show = "How many of the suspects to show; left out: %(default)s. All stand in suspects.tsv."
    parser.add_argument("--show", metavar="N", type=int, default=20, help=show)
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """configuration, run, overwrite, parts, workers, show."""
    from pipeline.options.settings_options import parse_settings

    parsed, configuration = parse_settings(_COMMAND, make_parser(), argv)
    if not parsed.run:
        raise UsageError("--run: the directory is missing, as in --run runs/suspects")
    if parsed.show < 0:
        raise UsageError(f"--show {parsed.show}: impossible, it must be at least 0")
    return argparse.Namespace(
        configuration=configuration,
        run=Path(parsed.run),
        overwrite=parsed.overwrite,
        parts=parsed.parts,
        workers=parsed.workers,
        show=parsed.show,
    )


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Train, judge, and write the worst as a table and what there is as JSON."""
    import_tensorflow()
    from pipeline.suspects.search import find_suspects

    how = arguments.parts, arguments.workers, arguments.overwrite
    found = find_suspects(arguments.configuration, arguments.run, *how)
    results.write(found.table(arguments.show))
    results.write_json(found.to_json())
