"""`trial`: one trial of a tuning, in a process of its own; `tune` starts it."""

import argparse
import json

from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results

SUMMARY = ""  # for the use of `tune` alone


def make_parser() -> argparse.ArgumentParser:
    """What it takes."""
    from pipeline.options.arguments import Parser

    parser = Parser("trial", "One trial of a search; `tune` starts it.")
    parser.add_argument("order", metavar="ORDER", help="What to do, in JSON.")
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """order."""
    return make_parser().parse_args(argv)


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Run the trial; its figures are left on disk."""
    import_tensorflow()
    from pipeline.process.children import end_with_parent
    from pipeline.tuning.trial import TrialOrder, run_trial

    end_with_parent()
    run_trial(TrialOrder(**json.loads(arguments.order)))
