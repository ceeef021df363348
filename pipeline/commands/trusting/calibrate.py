"""`calibrate`: how probable it is that an answer is right."""

import argparse
from typing import TYPE_CHECKING, Any

from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    from pipeline.options.model_options import ModelParser

SUMMARY = "find out how sure a model's answers are, for predict --accuracy"
ALSO_CALLED = ("confidence", "calibration")


def make_parser() -> "ModelParser":
    """Of `calibrate`: model, pairs, search settings."""
    from pipeline.options.model_options import ModelParser

    parser = ModelParser(
        "calibrate",
        "Find out how probable it is that an answer is right, from its score, its margin, its length and the symbols "
        "that training lacks; the numbers are kept in the run, or beside an export. Then predict --json has "
        "confidence, and predict --accuracy splits a list. The last line is a JSON object.",
    )
    parser.add_model("model", "A run directory, an exported SavedModel, or a folder that needs no TensorFlow.")
    data = "Pairs that it was not trained on: a TSV file, two aligned files as SOURCE,TARGET, or dev: the run's own."
    parser.add_argument("data", metavar="DEV", help=data)
    parser.add_argument("--check", metavar="DATA", help="Other pairs, as DEV, on which the result is measured.")
    parser.add_columns()
    parser.add_search()
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """model, data, check, columns, beam, search, average."""
    return make_parser().parse_search(argv)


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Fit, write the numbers and the picture, and the figures as JSON."""
    from pipeline.runtime.folder import is_folder

    if not is_folder(arguments.model):
        from pipeline.process.quiet_tensorflow import import_tensorflow

        import_tensorflow()
    from pipeline.trust.calibrate import calibrate

    how: dict[str, Any] = {"beam_size": arguments.beam, "search": arguments.search, "average": arguments.average}
    how["columns"] = arguments.columns
    results.write_json(calibrate(arguments.model, arguments.data, arguments.check, **how))
