"""What `predict` does with how sure its answers are: `confidence` in JSON, and a list split by `--accuracy`."""

import argparse
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.trust.confidence import Calibration

logger = logging.getLogger(__name__)


def add_split_options(parser: argparse.ArgumentParser) -> None:
    """--accuracy and --queue."""
    parser.add_argument(
        "--accuracy",
        metavar="SHARE",
        type=_share,
        help="Write SOURCE TAB ANSWER, and only of so many lines, the surest, that together so large a share of them "
        "is right, as in 0.99; the others go to --queue. Needs a model that `calibrate` knows.",
    )
    parser.add_argument(
        "--queue",
        metavar="FILE.tsv",
        type=Path,
        help="Where the other lines go, least sure first, as source, answer, confidence and the other outputs; beside "
        "it a page FILE.html, in which a person picks or types answers and downloads the corrected pairs.",
    )


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is impossible, it must be above 0 and at most 1, as in 0.99")
    return share


def check_split_options(arguments: argparse.Namespace) -> argparse.Namespace:
    """The same, where they go together.

    Raises:
        UsageError: They do not.
    """
    if arguments.accuracy is None and arguments.queue is None:
        return arguments
    if arguments.accuracy is None:
        raise UsageError("--queue: needs --accuracy, as in --accuracy 0.99, which says what goes there")
    if arguments.queue is None:
        raise UsageError("--accuracy: needs --queue FILE.tsv for the lines that are left to look at")
    if arguments.queue.suffix.lower() in (".html", ""):
        raise UsageError(f"--queue: {arguments.queue} is impossible, it must end as in {arguments.queue.stem}.tsv")
    if arguments.prefixes:
        raise UsageError("--accuracy: impossible with --prefixes, as such answers have no confidence; leave one out")
    return arguments


def find_calibration(arguments: argparse.Namespace) -> "Calibration | None":
    """How sure the model's answers are, where it is asked for.

    Raises:
        UsageError: --accuracy without it, or of a model that it does not count for.
        DataError: It is damaged.
    """
    if arguments.accuracy is None and not arguments.json:
        return None
    from pipeline.trust import calibration_file

    how = arguments.model, arguments.beam, arguments.search, arguments.average
    if arguments.accuracy is None:
        return calibration_file.find_calibration(*how)
    found = calibration_file.require_calibration(arguments.model)
    difference = calibration_file.find_difference(found, calibration_file.identify(*how))
    if difference:
        said = calibration_file.describe_difference(arguments.model, difference)
        raise UsageError(f"{said}; ask it of this one: python -m pipeline calibrate {arguments.model} DEV")
    return found


class ListSplit:
    """A list that is to be split at its end.

    Args:
        arguments: Of `predict`.
        calibration: By which its answers' confidence is found.
    """

    def __init__(self, arguments: argparse.Namespace, calibration: "Calibration") -> None:
        from pipeline.trust.splitting import AnswerSplitter

        self.accuracy: float = arguments.accuracy
        self.queue: Path = arguments.queue
        self.splitter = AnswerSplitter(calibration, arguments.json, arguments.n_best)

    def write(self, write: Callable[[str], None]) -> None:
        """Write what is cleared, the queue and its page, and say how many and how sure."""
        from pipeline.files.durable import write_atomically
        from pipeline.trust.review_page import write_review_page
        from pipeline.trust.splitting import HEAD

        found = self.splitter.split(self.accuracy)
        page = self.queue.with_suffix(".html")
        rows = [HEAD, *(one.row() for one in found.queue)]
        write_atomically(self.queue, "".join(f"{row}\n" for row in rows))
        left_out = write_review_page(page, found.queue, f"{self.queue.stem}.corrected.tsv")
        write("".join(f"{one.json or one.pair()}\n" for one in found.cleared))
        logger.info("%s", found.describe(self.accuracy))
        if left_out:
            logger.warning("%s: the last %d lines are left out, a browser copes with no more", page, left_out)
        logger.info("to look at: %s, or open %s in a browser", self.queue, page)
