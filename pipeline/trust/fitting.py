"""Fitting the probability that an answer is right, by scikit-learn; what comes of it are plain numbers."""

import math
from typing import Any, NamedTuple

import numpy as np

from pipeline.errors import DataError, count_of
from pipeline.trust.confidence import Calibration

METHODS = ("logistic", "isotonic")
FOLDS = 5
SEED = 1


class Fit(NamedTuple):
    """What a fit gives."""

    calibration: Calibration
    """Without table, figures and model."""
    held_out: np.ndarray
    """`[n]`: the probability of every answer by fits that did not see it."""
    log_loss: dict[str, float]
    """Of either method, in nats an answer, of answers that the fits did not see."""


def fit(signs: np.ndarray, right: np.ndarray) -> Fit:
    """Fit both methods on parts of the answers, and on all of them the one with the smaller log loss on the others.

    Args:
        signs: `[n, signs]`, see `SIGNS`.
        right: `[n]` bool.

    Raises:
        DataError: Fewer than two answers are right, or fewer than two are wrong.
    """
    from sklearn.model_selection import StratifiedKFold

    few = int(min(right.sum(), (~right).sum()))
    if few < 2:
        kind = "right" if right.sum() < 2 else "wrong"
        raise DataError(
            f"of {count_of(len(right), 'answer')}, {few} {'is' if few == 1 else 'are'} {kind}: how wrong answers "
            "differ from right ones shows where there are some of both; give a larger file"
        )
    folds = StratifiedKFold(min(FOLDS, few), shuffle=True, random_state=SEED)
    held_out = {method: np.zeros(len(right)) for method in METHODS}
    for train, rest in folds.split(signs, right):
        for method in METHODS:
            held_out[method][rest] = _fit(signs[train], right[train], method).of_signs(signs[rest])
    losses = {method: log_loss(held_out[method], right) for method in METHODS}
    best = min(METHODS, key=losses.__getitem__)
    return Fit(_fit(signs, right, best), held_out[best], losses)


def log_loss(probabilities: np.ndarray, right: np.ndarray) -> float:
    """The mean negative log probability of what was the case, in nats.

    Example:
        >>> round(log_loss(np.array([0.5, 0.5]), np.array([True, False])), 4)
        0.6931
    """
    return float(-np.mean(np.log(np.where(right, probabilities, 1 - probabilities))))


def _fit(signs: np.ndarray, right: np.ndarray, method: str) -> Calibration:
    from sklearn.linear_model import LogisticRegression

    mean, spread = signs.mean(axis=0), signs.std(axis=0)
    scale = np.where(spread > 1e-9, spread, 1.0)
    scaled = (signs - mean) / scale
    found = LogisticRegression(max_iter=1000).fit(scaled, right)
    # So many answers tell nothing of what is rarer than this.
    rare = 0.5 / len(right)
    numbers: dict[str, Any] = {"weights": found.coef_[0].tolist(), "bias": float(found.intercept_[0])}
    steps = _steps(scaled @ found.coef_[0] + found.intercept_[0], right) if method == "isotonic" else None
    return Calibration(
        method=method,
        mean=mean.tolist(),
        scale=scale.tolist(),
        **numbers,
        steps=steps,
        least=rare,
        most=1 - rare,
        answers=len(right),
        right=int(right.sum()),
        table=[],
        figures={},
        model={},
    )


def _steps(odds: np.ndarray, right: np.ndarray) -> list[list[float]]:
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression(out_of_bounds="clip").fit(odds, right.astype(float))
    at, probabilities = found.X_thresholds_, found.y_thresholds_
    assert all(map(math.isfinite, at))
    return [at.tolist(), probabilities.tolist()]
