"""A parser of arguments that refuses in a sentence, and the numbers that options take."""

import argparse
import re
import sys
from pathlib import Path
from typing import NoReturn

from pipeline.errors import UsageError
from pipeline.options.suggestions import suggest_option

# As it was called: pip installs the command `attentif`.
PROGRAM = "attentif" if Path(sys.argv[0]).name == "attentif" else "python -m pipeline"


class Parser(argparse.ArgumentParser):
    """Refuses in a sentence.

    Args:
        command: What it is for.
        description: Of the command, for `--help`.
    """

    def __init__(self, command: str, description: str) -> None:
        super().__init__(prog=f"{PROGRAM} {command}", description=description, allow_abbrev=False)
        self.command = command

    def error(self, message: str) -> NoReturn:
        """End with what is wrong.

        Raises:
            UsageError: Always.
        """
        unknown = re.match(r"unrecognized arguments: (-[^\s=]+)", message)
        if unknown:
            known = [option for option in self._option_string_actions if option.startswith("--")]
            message = f"{unknown[1]}: no such option{suggest_option(unknown[1], known)}"
        raise UsageError(f"{message} ({self.prog} --help explains)")


def whole(text: str) -> int:
    """A whole number from 0.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not re.fullmatch(r"[0-9]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is impossible, it must be a whole number")
    return int(text)


def positive(text: str) -> int:
    """A whole number from 1.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not re.fullmatch(r"[0-9]+", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is impossible, it must be a whole number, at least 1")
    return int(text)
