"""Whether probabilities are what they say: expected calibration error, bins of a reliability diagram, thresholds."""

from typing import NamedTuple

import numpy as np

from pipeline.evaluation.scores import wilson_interval

MOST_BINS, LEAST_IN_BIN = 15, 20
WIDE_BINS = 15
SAMPLES, SEED = 1000, 12345
ROWS = 200
LEVELS = (0.9, 0.95, 0.99)


class Bin(NamedTuple):
    """Answers of like confidence."""

    confidence: float
    """Their mean."""
    right: float
    """The share of them that is right."""
    answers: int


def bins_of(confidences: np.ndarray, right: np.ndarray) -> list[Bin]:
    """Up to 15 bins with equally many answers, 20 at least where there are as many; the least sure first.

    Example:
        >>> bins_of(np.array([0.25, 0.75, 0.5, 0.5]), np.array([False, True, False, True]))
        [Bin(confidence=0.5, right=0.5, answers=4)]
    """
    order = np.argsort(confidences, kind="stable")
    count = int(np.clip(len(order) // LEAST_IN_BIN, 1, MOST_BINS))
    return [
        Bin(float(confidences[part].mean()), float(right[part].mean()), len(part))
        for part in np.array_split(order, count)
        if len(part)
    ]


def calibration_error(confidences: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error in percentage points, with 15 bins of equal width (Guo et al. 2017,
    https://arxiv.org/abs/1706.04599): how far confidence and share of right answers lie apart in a bin, in the mean
    over all answers.

    Example:
        >>> calibration_error(np.array([0.75, 0.75, 0.75, 0.75]), np.array([True, True, True, False]))
        0.0
    """
    places = np.minimum((confidences * WIDE_BINS).astype(int), WIDE_BINS - 1)
    apart = np.bincount(places, weights=confidences - right, minlength=WIDE_BINS)
    return 100 * float(np.abs(apart).sum()) / max(1, len(right))


def error_of_equal_bins(confidences: np.ndarray, right: np.ndarray) -> float:
    """The same with the bins of `bins_of`, which tell the sure answers apart; chance makes it larger."""
    bins = bins_of(confidences, right)
    return 100 * sum(abs(one.confidence - one.right) * one.answers for one in bins) / max(1, len(right))


def calibration_interval(confidences: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Where `calibration_error` lies in 95 % of bootstrap samples of the answers."""
    chance = np.random.default_rng(SEED)
    rows = (chance.integers(0, len(right), len(right)) for _ in range(SAMPLES))
    low, high = np.percentile([calibration_error(confidences[row], right[row]) for row in rows], [2.5, 97.5])
    return float(low), float(high)


def error_by_chance(confidences: np.ndarray) -> float:
    """What `calibration_error` would be in the mean if every probability were exactly what it says: few answers have
    no smaller one.
    """
    chance = np.random.default_rng(SEED)
    size = len(confidences)
    return float(np.mean([calibration_error(confidences, chance.random(size) < confidences) for _ in range(SAMPLES)]))


def threshold_table(confidences: np.ndarray, right: np.ndarray) -> list[list[float]]:
    """Up to 200 rows of a confidence, how many answers have at least that, and how many of these are right.

    Example:
        >>> threshold_table(np.array([0.5, 0.9, 0.7]), np.array([False, True, True]))
        [[0.9, 1, 1], [0.7, 2, 2], [0.5, 3, 2]]
    """
    order = np.argsort(-confidences, kind="stable")
    correct = np.cumsum(right[order])
    places = np.unique(np.linspace(0, len(order) - 1, min(ROWS, len(order))).round().astype(int))
    return [[round(float(confidences[order[at]]), 6), int(at) + 1, int(correct[at])] for at in places]


def clear(confidences: np.ndarray, accuracy: float) -> np.ndarray:
    """The places of the answers, surest first, of which together so large a share is right, if probabilities are
    what they say: as many as can be.

    Example:
        >>> clear(np.array([0.6, 0.99, 0.97, 0.2]), 0.9).tolist()
        [1, 2]
    """
    order = np.argsort(-confidences, kind="stable")
    means = np.cumsum(confidences[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(means >= accuracy - 1e-12)
    return order[: enough[-1] + 1] if len(enough) else order[:0]


def level_figures(confidences: np.ndarray, right: np.ndarray) -> list[dict[str, float | list[float] | None]]:
    """What `predict --accuracy` would clear of these answers, and how many of those are right, in percent."""
    rows: list[dict[str, float | list[float] | None]] = []
    for level in LEVELS:
        chosen = clear(confidences, level)
        share = 100 * len(chosen) / max(1, len(right))
        found = 100 * float(right[chosen].mean()) if len(chosen) else None
        interval = [round(bound, 2) for bound in wilson_interval(found or 0.0, len(chosen))]
        rows.append(
            {
                "asked": 100 * level,
                "cleared": round(share, 2),
                "accuracy": None if found is None else round(found, 2),
                "interval": interval,
            }
        )
    return rows
