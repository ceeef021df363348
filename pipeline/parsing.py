"""From `sys.argv` to checked arguments: one parser per command."""

import argparse
import dataclasses
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import jsonargparse

from pipeline.completion import completion_script
from pipeline.configuration import (
    BLEU_TOKENS,
    DEFAULT_PRESET,
    Configuration,
    SearchConfiguration,
    StudyConfiguration,
    TuneConfiguration,
    find_configuration_file,
)
from pipeline.configuration_options import (
    PROGRAM,
    STUDY_SECTIONS,
    TUNE_SECTIONS,
    configuration_parser,
    explanations,
    parse_configuration,
    parse_search_settings,
)
from pipeline.errors import UsageError
from pipeline.space import find_space, read_space
from pipeline.suggestions import suggest_command, suggest_option

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
        "evaluate": lambda argv: _evaluate_parser().parse_search(argv),
        "predict": lambda argv: _predict_parser().parse_search(argv),
        "score": lambda argv: _score_parser().parse_args(argv),
        "compare": _parse_compare,
        "export": lambda argv: _export_parser().parse_search(argv),
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
        "evaluate": _evaluate_parser,
        "predict": _predict_parser,
        "score": _score_parser,
        "compare": _compare_parser,
        "export": _export_parser,
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
    parser = _Parser("trial", "One trial of a search; `tune` starts it.")
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


class _Parser(argparse.ArgumentParser):
    def __init__(self, command: str, description: str) -> None:
        super().__init__(prog=f"{PROGRAM} {command}", description=description, allow_abbrev=False)
        self.command = command

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"unrecognized arguments: (-[^\s=]+)", message)
        if unknown:
            known = [option for option in self._option_string_actions if option.startswith("--")]
            message = f"{unknown[1]}: no such option{suggest_option(unknown[1], known)}"
        raise UsageError(f"{message} ({self.prog} --help explains)")

    def add_model(self, name: str, place: str) -> None:
        """The model, and which of its checkpoints."""
        ensemble = "Several runs with commas between them vote: the mean of their probabilities."
        self.add_argument(name, metavar=name.upper(), type=Path, help=f"{place} {ensemble}")
        self.add_argument(
            "--average",
            metavar="K",
            type=_positive,
            help="Take the mean of the weights of the run's last K epochs (train.keep_checkpoints says how many it "
            "keeps); left out: its best epoch.",
        )

    def add_n_best(self, default: int | None) -> None:
        best = "How many texts; left out: %(default)s." if default else "How many texts; left out: the run's own."
        self.add_argument("--n-best", metavar="N", type=_positive, default=default, help=best)

    def add_search(self) -> None:
        """Every search setting."""
        self.add_argument("--beam", metavar="K", type=_positive, help="Beam size; left out: the model's own.")
        group = self.add_argument_group(
            "search settings in the place of the run's own",
            f"What each is: {PROGRAM} train --help. Those of an export are fixed.",
        )
        for key, text in explanations(SearchConfiguration).items():
            brief = re.split(r"[;:] |[.] (?=[A-Z])|[.]$", " ".join(text.split()))[0]
            group.add_argument(f"--search.{key}", metavar="VALUE", help=f"{brief}.")

    def parse_search(self, argv: list[str]) -> argparse.Namespace:
        """The arguments, with the search settings that were given as `search`, but for the beam size, as `beam`."""
        arguments = self.parse_args(argv)
        keys = [field.name for field in dataclasses.fields(SearchConfiguration)]
        written = {key: vars(arguments).pop(f"search.{key}") for key in keys}
        arguments.search = parse_search_settings(
            self.command, {key: value for key, value in written.items() if value is not None}
        )
        beam = arguments.search.pop("beam_size", arguments.beam)
        if arguments.beam not in (None, beam):
            raise UsageError(f"--beam {arguments.beam}: --search.beam_size is {beam}; give one of them")
        arguments.beam = beam
        n_best = getattr(arguments, "n_best", None)
        if beam and n_best and n_best > beam:
            raise UsageError(f"--n-best: {n_best} is impossible, it must be at most --beam {beam}")
        return arguments


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is impossible, it must be a whole number")
    return int(text)


