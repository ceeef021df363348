"""The fit: numbers that say how probable it is that an answer is right, on answers drawn from known probabilities."""

import dataclasses
import json

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.trust.confidence import SIGNS, Calibration
from pipeline.trust.fitting import fit


def draw(count: int, seed: int, curve: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signs, whether answers are right, and with which probability they are."""
    chance = np.random.default_rng(seed)
    signs = chance.normal(size=(count, len(SIGNS)))
    signs[:, 6] = 3.0  # says nothing
    odds = 1.5 * signs[:, 1] - signs[:, 3] + 0.5
    known = np.where(odds > 0, 0.9, 0.2) if curve else 1 / (1 + np.exp(-odds))
    return signs, chance.random(count) < known, known


@pytest.mark.parametrize(("curve", "method"), [(False, "logistic"), (True, "isotonic")])
def test_it_finds_the_probabilities_by_the_fitting_method(curve: bool, method: str):
    signs, right, _ = draw(3000, 1, curve)
    found = fit(signs, right)
    assert found.calibration.method == method
    other, _, known = draw(2000, 2, curve)
    assert np.abs(found.calibration.of_signs(other) - known).mean() < 0.06
    assert (found.calibration.answers, found.calibration.right) == (3000, right.sum())


def test_the_numbers_do_without_scikit_learn(monkeypatch: pytest.MonkeyPatch):
    signs, right, _ = draw(300, 1)
    made = fit(signs, right).calibration
    again = Calibration(**json.loads(json.dumps(dataclasses.asdict(made))))
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    np.testing.assert_array_equal(again.of_signs(signs), made.of_signs(signs))


def test_no_answer_is_surer_than_so_many_can_tell():
    signs, right, _ = draw(50, 3)
    sure = fit(signs, right).calibration.of_signs(100 * signs)
    assert sure.min() >= 0.01
    assert sure.max() <= 0.99


@pytest.mark.parametrize(("right", "kind"), [([True] * 20, "wrong"), ([False] * 19 + [True], "right")])
def test_answers_of_one_kind_are_refused(right: list[bool], kind: str):
    with pytest.raises(DataError, match=f"(is|are) {kind}"):
        fit(draw(20, 1)[0], np.array(right))
