"""`tune`: tuning, or going on with it."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    import jsonargparse

SUMMARY = "search for better settings, or go on with a search"
GOES_ON = "with the search; the interrupted trial restarts"


def make_parser() -> "jsonargparse.ArgumentParser":
    """Its options."""
    from pipeline.options.configuration_options import configuration_parser
    from pipeline.settings.types import TUNE_SECTIONS

    parser = configuration_parser("tune", "[--run DIR] [--overwrite] [--seed N] ", TUNE_SECTIONS)
    parser.add_argument("--run", metavar="DIR", type=str, help="Directory; left out: runs/ and --config's name, -tune.")
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where a search exists already.")
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """configuration, tune, space, run, overwrite."""
    from pipeline.options.configuration_options import parse_configuration
    from pipeline.settings.presets import find_configuration_file
    from pipeline.settings.tune import TuneConfiguration
    from pipeline.settings.types import TUNE_SECTIONS
    from pipeline.tuning.space import find_space, read_space

    parsed, configuration = parse_configuration(make_parser(), argv, TUNE_SECTIONS)
    tune = TuneConfiguration(**parsed["tune"].as_dict())
    path = find_configuration_file(parsed.config)
    return argparse.Namespace(
        configuration=configuration,
        tune=tune,
        space=read_space(find_space(tune.space, path), configuration),
        run=Path(parsed.run) if parsed.run else Path("runs") / f"{path.stem}-tune",
        overwrite=parsed.overwrite,
    )


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Do it."""
    import_tensorflow()
    from pipeline.process.children import CHILD, end_with_parent
    from pipeline.tuning.tune import tune

    if CHILD in os.environ:
        end_with_parent()
    result = tune(arguments.configuration, arguments.tune, arguments.run, arguments.space, arguments.overwrite)
    if result.trials:
        results.write(result.table())
        results.write_json(result.to_json())
