"""`study`: trainings compared."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.options.settings_command import SettingsCommand
from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results
from pipeline.settings.types import STUDY_SECTIONS

if TYPE_CHECKING:
    import jsonargparse

SUMMARY = "show what attention does for long inputs, next to one fixed context"
GOES_ON = "where the trainings stopped"
_COMMAND = SettingsCommand(
    "study length",
    "[--run DIR] [--overwrite] ",
    STUDY_SECTIONS,
    examples=("--config sentences --run runs/study --data.train … --data.dev … --data.test …",),
)


def make_parser() -> "jsonargparse.ArgumentParser":
    """What it takes besides the settings."""
    from pipeline.options.settings_options import settings_parser

    parser = settings_parser(_COMMAND)
    parser.add_argument(
        "--run", metavar="DIR", type=str, help="Directory; left out: runs/ and --config's name, -study."
    )
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where a study exists already.")
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """topic, configuration, study, run, overwrite."""
    from pipeline.options.arguments import PROGRAM
    from pipeline.options.settings_options import parse_settings
    from pipeline.options.suggestions import suggest_command
    from pipeline.settings.study import StudyConfiguration

    if argv[:1] not in (["length"], ["-h"]) and not "".join(argv[:1]).startswith("--help"):
        near = suggest_command(argv[0], {"length": ()}) if argv else ""
        wrong = f"{argv[0]}: no such study{near}" if argv else "a study is missing"
        raise UsageError(f"{wrong} (studies: length; {PROGRAM} study length --help explains)")
    if any(option.split("=")[0] in ("--seed", "--train.seed") for option in argv):
        raise UsageError("--seed: impossible, a study has several; give --study.seeds 1,2")
    parsed, configuration = parse_settings(_COMMAND, make_parser(), argv[argv[0] == "length" :])
    return argparse.Namespace(
        topic="length",
        configuration=configuration,
        study=StudyConfiguration(**parsed["study"].as_dict()),
        run=Path(parsed.run) if parsed.run else Path("runs") / f"{Path(parsed.config).stem}-study",
        overwrite=parsed.overwrite,
    )


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Compare the trainings, and write the figures as a table and as JSON."""
    import_tensorflow()
    from pipeline.study.length import study_length

    found = study_length(arguments.configuration, arguments.study, arguments.run, arguments.overwrite)
    results.write(found.table())
    results.write_json(found.to_json())
