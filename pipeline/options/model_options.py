"""Options that the commands with a trained model share: which model, how many outputs, search settings."""

import argparse
import dataclasses
import re
from pathlib import Path

import yaml

from pipeline.errors import UsageError
from pipeline.options.arguments import PROGRAM, Parser, positive
from pipeline.options.settings_options import explanations, parse_search_settings
from pipeline.settings.data import DataConfiguration
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.types import checked

# How sacrebleu may cut text; "given" is our word for leaving it as it is.
BLEU_TOKENS = ("13a", "intl", "zh", "char", "given")


def read_columns(written: str) -> dict[str, int | str] | None:
    """What `--data.columns` says.

    Raises:
        UsageError: Nothing sensible.

    Example:
        >>> read_columns("{source: 1, target: 3}")
        {'source': 1, 'target': 3}
    """
    try:
        value = yaml.safe_load(written)
    except yaml.YAMLError:
        value = written
    columns: dict[str, int | str] | None = checked("data.columns", value)
    return DataConfiguration(columns=columns).columns


class ModelParser(Parser):
    """Knows what commands that use models have in common."""

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

    def add_columns(self) -> None:
        """Which columns a table has."""
        self.add_argument(
            "--data.columns",
            dest="columns",
            metavar="COLUMNS",
            type=read_columns,
            help="Which columns of a table are taken, as '{source: 1, target: 3}' or by the names of its header; left "
            "out: those that the run was trained by, else the first two.",
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
