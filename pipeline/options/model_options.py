"""The options of the commands that use a trained model: `evaluate`, `predict`, `score`, `compare` and `export`."""

import argparse
import dataclasses
import re
from pathlib import Path
from typing import NoReturn

from pipeline.errors import UsageError
from pipeline.options.configuration_options import PROGRAM, explanations, parse_search_settings
from pipeline.options.suggestions import suggest_option
from pipeline.settings.search import SearchConfiguration

# How sacrebleu may cut text; "given" is our word for leaving it as it is.
BLEU_TOKENS = ("13a", "intl", "zh", "char", "given")


class ModelParser(argparse.ArgumentParser):
    """Refuses in a sentence, and knows what commands that use models have in common."""

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

    def add_model(self, name: str, place: str) -> None:
        """The model, and which of its checkpoints."""
        ensemble = "Several runs with commas between them vote: the mean of their probabilities."
        self.add_argument(name, metavar=name.upper(), type=Path, help=f"{place} {ensemble}")
        self.add_argument(
            "--average",
            metavar="K",
            type=positive,
            help="Take the mean of the weights of the run's last K epochs (train.keep_checkpoints says how many it "
            "keeps); left out: its best epoch.",
        )

    def add_n_best(self, default: int | None) -> None:
        """How many outputs of an input."""
        best = "How many texts; left out: %(default)s." if default else "How many texts; left out: the run's own."
        self.add_argument("--n-best", metavar="N", type=positive, default=default, help=best)

    def add_search(self) -> None:
        """Every search setting."""
        self.add_argument("--beam", metavar="K", type=positive, help="Beam size; left out: the model's own.")
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


def whole(text: str) -> int:
    """A whole number from 0, as an option's type."""
    if not re.fullmatch(r"[0-9]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is impossible, it must be a whole number")
    return int(text)


def positive(text: str) -> int:
    """A whole number from 1, as an option's type."""
    if not re.fullmatch(r"[0-9]+", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is impossible, it must be a whole number, at least 1")
    return int(text)
