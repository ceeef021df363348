"""`--round-trip` of `predict` and `evaluate`: answers sent back by a model of the other direction."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.answering.predictions import AnswersStrings

_BESIDE = Path()
"""In the place of a model that is to be found."""


def add_round_trip(parser: argparse.ArgumentParser, told: str) -> None:
    """The option.

    Args:
        parser: Of the command.
        told: What comes of it there.
    """
    parser.add_argument(
        "--round-trip",
        metavar="BACK",
        nargs="?",
        type=Path,
        const=_BESIDE,
        help="Send answers back by BACK, a model of the other direction (left out: the one that train --both made "
        f"beside this one), and look whether they come back to their source. {told}",
    )


def check_round_trip(arguments: argparse.Namespace) -> argparse.Namespace:
    """The same; a file behind `--round-trip`, where none is named otherwise, is the input, for models are folders.

    Raises:
        UsageError: It does not go with the other options.
    """
    place: Path | None = arguments.round_trip
    if place and place.is_file():
        if getattr(arguments, "file", "") != "-":
            raise UsageError(f"--round-trip: {place} is a file, and no model; a model is a folder")
        arguments.file, arguments.round_trip = str(place), _BESIDE
    if place is not None and getattr(arguments, "accuracy", None) is not None:
        raise UsageError(
            "--round-trip: impossible with --accuracy, which clears lines by their confidence; leave one of them out "
            "(--json has both, of a model that was calibrated)"
        )
    return arguments


def send_back(predictor: "AnswersStrings", arguments: argparse.Namespace) -> "AnswersStrings":
    """The model, or one whose answers are sent back, if that is asked for.

    Raises:
        UsageError: There is no way back.
    """
    if arguments.round_trip is None:
        return predictor
    from pipeline.saved_models.way_back import open_round_trip

    back = None if arguments.round_trip == _BESIDE else arguments.round_trip
    options = {"beam_size": arguments.beam, "average": arguments.average}
    return open_round_trip(predictor, arguments.model, back, **options)
