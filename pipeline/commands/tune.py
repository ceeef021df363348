"""`tune`: tuning, or going on with it."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.options.settings_command import SettingsCommand
from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results
from pipeline.settings.types import TUNE_SECTIONS

if TYPE_CHECKING:
    import jsonargparse

SUMMARY = "search for better settings, or go on with a search"
GOES_ON = "with the search; the interrupted trial restarts"
ALSO_CALLED = ("search", "hyperopt")
_COMMAND = SettingsCommand(
    "tune",
    "[--run DIR] [--overwrite] [--seed N] ",
    TUNE_SECTIONS,
    examples=("--config my.yaml --run runs/tune --tune.trials 20",),
)


def make_parser() -> "jsonargparse.ArgumentParser":
    """What it takes besides the settings."""
    from pipeline.options.settings_options import settings_parser

    parser = settings_parser(_COMMAND)
    parser.add_argument("--run", metavar="DIR", type=str, help="Directory; left out: runs/ and --config's name, -tune.")
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where a search exists already.")
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """configuration, tune, space, run, overwrite."""
    from pipeline.options.settings_options import parse_settings
    from pipeline.settings.configure import AUTO, find_configuration_file
    from pipeline.settings.tune import TuneConfiguration
    from pipeline.tuning.space import find_space, read_space

    parsed, configuration = parse_settings(_COMMAND, make_parser(), argv)
    tune = TuneConfiguration(**parsed["tune"].as_dict())
    path = None if parsed.config == AUTO else find_configuration_file(parsed.config)
    return argparse.Namespace(
        configuration=configuration,
        tune=tune,
        space=read_space(find_space(tune.space, path), configuration),
        run=Path(parsed.run) if parsed.run else Path("runs") / f"{Path(parsed.config).stem}-tune",
        overwrite=parsed.overwrite,
    )


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Tune, and write the trials as a table and as JSON."""
    import_tensorflow()
    from pipeline.process.children import CHILD, end_with_parent
    from pipeline.tuning.tune import tune

    if CHILD in os.environ:
        end_with_parent()
    result = tune(arguments.configuration, arguments.tune, arguments.run, arguments.space, arguments.overwrite)
    if result.trials:
        results.write(result.table())
        results.write_json(result.to_json())
