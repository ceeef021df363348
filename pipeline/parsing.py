"""From `sys.argv` to checked arguments: one parser per command, the configuration by jsonargparse."""

import argparse
import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal, NoReturn, get_args, get_origin, get_type_hints

import docstring_parser
import jsonargparse

from pipeline.configuration import (
    BLEU_TOKENS,
    DEFAULT_PRESET,
    Configuration,
    TuneConfiguration,
    find_configuration_file,
    preset_names,
)
from pipeline.errors import UsageError
from pipeline.settings_file import read_settings, suggest
from pipeline.space import find_space, read_space

PROGRAM = "python -m pipeline"
SECTIONS: dict[str, Any] = get_type_hints(Configuration)
# A settings file may hold this section for every command; `tune` alone reads it.
TUNE_SECTIONS: dict[str, Any] = {**SECTIONS, "tune": TuneConfiguration}
HINTS = {
    f"{section}.{key}": hint
    for section, section_class in TUNE_SECTIONS.items()
    for key, hint in get_type_hints(section_class).items()
}
_DESCRIPTION = """Train, look at, measure and export attention sequence-to-sequence models.

commands:
  train     train a model, or go on with a training that was interrupted
  tune      search for better settings, or go on with a search
  evaluate  measure a model on a TSV file
  predict   answer every line of a file or of standard input
  score     say how probable given targets are
  export    write a run as a SavedModel directory
  inspect   show what a configuration makes, without training"""
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", NoneType: "null"}


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """Check the command line and read the configuration it names.

    Returns:
        `command`, and for train: configuration, run, overwrite; inspect: configuration;
        tune: configuration, tune, space, run, overwrite; trial: order (for `tune`'s own use);
        evaluate: model, data, beam, bleu_tokens; predict: model, file, beam, n_best, json, attention, alignments;
        score: model, data, tokens; export: run, directory, beam, n_best. Places are `Path`, except `data` and `file`.

    Raises:
        UsageError: Something there is unknown, of a wrong type or impossible.
        SystemExit: `--help` was asked for and printed.
    """
    parsers: dict[str, Callable[[list[str]], argparse.Namespace]] = {
        "train": _parse_train,
        "tune": _parse_tune,
        "trial": _parse_trial,
        "evaluate": _parse_evaluate,
        "predict": _parse_predict,
        "score": _parse_score,
        "export": _parse_export,
        "inspect": _parse_inspect,
    }
    if argv and argv[0] in parsers:
        arguments = parsers[argv[0]](argv[1:])
        arguments.command = argv[0]
        return arguments
    if argv and argv[0] in ("-h", "--help"):
        _main_parser().parse_args(["--help"])
    wrong = f"{argv[0]}: no such command" if argv else "a command is missing"
    raise UsageError(
        f"{wrong} (commands: {', '.join(name for name in parsers if name != 'trial')}; {PROGRAM} --help explains)"
    )


def _main_parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} COMMAND …",
        description=_DESCRIPTION,
        epilog=f"{PROGRAM} COMMAND --help explains a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _parse_train(argv: list[str]) -> argparse.Namespace:
    parser = _configuration_parser("train", "[--run DIR] [--overwrite] [--seed N] ")
    parser.add_argument("--run", metavar="DIR", type=str, help="Run directory; left out: runs/ and --config's name.")
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where a run exists already.")
    parsed, configuration = _parse_configuration(parser, argv)
    run = Path(parsed.run) if parsed.run else Path("runs") / Path(parsed.config).stem
    return argparse.Namespace(configuration=configuration, run=run, overwrite=parsed.overwrite)


def _parse_tune(argv: list[str]) -> argparse.Namespace:
    parser = _configuration_parser("tune", "[--run DIR] [--overwrite] [--seed N] ", TUNE_SECTIONS)
    parser.add_argument("--run", metavar="DIR", type=str, help="Directory; left out: runs/ and --config's name, -tune.")
    parser.add_argument("--overwrite", action="store_true", help="Begin anew where a search exists already.")
    parsed, configuration = _parse_configuration(parser, argv, TUNE_SECTIONS)
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


def _parse_inspect(argv: list[str]) -> argparse.Namespace:
    _, configuration = _parse_configuration(_configuration_parser("inspect", ""), argv)
    return argparse.Namespace(configuration=configuration)


