"""From `sys.argv` to checked arguments: one parser per command."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import jsonargparse

from pipeline.errors import UsageError
from pipeline.options.completion import completion_script
from pipeline.options.configuration_options import (
    PROGRAM,
    configuration_parser,
    parse_configuration,
)
from pipeline.options.model_options import (
    ModelParser,
    compare_parser,
    evaluate_parser,
    export_parser,
    predict_parser,
    score_parser,
)
from pipeline.options.suggestions import suggest_command
from pipeline.settings.configuration import Configuration
from pipeline.settings.presets import DEFAULT_PRESET, find_configuration_file
from pipeline.settings.study import StudyConfiguration
from pipeline.settings.tune import TuneConfiguration
from pipeline.settings.types import STUDY_SECTIONS, TUNE_SECTIONS
from pipeline.tuning.space import find_space, read_space

_DESCRIPTION = """Train, look at, measure and export attention sequence-to-sequence models.

commands:
  train     train a model, or go on with a training that was interrupted
  tune      search for better settings, or go on with a search
  evaluate  measure a model on a TSV file
  predict   answer every line of a file or of standard input
  score     say how probable given targets are
  study     show what attention does for long inputs, next to one fixed context
  compare   say whether one output is better than another, or by chance
  export    write a run as a SavedModel directory
  inspect   show what a configuration makes, without training"""


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """Check the command line and read the configuration it names.

    Returns:
        `command`, and for train: configuration, run, overwrite; inspect: configuration;
        tune: configuration, tune, space, run, overwrite;
        study: topic, configuration, study, run, overwrite; trial: order (for `tune`'s own use);
        evaluate: model, data, beam, search, average, bleu_tokens; predict: model, file, beam, n_best, search, average,
        json, attention, alignments, prefixes; score: model, data, average, tokens;
        compare: reference, output_a, output_b, tokens, symbols, lowercase, samples, seed, show;
        export: run, directory, beam, n_best, search, average. Places are `Path`, except `data`, `file` and compare's;
        `search` has the settings by key, but for the beam size.

    Raises:
        UsageError: Something there is unknown, of a wrong type or impossible.
        SystemExit: `--help` was asked for and printed.
    """
    parsers: dict[str, Callable[[list[str]], argparse.Namespace]] = {
        "train": _parse_train,
        "tune": _parse_tune,
        "trial": _parse_trial,
        "study": _parse_study,
        "evaluate": lambda argv: evaluate_parser().parse_search(argv),
        "predict": lambda argv: predict_parser().parse_search(argv),
        "score": lambda argv: score_parser().parse_args(argv),
        "compare": _parse_compare,
        "export": lambda argv: export_parser().parse_search(argv),
        "inspect": _parse_inspect,
    }
    if argv and argv[0] in parsers:
        arguments = parsers[argv[0]](argv[1:])
        arguments.command = argv[0]
        return arguments
    commands = [name for name in parsers if name != "trial"]
    if argv and argv[0] in ("-h", "--help", "help"):
        if argv[1:] and argv[1] in commands:
            return parse_arguments([argv[1], "--help", *argv[2:]])
        _main_parser().parse_args(["--help"])
    if argv[:1] == ["--print-completion"]:
        _print_completion("".join(argv[1:]))
    near = suggest_command(argv[0], commands) if argv else ""
    wrong = f"{argv[0]}: no such command{near}" if argv else "a command is missing"
    raise UsageError(f"{wrong} (commands: {', '.join(commands)}; {PROGRAM} --help explains)")


def _main_parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} COMMAND …",
        description=_DESCRIPTION,
        epilog=f"{PROGRAM} COMMAND --help explains a command; {PROGRAM} --version says which version this is; "
        f"{PROGRAM} --print-completion bash|zsh|tcsh writes what completes it in a shell.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _print_completion(shell: str) -> NoReturn:
    makers: dict[str, Callable[[], argparse.ArgumentParser]] = {
        "train": _train_parser,
        "tune": _tune_parser,
        "study length": _study_parser,
        "evaluate": evaluate_parser,
        "predict": predict_parser,
        "score": score_parser,
        "compare": compare_parser,
        "export": export_parser,
        "inspect": lambda: configuration_parser("inspect", ""),
    }
    sys.stdout.write(completion_script(shell, {name: make() for name, make in makers.items()}))
    raise SystemExit(0)


def _train_parser() -> jsonargparse.ArgumentParser:
    parser = configuration_parser("train", "[--run DIR] [--overwrite] [--seed N] ")
    parser.add_argument("--run", metavar="DIR", type=str, help="Run directory; left out: runs/ and --config's name.")
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where a run exists already.")
    return parser


def _parse_train(argv: list[str]) -> argparse.Namespace:
    parsed, configuration = parse_configuration(_train_parser(), argv)
    run = Path(parsed.run) if parsed.run else Path("runs") / Path(parsed.config).stem
    return argparse.Namespace(configuration=configuration, run=run, overwrite=parsed.overwrite)


def _tune_parser() -> jsonargparse.ArgumentParser:
    parser = configuration_parser("tune", "[--run DIR] [--overwrite] [--seed N] ", TUNE_SECTIONS)
    parser.add_argument("--run", metavar="DIR", type=str, help="Directory; left out: runs/ and --config's name, -tune.")
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where a search exists already.")
    return parser


def _parse_tune(argv: list[str]) -> argparse.Namespace:
    parsed, configuration = parse_configuration(_tune_parser(), argv, TUNE_SECTIONS)
    tune = TuneConfiguration(**parsed["tune"].as_dict())
    path = find_configuration_file(parsed.config)
    return argparse.Namespace(
        configuration=configuration,
        tune=tune,
        space=read_space(find_space(tune.space, path), configuration),
        run=Path(parsed.run) if parsed.run else Path("runs") / f"{path.stem}-tune",
        overwrite=parsed.overwrite,
    )


def _parse_trial(argv: list[str]) -> argparse.Namespace:
    parser = ModelParser("trial", "One trial of a search; `tune` starts it.")
    parser.add_argument("order", metavar="ORDER", help="What to do, in JSON.")
    return parser.parse_args(argv)


def _study_parser() -> jsonargparse.ArgumentParser:
    parser = configuration_parser("study length", "[--run DIR] [--overwrite] ", STUDY_SECTIONS)
    parser.add_argument(
        "--run", metavar="DIR", type=str, help="Directory; left out: runs/ and --config's name, -study."
    )
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where a study exists already.")
    return parser


def _parse_study(argv: list[str]) -> argparse.Namespace:
    if argv[:1] not in (["length"], ["-h"]) and not "".join(argv[:1]).startswith("--help"):
        near = suggest_command(argv[0], ["length"]) if argv else ""
        wrong = f"{argv[0]}: no such study{near}" if argv else "a study is missing"
        raise UsageError(f"{wrong} (studies: length; {PROGRAM} study length --help explains)")
    if any(option.split("=")[0] in ("--seed", "--train.seed") for option in argv):
        raise UsageError("--seed: impossible, a study has several; give --study.seeds 1,2")
    parsed, configuration = parse_configuration(_study_parser(), argv[argv[0] == "length" :], STUDY_SECTIONS)
    return argparse.Namespace(
        topic="length",
        configuration=configuration,
        study=StudyConfiguration(**parsed["study"].as_dict()),
        run=Path(parsed.run) if parsed.run else Path("runs") / f"{Path(parsed.config).stem}-study",
        overwrite=parsed.overwrite,
    )


def _parse_inspect(argv: list[str]) -> argparse.Namespace:
    _, configuration = parse_configuration(configuration_parser("inspect", ""), argv)
    return argparse.Namespace(configuration=configuration)


def _parse_compare(argv: list[str]) -> argparse.Namespace:
    arguments = compare_parser().parse_args(argv)
    if arguments.tokens and arguments.symbols:
        raise UsageError("--tokens: impossible with --symbols, which does not measure BLEU; leave one of them out")
    return arguments


def read_configuration(config: str = DEFAULT_PRESET, changes: Mapping[str, Any] | None = None) -> Configuration:
    """The configuration that the command line would make: for notebooks and scripts.

    Args:
        config: Name of a preset or path of a YAML file.
        changes: Values by `section.key`, as in `{"model.units": 64}`; paths may be `Path` objects.

    Raises:
        UsageError: Something there is unknown, of a wrong type or impossible.

    Example:
        >>> read_configuration("cmudict", {"model.units": 64, "train.patience": None}).model.units
        64
    """
    try:
        written = {
            key: os.fspath(value)
            if isinstance(value, str | os.PathLike)
            else json.dumps(value, default=os.fspath, ensure_ascii=False)
            for key, value in (changes or {}).items()
        }
    except (TypeError, ValueError) as error:
        raise UsageError(f"changes: {error}; give text, numbers, lists, mappings or paths") from None
    options = [f"--{key}={value}" for key, value in written.items()]
    return parse_configuration(configuration_parser("train", ""), ["--config", config, *options])[1]
