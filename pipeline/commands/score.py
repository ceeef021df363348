"""`score`: how probable given targets are."""

import argparse
from typing import TYPE_CHECKING

from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    from pipeline.options.model_options import ModelParser

SUMMARY = "say how probable given targets are"


def make_parser() -> "ModelParser":
    """Of `score`: model and pairs."""
    from pipeline.options.model_options import ModelParser

    parser = ModelParser(
        "score",
        "How probable every given target is, a line each: log p (natural logarithm, at most 0, higher is better), end "
        "symbol included. Longer targets have lower ones: compare targets of the same source.",
    )
    parser.add_model("model", "A run directory, an exported SavedModel, or a folder that needs no TensorFlow.")
    parser.add_argument("data", metavar="PAIRS", help="Pairs: a TSV file, or two line-aligned files as SOURCE,TARGET.")
    parser.add_columns()
    parser.add_argument(
        "--tokens",
        action="store_true",
        help="Targets are symbols with a space between, as predict --json gives them as target_tokens, and are not "
        "cut again; invisible characters as \\u escapes, as in a run's vocabulary.",
    )
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """model, data, columns, average, tokens."""
    return make_parser().parse_args(argv)


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Write a number for every pair."""
    from pipeline.answering.line_progress import show_pair_progress
    from pipeline.pairs.reading import read_pairs
    from pipeline.prediction.pair_check import look_first, require_features
    from pipeline.prediction.scoring import score_pairs
    from pipeline.saved_models.opening import open_scorer
    from pipeline.saved_models.own_splits import find_columns

    columns = find_columns(arguments.model, arguments.columns)
    look_first(arguments.data, columns)
    predictor = open_scorer(arguments.model, average=arguments.average)
    require_features(predictor, arguments.data, columns)
    pairs = read_pairs(arguments.data, "test", columns=columns)
    with show_pair_progress(arguments.data, results.on_terminal_of_messages()) as on_progress:
        for score in score_pairs(predictor, pairs, arguments.tokens, arguments.data, on_progress):
            results.write(f"{score:.6f}\n")
