"""`export`: a run as a SavedModel, or as a folder that needs no TensorFlow."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    from pipeline.options.model_options import ModelParser

logger = logging.getLogger(__name__)

SUMMARY = "write a run as a SavedModel, or for LiteRT or ONNX Runtime"
ALSO_CALLED = ("save", "convert")


def make_parser() -> "ModelParser":
    """Of `export`: run, directory, format, search settings."""
    from pipeline.options.model_options import ModelParser
    from pipeline.portable.kinds import FORMATS, PRECISIONS

    parser = ModelParser(
        "export",
        "Write a run as a directory that needs none of this code: a SavedModel, or a model for LiteRT or ONNX Runtime "
        "with a file of Python that runs it without TensorFlow.",
    )
    parser.add_model("run", "Run directory.")
    parser.add_argument("directory", metavar="DIR", type=Path, help="Directory to write.")
    formats = "savedmodel (the default), litert or onnx."
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help=formats)
    precisions = "Of the weights, with --format litert: float32 (the default), float16 or int8."
    parser.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0], help=precisions)
    page = "With --format onnx: also a page that runs the model in the browser."
    parser.add_argument("--page", action="store_true", help=page)
    parser.add_argument(
        "--lexicon",
        metavar="FILE",
        type=Path,
        help="Exceptions, source TAB target on every line, whose targets are answered in the place of the model's.",
    )
    parser.add_n_best(None)
    parser.add_search()
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """run, directory, format, precision, page, lexicon, beam, n_best, search, average."""
    return make_parser().parse_search(argv)


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Export the run."""
    from pipeline.portable.exporting import export
    from pipeline.portable.kinds import require_offered

    kind = {"format": arguments.format, "precision": arguments.precision, "page": arguments.page}
    require_offered(**kind)
    import_tensorflow()
    export(
        arguments.run,
        arguments.directory,
        beam_size=arguments.beam,
        n_best=arguments.n_best,
        search=arguments.search,
        average=arguments.average,
        lexicon=arguments.lexicon,
        **kind,
    )
    logger.info("exported %s to %s", arguments.run, arguments.directory)