def _configuration_parser(command: str, usage: str, sections: dict[str, Any] = SECTIONS) -> jsonargparse.ArgumentParser:
    parser = jsonargparse.ArgumentParser(
        prog=f"{PROGRAM} {command}",
        usage=f"{PROGRAM} {command} [--config PRESET|FILE.yaml] {usage}[--section.key value …]",
        description="Settings on the command line win over those of --config, which win over the defaults below.",
        exit_on_error=False,
        allow_abbrev=False,
        default_env=False,
    )
    presets = ", ".join(preset_names())
    parser.add_argument(
        "--config",
        metavar="NAME",
        type=str,
        default=DEFAULT_PRESET,
        help=f"YAML file, or the name of a preset: {presets}. What it leaves out has the defaults below.",
    )
    for section, section_class in sections.items():
        docstring = docstring_parser.parse(section_class.__doc__)
        group = parser.add_argument_group(f"{section}: {(docstring.short_description or '').rstrip('.')}")
        explained = {param.arg_name: param.description for param in docstring.params}
        for field in dataclasses.fields(section_class):
            key = f"{section}.{field.name}"
            names = [f"--{key}", "--seed"] if key == "train.seed" else [f"--{key}"]
            text = (explained[field.name] or "").replace("%", "%%")
            group.add_argument(*names, type=HINTS[key], default=field.default, help=text)
    return parser


def _parse_configuration(
    parser: jsonargparse.ArgumentParser, argv: list[str], sections: dict[str, Any] = SECTIONS
) -> tuple[jsonargparse.Namespace, Configuration]:
    # The first pass only finds --config; its file then lies under the same arguments in the second.
    path = find_configuration_file(_checked(parser, lambda: parser.parse_args(argv)).config)
    settings = read_settings(path, {name: list(get_type_hints(kind)) for name, kind in TUNE_SECTIONS.items()})
    settings = {name: values for name, values in settings.items() if name in sections}
    try:
        base = _checked(parser, lambda: parser.parse_object(settings, defaults=False))
        _refuse_null(base.as_dict())
    except UsageError as error:
        raise UsageError(f"{error} (in {path})") from None
    parsed = _checked(parser, lambda: parser.parse_args(argv, namespace=base))
    values = {section: parsed[section].as_dict() for section in SECTIONS}
    return parsed, Configuration(**{section: kind(**values[section]) for section, kind in SECTIONS.items()})


def read_configuration(config: str = DEFAULT_PRESET, changes: Mapping[str, Any] | None = None) -> Configuration:
    """The configuration that the command line would make: for notebooks and scripts.

    Args:
        config: Name of a preset or path of a YAML file.
        changes: Values by `section.key`, as in `{"model.units": 64}`.

    Raises:
        UsageError: Something there is unknown, of a wrong type or impossible.

    Example:
        >>> read_configuration("cmudict", {"model.units": 64, "train.patience": None}).model.units
        64
    """
    written = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (changes or {}).items()}
    options = [f"--{key}={value}" for key, value in written.items()]
    return _parse_configuration(_configuration_parser("train", ""), ["--config", config, *options])[1]


def _refuse_null(values: dict[str, dict[str, Any]]) -> None:
    """Refuse null where a key has no use for it: jsonargparse takes it for "not given"."""
    for section, keys in values.items():
        for key, value in keys.items():
            hint = HINTS[f"{section}.{key}"]
            if value is None and NoneType not in get_args(hint):
                raise UsageError(f"{section}.{key}: null is impossible, it must be {_in_words(hint)}")


def _checked(
    parser: jsonargparse.ArgumentParser, parse: Callable[[], jsonargparse.Namespace]
) -> jsonargparse.Namespace:
    try:
        return parse()
    except argparse.ArgumentError as error:
        raise UsageError(_plain_message(str(error), parser)) from None


def _plain_message(message: str, parser: jsonargparse.ArgumentParser) -> str:
    """jsonargparse's message, which speaks of Python types, in the words of the configuration."""
    unknown = re.match(r"unrecognized arguments: ([^\s=]+)", message, re.IGNORECASE)
    if unknown:
        name = unknown[1]
        if not name.startswith("-"):
            return f"{name}: an argument too many ({parser.prog} --help explains)"
        known = [option for option in parser._option_string_actions if not option.endswith("+")]
        return f"{name}: no such option{suggest(name, known)} ({parser.prog} --help lists all)"
    key = re.search(r'Parser key "([^"]+)"', message)
    # What was given as a whole, where a part of it is at fault.
    value = re.search(r"Given value: (.*)", message, re.DOTALL) or re.search(r"Got value: (.*)", message, re.DOTALL)
    if key and value and key[1] in HINTS:
        return f"{key[1]}: {value[1].strip()} is impossible, it must be {_in_words(HINTS[key[1]])}"
    return f"{' '.join(message.split())} ({parser.prog} --help explains)"


