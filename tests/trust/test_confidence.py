"""What is looked at of an answer."""

import numpy as np
import pytest

from pipeline.answering.predictions import Hypothesis, Prediction
from pipeline.trust.confidence import MOST, SIGNS, Calibration, signs_of


def make_prediction(scores: list[float], **details: object) -> Prediction:
    outputs = [Hypothesis(f"T{rank}", score, ["T", "</s>"], np.eye(2, 4)) for rank, score in enumerate(scores)]
    return Prediction(outputs, [*"abc", "</s>"], **details)


def make_calibration(**changes: object) -> Calibration:
    """Which is as sure as the model: the odds of p."""
    size = len(SIGNS)
    numbers = {"mean": [0.0] * size, "scale": [1.0] * size, "weights": [float(name == "odds") for name in SIGNS]}
    fitted = {"bias": 0.0, "steps": None, "least": 0.001, "most": 0.999, "answers": 200, "right": 150}
    return Calibration(
        **{"method": "logistic", **numbers, **fitted, "table": [[0.9, 100, 95], [0.1, 200, 150]], "figures": {}}
        | {"model": {"weights": ["x"], "search": {}, "average": None}}
        | changes
    )


def test_signs_by_name():
    signs = dict(zip(SIGNS, signs_of(make_prediction([np.log(0.6), np.log(0.2)], unknown=2, cut=True)), strict=True))
    assert signs["score_per_symbol"] == pytest.approx(np.log(0.6) / 2)
    assert signs["odds"] == pytest.approx(np.log(0.6 / 0.4))
    assert signs["margin"] == pytest.approx(np.log(3))
    assert [signs[name] for name in ("length", "source_length", "unknown", "cut")] == [2, 4, 2, 1]


def test_a_single_output_has_all_the_probability_and_none_has_no_signs():
    assert signs_of(make_prediction([-0.1]))[SIGNS.index("margin")] == MOST
    assert signs_of(make_prediction([])) == [0.0] * len(SIGNS)


def test_scores_that_are_no_numbers_are_no_signs():
    assert np.isfinite(signs_of(make_prediction([float("nan"), float("-inf")]))).all()


def test_confidences():
    made = make_calibration()
    found = made.confidences([make_prediction([np.log(0.8)]), make_prediction([]), make_prediction([0.0])])
    np.testing.assert_allclose(found, [0.8, 0.0, 0.999])
    assert made.confidences([]).shape == (0,)
    steps = make_calibration(method="isotonic", steps=[[-1.0, 1.0], [0.2, 0.6]])
    assert steps.confidence(make_prediction([np.log(0.5)])) == pytest.approx(0.4)
