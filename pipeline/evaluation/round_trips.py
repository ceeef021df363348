"""What it tells that answers come back to their source: how many are wrong of those that do, and of the others."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.answering.line_report import describe_returns
from pipeline.answering.predictions import Prediction, count_returns

logger = logging.getLogger(__name__)


def return_figures(predictions: Sequence[Prediction], right: np.ndarray) -> dict[str, Any]:
    """How many best answers come back, and how many of them are right; nothing where none were sent.

    Args:
        predictions: One per source.
        right: `[n]` bool: whether the best answer is.

    Returns:
        {"comes_back", "wrong_if_back", "wrong_if_not"}: the share of answers that come back, and the shares of these
        and of the others that are wrong, in percent; None of none.
    """
    sent, came, first = count_returns(predictions)
    if not sent:
        return {}
    ways = [one.hypotheses[0].back if one.hypotheses else None for one in predictions]
    back = np.array([way is not None and way.rank is not None for way in ways])
    wrong = [_percent(~right[where]) for where in (back, ~back)]
    logger.info("%s", describe_returns(sent, came, first))
    shown = ["none" if share is None else f"{share:.1f} %" for share in wrong]
    logger.info("wrong are of those that come back %s, of the others %s", *shown)
    return {"comes_back": _percent(back), "wrong_if_back": wrong[0], "wrong_if_not": wrong[1]}


def _percent(flags: np.ndarray) -> float | None:
    return round(100 * float(flags.mean()), 4) if len(flags) else None