def _in_words(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(map(str, get_args(hint)))
    if get_origin(hint) is list:
        return "a list of texts"
    if get_origin(hint) is dict:
        return "a mapping of texts to numbers"
    return _WORDS[hint] if hint in _WORDS else " or ".join(map(_in_words, get_args(hint)))


class _Parser(argparse.ArgumentParser):
    def __init__(self, command: str, description: str) -> None:
        super().__init__(prog=f"{PROGRAM} {command}", description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} ({self.prog} --help explains)")

    def add_search_arguments(self, n_best: int | None) -> None:
        beam, best = "Beam size; left out: the model's own.", "How many texts; left out: %(default)s."
        self.add_argument("--beam", metavar="K", type=_positive, help=beam)
        self.add_argument(
            "--n-best",
            metavar="N",
            type=_positive,
            default=n_best,
            help=best if n_best else "How many texts; left out: the run's own.",
        )

    def parse_search(self, argv: list[str]) -> argparse.Namespace:
        arguments = self.parse_args(argv)
        if arguments.beam and arguments.n_best and arguments.n_best > arguments.beam:
            raise UsageError(f"--n-best: {arguments.n_best} is impossible, it must be at most --beam {arguments.beam}")
        return arguments


def _positive(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is impossible, it must be a whole number, at least 1")
    return int(text)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", type=Path, help="A run directory or an exported SavedModel.")


def _parse_evaluate(argv: list[str]) -> argparse.Namespace:
    what = "the last line is a JSON object with wer and per in percent, or with bleu, chrf and ter of sentences."
    parser = _Parser("evaluate", f"Measure a model; {what}")
    _add_model(parser)
    parser.add_argument("data", metavar="DATA", help="Pairs: a TSV file, or two line-aligned files as SOURCE,TARGET.")
    parser.add_argument(
        "--bleu-tokens",
        metavar="HOW",
        choices=BLEU_TOKENS,
        default="",
        help=f"How BLEU cuts text: {', '.join(BLEU_TOKENS)} (tokens as they stand, between spaces); left out: 13a. "
        "Also has symbols measured as sentences.",
    )
    parser.add_argument("--beam", metavar="K", type=_positive, help="Beam size; left out: the model's own.")
    return parser.parse_args(argv)


def _parse_score(argv: list[str]) -> argparse.Namespace:
    parser = _Parser("score", "log p of every given target, end symbol included, a line each.")
    _add_model(parser)
    parser.add_argument("data", metavar="PAIRS", help="Pairs: a TSV file, or two line-aligned files as SOURCE,TARGET.")
    parser.add_argument(
        "--tokens",
        action="store_true",
        help="Targets are symbols with a space between, as predict --json gives them as target_tokens, and are not "
        "cut again; invisible characters as \\u escapes, as in a run's vocabulary.",
    )
    return parser.parse_args(argv)


def _parse_predict(argv: list[str]) -> argparse.Namespace:
    parser = _Parser("predict", "Answer every input line with one output line, in order.")
    _add_model(parser)
    what = "UTF-8 lines, decompressed if it ends in .gz; - or left out: stdin."
    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help=what)
    parser.add_search_arguments(n_best=1)
    parser.add_argument("--json", action="store_true", help="A JSON object a line, with scores and attention.")
    parser.add_argument("--attention", metavar="PAGE.html", type=Path, help="Also write a page to explore attention.")
    parser.add_argument(
        "--alignments",
        metavar="FILE",
        type=Path,
        help="Also write which source symbol each target symbol looked at most, as 0-0 1-2, a line each.",
    )
    return parser.parse_search(argv)


def _parse_export(argv: list[str]) -> argparse.Namespace:
    parser = _Parser("export", "Write a run as a SavedModel directory that needs none of this code.")
    parser.add_argument("run", metavar="RUN", type=Path, help="Run directory.")
    parser.add_argument("directory", metavar="DIR", type=Path, help="Directory to write.")
    parser.add_search_arguments(n_best=None)
    return parser.parse_search(argv)
