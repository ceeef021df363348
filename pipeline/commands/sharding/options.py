"""`predict --shards`: many files, each answered into a file of its own."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.process.standard_streams import Results
from pipeline.remote_runs.reading import local_model

if TYPE_CHECKING:
    from pipeline.shards.asked import Asked

_ALONE = ("attention", "alignments", "accuracy", "queue", "round_trip")
"""Options that look at the lines of one file."""


def add_shard_options(parser: argparse.ArgumentParser) -> None:
    """--shards, --out and --workers."""
    from pipeline.options.arguments import positive

    group = parser.add_argument_group(
        "many files",
        "Each has its answers in a file of its own, which is there when it is whole; the same command does what an "
        "interrupted one has left, and shares the work with others that have the same folder (docs/scaling.md).",
    )
    group.add_argument(
        "--shards",
        metavar="PATTERN",
        nargs="+",
        help="Files of lines in the place of FILE: paths, or patterns in quotes with *, ?, [] and ** (folders too).",
    )
    group.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="Where answers go: those to in/a/x.txt.gz of 'in/*/*.gz' to DIR/a/x.answers.txt.gz; .tsv with --n-best, "
        ".jsonl with --json.",
    )
    group.add_argument(
        "--workers",
        metavar="N",
        type=positive,
        help="Processes, of one thread each, a file at a time; left out: the usable cores.",
    )


def check_shard_options(arguments: argparse.Namespace) -> argparse.Namespace:
    """The same, where they go together.

    Raises:
        UsageError: They do not.
    """
    if not arguments.shards:
        for name in ("out", "workers"):
            if getattr(arguments, name) is not None:
                raise UsageError(f"--{name}: needs --shards, which says of which files; one file is answered as it is")
        return arguments
    if arguments.out is None:
        raise UsageError("--shards: needs --out DIR, a folder for the answers")
    if arguments.file != "-":
        raise UsageError(f"--shards: {arguments.file} is given besides; make it one of the shards, or leave it out")
    for name in _ALONE:
        if getattr(arguments, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')}: impossible with --shards; answer one file with it")
    return arguments


def where_it_goes_on(argv: Sequence[str]) -> str | None:
    """Where an interrupted `predict` goes on, if it does."""
    return "with the shards that are not done" if "--shards" in argv else None


def asked_of(arguments: argparse.Namespace) -> "Asked":
    """The model and what is wanted of it, as the command line says."""
    from pipeline.answering.lines.answers import AnswerForm
    from pipeline.shards.asked import Asked

    form = AnswerForm(arguments.n_best, arguments.json, arguments.prefixes)
    how = arguments.beam, arguments.search, arguments.average, arguments.lexicon
    return Asked(local_model(arguments.model), form, *how)


def answer_shards(arguments: argparse.Namespace, results: Results) -> None:
    """Answer the files; a line of figures is the result."""
    from pipeline.shards.predict_shards import predict_shards

    results.write_json(predict_shards(asked_of(arguments), arguments.shards, arguments.out, arguments.workers))
