"""`train [FILE]`: a training, or going on with one; FILE is --data.train."""

import argparse
import itertools
import logging
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.options.settings_command import SettingsCommand
from pipeline.options.training_file import name_training_file
from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results
from pipeline.settings.configure import AUTO
from pipeline.stores.addresses import is_address

if TYPE_CHECKING:
    import jsonargparse

    from pipeline.settings.configuration import Configuration

logger = logging.getLogger(__name__)

SUMMARY = "train a model, or go on with a training that was interrupted"
GOES_ON = "where the training stopped"
ALSO_CALLED = ("fit", "learn")
_COMMAND = SettingsCommand(
    "train",
    "[FILE] [--both] [--run DIR] [--overwrite] [--no-export] [--seed N] [--seeds N] [--workers N] ",
    examples=(
        "pairs.tsv",
        "pairs.tsv --data.dev dev.tsv --run runs/mine",
        "--config sentences --data.train train.de,train.en --data.dev dev.de,dev.en",
        "pairs.tsv --both",
        "--data.train pairs.tsv --seeds 3 --run runs/three",
        "--data.train pairs.tsv --model.units 64 --train.min_epoch_tokens 20000 --run runs/first-try",
    ),
)


_FLAGS = ("--overwrite", "--no-export", "--both", "--help", "-h")
"""What takes no value."""


def make_parser() -> "jsonargparse.ArgumentParser":
    """What it takes besides the settings."""
    from pipeline.options.settings_options import settings_parser

    parser = settings_parser(_COMMAND)
    parser.add_argument("file", nargs="?", metavar="FILE", type=str, help="Training data: the same as --data.train.")
    parser.add_argument(
        "--run",
        metavar="DIR",
        type=str,
        help="Run directory, or its address in a store (s3://bucket/runs/mine); left out: runs/ and the name of the "
        "training file, or of --config if that is given; where "
        "another training is there already, the next free one of NAME-2, NAME-3 and so on.",
    )
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where a run exists already.")
    parser.add_argument(
        "--no-export",
        action="store_true",
        help="Leave out the SavedModel, for a training that is but tried; `export` makes it at any time.",
    )
    parser.add_argument(
        "--seeds",
        metavar="N",
        type=int,
        help="Train with so many seeds, --seed and those after it, side by side in DIR/seed-1 and so on, and report "
        "mean and spread.",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=int,
        help="Train in so many processes of this machine, each with a share of every batch and a GPU or as many cores "
        "of its own: the same training as by one. On several machines TF_CONFIG or SLURM names the workers instead.",
    )
    parser.add_argument(
        "--both",
        action="store_true",
        help="Train source to target in DIR and, beside it, target to source in DIR-back, from the same data; "
        "predict --round-trip then marks answers that do not come back to their source.",
    )
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """configuration, run, overwrite, export, seeds, back (that of the other direction, or None), workers, words."""
    from pipeline.options.settings_options import parse_settings

    parsed, configuration = parse_settings(_COMMAND, make_parser(), name_training_file(argv, _FLAGS), _settings_of_run)
    if parsed.seeds is not None and parsed.seeds < 1:
        raise UsageError(f"--seeds {parsed.seeds}: impossible, it must be at least 1")
    if parsed.workers is not None and parsed.workers < 1:
        raise UsageError(f"--workers {parsed.workers}: impossible, it must be at least 1")
    if parsed.workers and (parsed.seeds or parsed.both):
        raise UsageError("--workers: impossible with --seeds and --both, whose trainings share the machine already")
    if parsed.no_export and (parsed.seeds is not None or parsed.both):
        raise UsageError("--no-export: impossible with --seeds and --both, whose runs are all exported; leave it out")
    if (parsed.seeds is not None or parsed.both) and parsed.run and is_address(parsed.run):
        raise UsageError(
            f"--run {parsed.run}: impossible with --seeds and --both, a store takes one training at a time; give a "
            "directory of this machine, or a command for each"
        )
    words = ["train", *_without_workers(argv)]
    options = {"overwrite": parsed.overwrite, "export": not parsed.no_export, "seeds": parsed.seeds}
    options |= {"workers": parsed.workers or 1, "words": words}
    if not parsed.both:
        place = Path(parsed.run) if parsed.run else _choose_place(parsed, [configuration])
        return argparse.Namespace(configuration=configuration, run=place, back=None, **options)
    from pipeline.runs.model_paths import back_of

    back = _turn_round(parsed, configuration)
    place = Path(parsed.run) if parsed.run else _choose_place(parsed, [configuration, back])
    logger.info("the way back, target → source: %s", back_of(place))
    return argparse.Namespace(configuration=configuration, run=place, back=back, **options)


def _turn_round(parsed: "jsonargparse.Namespace", configuration: "Configuration") -> "Configuration":
    """That of the other direction, with the settings that its run has which goes on."""
    from pipeline.defaults.reverse import reverse
    from pipeline.runs.model_paths import back_of

    earlier = _settings_in(back_of(Path(parsed.run)), parsed) if parsed.run else {}
    if not earlier and parsed.config == AUTO:
        logger.info("settings of the way back, target → source:")
    return reverse(configuration, earlier)


def _without_workers(argv: list[str]) -> list[str]:
    """The words without `--workers N`."""
    words = iter(argv)
    kept = []
    for word in words:
        if word == "--workers":
            next(words, None)
        elif not word.startswith("--workers="):
            kept.append(word)
    return kept


