"""`prepare`: many files of pairs, tokenised once for all trainings."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.options.settings_command import SettingsCommand
from pipeline.options.training_file import name_training_file
from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    import jsonargparse

SUMMARY = "tokenise many files of pairs once, for all trainings and all their workers"
GOES_ON = "with the shards that are not done"
ALSO_CALLED = ("preprocess", "tokenize", "tokenise", "binarize")
_COMMAND = SettingsCommand(
    "prepare",
    "[FILES] --out DIR [--workers N] [--lanes N] [--overwrite] ",
    examples=(
        "'in/*.tsv.gz' --out corpus",
        "'in/*.de,in/*.en' --config sentences --data.dev dev.de,dev.en --out corpus",
    ),
)
_FLAGS = ("--overwrite", "--help", "-h")


def make_parser() -> "jsonargparse.ArgumentParser":
    """What it takes besides the settings."""
    from pipeline.options.settings_options import settings_parser

    parser = settings_parser(_COMMAND)
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILES",
        type=str,
        help="Files of pairs, each of which becomes a shard: the same as --data.train, a pattern in quotes.",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=str,
        help="The prepared corpus: a folder that `train DIR` and --data.train take in the place of files. Settings of "
        "text, and which pairs are left out, are decided here; without --data.dev, dev is held out here.",
    )
    parser.add_argument("--workers", metavar="N", type=int, help="Processes; left out: the usable cores.")
    parser.add_argument(
        "--lanes",
        metavar="N",
        type=int,
        default=8,
        help="Into how many parts every batch can be shared, a power of two: the most workers that a training may "
        "have; a batch has at least as many rows.",
    )
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where a corpus exists already.")
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """configuration, out, workers, lanes, overwrite."""
    from pipeline.defaults.configure import fit_text_to_data
    from pipeline.options.settings_options import parse_settings

    words = name_training_file(argv, _FLAGS)
    parsed, configuration = parse_settings(_COMMAND, make_parser(), words, _settings_of_corpus, fit_text_to_data)
    if parsed.out is None:
        raise UsageError("--out: is missing; give the folder that the corpus is to be written to")
    for name in ("workers", "lanes"):
        value = getattr(parsed, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value}: impossible, it must be at least 1")
    return argparse.Namespace(
        configuration=configuration,
        out=Path(parsed.out),
        workers=parsed.workers,
        lanes=parsed.lanes,
        overwrite=parsed.overwrite,
    )


def _settings_of_corpus(parsed: "jsonargparse.Namespace") -> dict[str, Any]:
    """Those that a corpus was begun with."""
    from pipeline.prepared.layout import WORK
    from pipeline.preparing.plan import read_plan
    from pipeline.settings.changes import by_name

    if parsed.out is None or parsed.overwrite or not (Path(parsed.out) / WORK / "plan.json").is_file():
        return {}
    return by_name(read_plan(Path(parsed.out)).configuration.to_dict())


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Prepare; a line of figures is the result."""
    import_tensorflow()
    from pipeline.preparing.prepare import prepare_corpus

    found = prepare_corpus(
        arguments.configuration, arguments.out, arguments.lanes, arguments.workers, arguments.overwrite
    )
    results.write_json(found)
