"""`shards`: a worker of `predict --shards`, in a process of its own; that starts it."""

import argparse

from pipeline.process.standard_streams import Results

SUMMARY = ""  # for the use of `predict` alone


def make_parser() -> argparse.ArgumentParser:
    """What it takes."""
    from pipeline.options.arguments import Parser

    parser = Parser("shards", "A worker that answers shards; `predict --shards` starts it.")
    parser.add_argument("order", metavar="ORDER", help="What to do, in JSON.")
    parser.add_argument("patterns", metavar="PATTERN", nargs="+", help="Of the files.")
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """order, patterns."""
    return make_parser().parse_args(argv)


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Answer shards until all are done."""
    from pipeline.process.children import end_with_parent
    from pipeline.shards.job import Job
    from pipeline.shards.predict_shards import work

    end_with_parent()
    work(Job.read(arguments.order, arguments.patterns))
