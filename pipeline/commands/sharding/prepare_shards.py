"""`prepare-shards`: a worker of `prepare`, in a process of its own; that starts it."""

import argparse
from pathlib import Path

from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results

SUMMARY = ""  # for the use of `prepare` alone


def make_parser() -> argparse.ArgumentParser:
    """What it takes."""
    from pipeline.options.arguments import Parser

    parser = Parser("prepare-shards", "A worker that prepares shards; `prepare` starts it.")
    parser.add_argument("out", metavar="DIR", type=Path, help="The corpus.")
    parser.add_argument("stage", metavar="STAGE", help="What to do with its shards.")
    parser.add_argument("token", metavar="TOKEN", help="Names the command that started it.")
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """out, stage, token."""
    return make_parser().parse_args(argv)


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Do shards until all are done."""
    from pipeline.process.children import end_with_parent

    end_with_parent()
    import_tensorflow()
    from pipeline.preparing.stages import work

    work(arguments.out, arguments.stage, arguments.token)