def _choose_place(parsed: "jsonargparse.Namespace", directions: Sequence["Configuration"]) -> Path:
    """Where a training goes whose --run was left out: where the same one is, or the next name that is free; of both
    directions the place of the first.
    """
    from pipeline.pairs.locations import name_of_location
    from pipeline.runs.model_paths import back_of

    train = directions[0].data.train
    name = name_of_location(train) if parsed.config == AUTO else Path(parsed.config).stem
    first, held = Path("runs") / name, ""
    for number in itertools.count(1):
        place = first if number == 1 else first.with_name(f"{name}-{number}")
        places = zip(directions, (place, back_of(place)), strict=False)
        others = [said for one in places if (said := _describe_holder(parsed, *one))]
        if not others:
            break
        held = held or f", for {others[0]}"
    if held or parsed.config == AUTO:
        logger.info("--run was left out: the run is %s%s", place, held)
    return place


def _describe_holder(parsed: "jsonargparse.Namespace", configuration: "Configuration", place: Path) -> str:
    """What holds a place that is not free for a training; nothing if it is, or holds the same one."""
    from pipeline.data.run_data import describe_other_training
    from pipeline.runs.directory import RunDirectory

    if parsed.overwrite or not place.exists() or RunDirectory(place).is_free():
        return ""
    directory = RunDirectory(place if parsed.seeds is None else place / f"seed-{configuration.train.seed}")
    other = describe_other_training(configuration, directory) if directory.exists() else "something else"
    return f"{place} holds {other}" if other else ""


def _settings_of_run(parsed: "jsonargparse.Namespace") -> dict[str, Any]:
    """Those that a run has which goes on; none where one begins, or is looked for."""
    return _settings_in(Path(parsed.run), parsed) if parsed.run else {}


def _settings_in(run: Path, parsed: "jsonargparse.Namespace") -> dict[str, Any]:
    """The settings of a run that was begun in a place, or of the first of several seeds there."""
    from pipeline.remote_runs.reading import local_settings
    from pipeline.runs.directory import RunDirectory, load_configuration
    from pipeline.settings.changes import by_name

    run = local_settings(run)
    directory = RunDirectory(run if parsed.seeds is None else run / f"seed-{parsed.train.seed}")
    if parsed.overwrite or not directory.exists():
        return {}
    directory.check()
    return by_name(load_configuration(directory).to_dict())


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Train, and write the figures as JSON."""
    from pipeline.process.children import CHILD, end_with_parent

    if arguments.back:
        _train_both(arguments, results)
        return
    if arguments.seeds is not None:
        _train_seeds(arguments, results)
        return
    if CHILD in os.environ:
        end_with_parent()
    if arguments.workers > 1:
        from pipeline.cluster.local_workers import local_workers

        with local_workers(arguments.workers, arguments.words):
            _train(arguments, results)
    else:
        _train(arguments, results)


def _train(arguments: argparse.Namespace, results: Results) -> None:
    """One training, alone or as one of several workers."""
    import_tensorflow()
    from pipeline.cluster.joining import join_cluster
    from pipeline.training.run import train

    cluster = join_cluster()
    found = train(
        arguments.configuration,
        arguments.run,
        overwrite=arguments.overwrite,
        cluster=cluster,
        export=arguments.export,
    )
    if cluster.rank == 0:
        results.write_json(found)
        if arguments.export:
            _say_if_not_exported(arguments.run)


def _say_if_not_exported(run: Path) -> None:
    """Of a run that was finished with --no-export."""
    from pipeline.options.arguments import PROGRAM
    from pipeline.runs.directory import RunDirectory
    from pipeline.stores.addresses import address_of

    if address_of(run) is None and not RunDirectory(run).export.is_dir():
        logger.info("%s has no export; one is made by:  %s export %s DIR", run, PROGRAM, shlex.quote(str(run)))


def _train_both(arguments: argparse.Namespace, results: Results) -> None:
    import_tensorflow()
    from pipeline.options.arguments import PROGRAM
    from pipeline.runs.model_paths import back_of
    from pipeline.study.both import BACK, THERE, Direction, train_directions

    directions = [
        Direction(arguments.configuration, arguments.run),
        Direction(arguments.back, back_of(arguments.run)),
    ]
    if arguments.seeds is None:
        found = train_directions(directions, arguments.overwrite)
        results.write(found.table())
        results.write_json(found.to_json())
        trained = str(arguments.run)
    else:
        from pipeline.study.seeds import train_seeds

        of_seeds = [train_seeds(*one, arguments.seeds, arguments.overwrite) for one in directions]
        for one in of_seeds:
            results.write(f"{one.path}\n{one.table()}")
        results.write_json({name: one.to_json() for name, one in zip((THERE, BACK), of_seeds, strict=True)})
        trained = of_seeds[0].ensemble
    logger.info("which answers come back:  %s predict %s FILE --round-trip", PROGRAM, shlex.quote(trained))


def _train_seeds(arguments: argparse.Namespace, results: Results) -> None:
    import_tensorflow()
    from pipeline.options.arguments import PROGRAM
    from pipeline.study.seeds import train_seeds

    found = train_seeds(arguments.configuration, arguments.run, arguments.seeds, arguments.overwrite)
    results.write(found.table())
    results.write_json(found.to_json())
    best, split = found.best, found.trainings[0].result["split"]
    if len(found.trainings) > 1:
        logger.info("all as an ensemble:  %s evaluate %s %s", PROGRAM, shlex.quote(found.ensemble), split)
    places = map(shlex.quote, (str(best.run), f"{found.path}-export"))
    logger.info("the best on dev:     %s export %s %s", PROGRAM, *places)
