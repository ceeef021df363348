"""The commands by name, and which of them the command line means.

A command is a module: `SUMMARY` for the help of all, `make_parser`, `parse` and `run`; `GOES_ON`, if the same command
goes on with what was interrupted: where, or a function that says so of the command line; `ALSO_CALLED`, if other
programs have other names for it. They import what takes time when they need it, so that `--help` is there at once.
"""

import argparse
import sys
from types import ModuleType
from typing import NoReturn

from pipeline.commands import (
    compare,
    evaluate,
    export,
    inspect,
    predict,
    score,
    serve,
    study,
    train,
    trial,
    tune,
)
from pipeline.commands.improving import distill, improve
from pipeline.commands.sharding import prepare, prepare_shards, shards
from pipeline.commands.trusting import calibrate, suspects
from pipeline.errors import UsageError

COMMANDS: dict[str, ModuleType] = {
    "train": train,
    "tune": tune,
    "improve": improve,
    "distill": distill,
    "evaluate": evaluate,
    "predict": predict,
    "score": score,
    "study": study,
    "compare": compare,
    "calibrate": calibrate,
    "suspects": suspects,
    "export": export,
    "serve": serve,
    "inspect": inspect,
    "prepare": prepare,
    "trial": trial,
    "shards": shards,
    "prepare-shards": prepare_shards,
}


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """Check the command line and read the configuration it names.

    Returns:
        `command`, and what the command's `parse` says. Places are `Path`, except `data`, `file` and compare's; `search`
        has the settings by key, but for the beam size.

    Raises:
        UsageError: Something there is unknown, of a wrong type or impossible.
        SystemExit: `--help` was asked for and printed.
    """
    if argv and argv[0] in COMMANDS:
        arguments = COMMANDS[argv[0]].parse(argv[1:])
        arguments.command = argv[0]
        return arguments
    from pipeline.options.arguments import PROGRAM
    from pipeline.options.suggestions import suggest_command

    names = [name for name, command in COMMANDS.items() if command.SUMMARY]
    if argv and argv[0] in ("-h", "--help", "help"):
        if argv[1:] and argv[1] in names:
            return parse_arguments([argv[1], "--help", *argv[2:]])
        _main_parser(PROGRAM).parse_args(["--help"])
    if argv[:1] == ["--print-completion"]:
        _print_completion("".join(argv[1:]))
    also_called = {name: getattr(COMMANDS[name], "ALSO_CALLED", ()) for name in names}
    near = suggest_command(argv[0], also_called) if argv else ""
    wrong = f"{argv[0]}: no such command{near}" if argv else "a command is missing"
    raise UsageError(f"{wrong} (commands: {', '.join(names)}; {PROGRAM} --help explains)")


def _main_parser(program: str) -> argparse.ArgumentParser:
    lines = [f"  {name:8}  {command.SUMMARY}" for name, command in COMMANDS.items() if command.SUMMARY]
    what = "Train, look at, measure and export attention sequence-to-sequence models."
    return argparse.ArgumentParser(
        prog=program,
        usage=f"{program} COMMAND …",
        description="\n".join([what, "", "commands:", *lines]),
        epilog=f"{program} COMMAND --help explains a command; {program} --version says which version this is; "
        f"{program} --print-completion bash|zsh|tcsh writes what completes it in a shell.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _print_completion(shell: str) -> NoReturn:
    from pipeline.options.arguments import PROGRAM
    from pipeline.options.completion import completion_script

    parsers = [command.make_parser() for command in COMMANDS.values() if command.SUMMARY]
    # A parser knows whether its command needs another word, as in `study length`.
    by_words = {parser.prog.removeprefix(f"{PROGRAM} "): parser for parser in parsers}
    sys.stdout.write(completion_script(shell, by_words))
    raise SystemExit(0)
