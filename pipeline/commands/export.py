"""`export`: a run as a SavedModel."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    from pipeline.options.model_options import ModelParser

logger = logging.getLogger(__name__)

SUMMARY = "write a run as a SavedModel directory"
ALSO_CALLED = ("save", "convert")


def make_parser() -> "ModelParser":
    """Of `export`: run, directory, search settings."""
    from pipeline.options.model_options import ModelParser

    parser = ModelParser("export", "Write a run as a SavedModel directory that needs none of this code.")
    parser.add_model("run", "Run directory.")
    parser.add_argument("directory", metavar="DIR", type=Path, help="Directory to write.")
    parser.add_n_best(None)
    parser.add_search()
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """run, directory, beam, n_best, search, average."""
    return make_parser().parse_search(argv)


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Export the run."""
    import_tensorflow()
    from pipeline.saved_models.export import export_run

    export_run(
        arguments.run,
        arguments.directory,
        beam_size=arguments.beam,
        n_best=arguments.n_best,
        search=arguments.search,
        average=arguments.average,
    )
    logger.info("exported %s to %s", arguments.run, arguments.directory)