def _positive(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is impossible, it must be a whole number, at least 1")
    return int(text)


def _evaluate_parser() -> _Parser:
    what = "the last line is a JSON object with wer and per in percent, or with bleu, chrf and ter of sentences."
    parser = _Parser("evaluate", f"Measure a model; {what}")
    parser.add_model("model", "A run directory or an exported SavedModel.")
    data = "Pairs: a TSV file, two line-aligned files as SOURCE,TARGET, or dev or test: the run's own."
    parser.add_argument("data", metavar="DATA", help=data)
    parser.add_argument(
        "--bleu-tokens",
        metavar="HOW",
        choices=BLEU_TOKENS,
        default="",
        help=f"How BLEU cuts text: {', '.join(BLEU_TOKENS)} (tokens as they stand, between spaces); left out: 13a. "
        "Also has symbols measured as sentences.",
    )
    parser.add_search()
    return parser


def _score_parser() -> _Parser:
    parser = _Parser(
        "score",
        "How probable every given target is, a line each: log p (natural logarithm, at most 0, higher is better), end "
        "symbol included. Longer targets have lower ones: compare targets of the same source.",
    )
    parser.add_model("model", "A run directory or an exported SavedModel.")
    parser.add_argument("data", metavar="PAIRS", help="Pairs: a TSV file, or two line-aligned files as SOURCE,TARGET.")
    parser.add_argument(
        "--tokens",
        action="store_true",
        help="Targets are symbols with a space between, as predict --json gives them as target_tokens, and are not "
        "cut again; invisible characters as \\u escapes, as in a run's vocabulary.",
    )
    return parser


def _compare_parser() -> _Parser:
    parser = _Parser(
        "compare",
        "Paired bootstrap resampling (Koehn 2004) of two outputs for the same inputs, by sacrebleu: a table, and as "
        "the last line a JSON object with scores, 95 % intervals (mean ± ci), p values and signatures.",
    )
    reference = "A reference a line; or pairs: a TSV file, two files as SOURCE,TARGET. All may end in .gz."
    parser.add_argument("reference", metavar="REFERENCE", help=reference)
    output = "file (lines, those of --n-best or --json, or SOURCE TAB OUTPUT), or a run or export that decodes now."
    parser.add_argument("output_a", metavar="OUTPUT_A", help=f"What one system made of the inputs: a {output}")
    parser.add_argument("output_b", metavar="OUTPUT_B", help="What the other made of them.")
    parser.add_argument(
        "--tokens",
        metavar="HOW",
        choices=BLEU_TOKENS,
        help=f"How BLEU cuts text: {', '.join(BLEU_TOKENS)} (tokens as they stand, between spaces); left out: 13a.",
    )
    parser.add_argument(
        "--symbols",
        metavar="HOW",
        choices=("space", "char"),
        help="WER and PER instead of BLEU, chrF and TER, of symbols between white space (space) or characters (char); "
        "left out, with --tokens too: as the data are.",
    )
    parser.add_argument(
        "--show",
        metavar="N",
        type=_whole,
        default=5,
        help="How many of the items that differ to show; left out: %(default)s.",
    )
    parser.add_argument("--lowercase", action="store_true", help="Case counts for nothing.")
    parser.add_argument("--samples", metavar="N", type=_positive, default=1000, help="How many; left out: %(default)s.")
    parser.add_argument("--seed", metavar="N", type=_positive, default=12345, help="Left out: %(default)s.")
    return parser


def _parse_compare(argv: list[str]) -> argparse.Namespace:
    arguments = _compare_parser().parse_args(argv)
    if arguments.tokens and arguments.symbols:
        raise UsageError("--tokens: impossible with --symbols, which does not measure BLEU; leave one of them out")
    return arguments


def _predict_parser() -> _Parser:
    parser = _Parser(
        "predict",
        "Answer every input line with one output line, in order; one that cannot be answered, with an empty line. "
        "In --json, score is log p of the output (natural logarithm, at most 0, higher is better), rank_score the same "
        "with the penalties of the search, by which outputs are ordered.",
    )
    parser.add_model("model", "A run directory or an exported SavedModel.")
    what = "UTF-8 lines, decompressed if it ends in .gz; - or left out: stdin."
    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help=what)
    parser.add_n_best(1)
    parser.add_argument("--json", action="store_true", help="A JSON object a line, with scores and attention.")
    prefixes = "Lines are SOURCE TAB PREFIX: answers begin with the prefix; a line without TAB has none."
    parser.add_argument("--prefixes", action="store_true", help=prefixes)
    parser.add_argument("--attention", metavar="PAGE.html", type=Path, help="Also write a page to explore attention.")
    parser.add_argument(
        "--alignments",
        metavar="FILE",
        type=Path,
        help="Also write which source symbol each target symbol looked at most, as 0-0 1-2, a line each.",
    )
    parser.add_search()
    return parser


def _export_parser() -> _Parser:
    parser = _Parser("export", "Write a run as a SavedModel directory that needs none of this code.")
    parser.add_model("run", "Run directory.")
    parser.add_argument("directory", metavar="DIR", type=Path, help="Directory to write.")
    parser.add_n_best(None)
    parser.add_search()
    return parser
