"""Completion of the command `attentif` in a shell, written by shtab."""

import argparse
from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from pipeline.errors import UsageError
from pipeline.settings.configure import AUTO, preset_names
from pipeline.settings.types import setting_type

SHELLS = ("bash", "zsh", "tcsh")
COMMAND = "attentif"
_FLAGS = (argparse._StoreTrueAction, argparse._HelpAction)


def completion_script(shell: str, parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    """The script that a shell reads to complete commands, options, their values and files.

    Args:
        shell: One of `SHELLS`.
        parsers: By command.

    Raises:
        UsageError: There is no such shell, or shtab is not installed.
    """
    if shell not in SHELLS:
        raise UsageError(f"--print-completion {shell}: no such shell; there are {', '.join(SHELLS)}")
    try:
        import shtab
    except ImportError:
        raise UsageError("--print-completion: needs shtab: python -m pip install shtab==1.13.0") from None
    whole = argparse.ArgumentParser(prog=COMMAND)
    whole.add_argument("--version", action="store_true", help="Say which version this is.")
    commands = whole.add_subparsers()
    for name, parser in parsers.items():
        first, _, rest = name.partition(" ")  # study length
        below = commands.add_parser(first, help=(parser.description or "").split(";")[0])
        if rest:
            below.add_argument("topic", choices=[rest])
        for action in parser._actions:
            _copy(action, below, shtab.FILE)
    return str(shtab.complete(whole, shell))


def _copy(action: argparse.Action, parser: argparse.ArgumentParser, file: Any) -> None:
    names = [name for name in action.option_strings if not name.endswith("+")] or [action.dest]
    if action.help == argparse.SUPPRESS or "-h" in names:
        return
    explained = " ".join((action.help or "").split()).split(". ")[0]
    if isinstance(action, _FLAGS) or action.nargs == 0:
        parser.add_argument(*names, action="store_true", help=explained)
        return
    choices = list(action.choices or _choices(setting_type(action.dest)) or ())
    if action.dest == "config":
        choices = [AUTO, *preset_names()]
    copied = parser.add_argument(*names, choices=choices or None, help=explained.replace("%(default)s", "default"))
    if not choices:
        copied.complete = file  # type: ignore[attr-defined]


def _choices(hint: Any) -> list[str]:
    """What a setting may be, as far as its type says."""
    if hint is bool:
        return ["true", "false"]
    if get_origin(hint) is Literal:
        return [str(value) for value in get_args(hint)]
    return [choice for part in get_args(hint) for choice in _choices(part)] if isinstance(hint, UnionType) else []
