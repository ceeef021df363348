"""How probable it is that an answer is right: what is looked at, and the fitted numbers; NumPy alone."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.answering.predictions import Hypothesis, Prediction

SIGNS = (
    *("score", "odds", "probability", "score_per_symbol", "margin", "share"),
    *("length", "source_length", "unknown", "flagged", "cut"),
)
"""What is looked at: log p of the answer, its log odds, and p; log p per symbol; the log odds of its share of the
probability of all outputs found, and that share; symbols of the answer and of the source; unknown symbols of the
source; whether it skips or repeats parts of the source; whether source or output were cut."""
MOST = 20.0
"""Beyond these log odds there is no difference."""


def signs_of(prediction: Prediction) -> list[float]:
    """What is looked at of an answer, by `SIGNS`; of one without outputs, zeros."""
    if not prediction.hypotheses:
        return [0.0] * len(SIGNS)
    best = prediction.hypotheses[0]
    flags = best.source_flags
    margin = _margin(prediction.hypotheses)
    signs = [
        best.score,
        log_odds(best.score),
        float(np.exp(min(best.score, 0.0))),
        best.score / max(1, len(best.tokens)),
        margin,
        1 / (1 + float(np.exp(-margin))),
        float(len(best.tokens)),
        float(len(prediction.source_tokens)),
        float(prediction.unknown),
        float(bool(flags.skipped or flags.repeated)),
        float(prediction.cut or best.limited),
    ]
    return [float(value) for value in np.nan_to_num(signs, nan=0.0, posinf=MOST, neginf=-1e4)]


def log_odds(log_probability: float) -> float:
    """The log odds of a probability that is given by its logarithm, within ±20.

    Example:
        >>> log_odds(np.log(0.5)), log_odds(0.0), log_odds(-1000.0)
        (0.0, 20.0, -20.0)
    """
    rest = -np.expm1(min(log_probability, 0.0))
    if rest <= 0:
        return MOST
    return float(np.clip(log_probability - np.log(rest), -MOST, MOST))


def _margin(hypotheses: Sequence[Hypothesis]) -> float:
    """The log odds of the best output's share of the probability of all; 20 where it is the only one."""
    scores = np.array([hypothesis.score for hypothesis in hypotheses], float)
    if len(scores) < 2:
        return MOST
    others = np.logaddexp.reduce(scores[1:])
    return float(np.clip(scores[0] - others, -MOST, MOST))


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Fitted numbers, and what they were fitted on; `confidences` needs no more than NumPy."""

    method: str
    """"logistic"; or "isotonic", steps over what the logistic regression gives."""
    mean: list[float]
    """Of every sign."""
    scale: list[float]
    """Its standard deviation."""
    weights: list[float]
    bias: float
    steps: list[list[float]] | None
    """Log odds, rising, and the probability at each, between which lines lead; None of a logistic regression."""
    least: float
    """No probability is below it."""
    most: float
    """None is above it."""
    answers: int
    """How many answers it was fitted on."""
    right: int
    """How many of them were right."""
    table: list[list[float]]
    """Rows of a probability, how many of these answers were held at least so probable by a fit without them, and how
    many of those were right."""
    figures: dict[str, Any]
    """What was measured: expected calibration error, log loss."""
    model: dict[str, Any]
    """Which model it is of, and with which search."""

    def confidences(self, predictions: Sequence[Prediction]) -> np.ndarray:
        """`[n]` float64: how probable it is that each best output is right; 0 where there is none."""
        if not predictions:
            return np.zeros(0)
        found = self.of_signs(np.array([signs_of(prediction) for prediction in predictions]))
        return np.where([bool(prediction.hypotheses) for prediction in predictions], found, 0.0)

    def confidence(self, prediction: Prediction) -> float:
        """The same of one."""
        return float(self.confidences([prediction])[0])

    def of_signs(self, signs: np.ndarray) -> np.ndarray:
        """`[n]` probabilities of `[n, signs]`."""
        odds = (signs - np.array(self.mean)) / np.array(self.scale) @ np.array(self.weights) + self.bias
        if self.steps:
            at, probabilities = self.steps
            found = np.interp(odds, at, probabilities)
        else:
            found = 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
        return np.clip(found, self.least, self.most)
