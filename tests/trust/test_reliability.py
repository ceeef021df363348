"""Calibration errors, bins, and how many answers can be cleared."""

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.pictures.heat_map import png_bytes
from pipeline.trust.diagram import draw_reliability
from pipeline.trust.reliability import (
    bins_of,
    calibration_error,
    calibration_interval,
    clear,
    error_by_chance,
    error_of_equal_bins,
    level_figures,
    threshold_table,
)


def drawn(count: int, off: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(5)
    sure = chance.uniform(0.3, 0.9, count)
    return sure, chance.random(count) < sure + off


def test_what_is_calibrated_has_no_more_error_than_by_chance():
    sure, right = drawn(2000)
    assert calibration_error(sure, right) < 2 * error_by_chance(sure)
    low, high = calibration_interval(sure, right)
    assert 0 < low < high < 8


@pytest.mark.parametrize("measure", [calibration_error, error_of_equal_bins])
def test_ten_points_too_sure_are_ten_points_of_error(measure: Callable[..., float]):
    assert measure(*drawn(20_000, off=-0.1)) == pytest.approx(10, abs=1)


def test_bins_have_equally_many_answers():
    bins = bins_of(*drawn(1000))
    assert {one.answers for one in bins} == {66, 67}
    assert [one.confidence for one in bins] == sorted(one.confidence for one in bins)
    assert len(bins_of(*drawn(10))) == 1


def test_as_many_are_cleared_as_together_are_right_so_often():
    sure = np.array([0.5, 0.99, 0.9, 0.8])
    assert clear(sure, 0.95).tolist() == [1]
    assert clear(sure, 0.94).tolist() == [1, 2]
    assert clear(sure, 0.1).tolist() == [1, 2, 3, 0]
    assert clear(sure, 1.0).tolist() == []
    assert clear(np.zeros(0), 0.5).tolist() == []


def test_the_accuracy_that_was_asked_for_holds():
    sure, right = drawn(5000)
    [ninety, *_] = level_figures(np.sqrt(sure), np.random.default_rng(1).random(5000) < np.sqrt(sure))
    assert ninety["asked"] == 90
    low, high = ninety["interval"]
    assert low <= 90 <= high
    assert level_figures(sure, right)[2]["accuracy"] is None


def test_thresholds_end_with_all_answers():
    sure, right = drawn(1000)
    rows = threshold_table(sure, right)
    assert len(rows) == 200
    assert rows[-1][1:] == [1000, right.sum()]


def test_the_diagram_is_a_picture():
    assert png_bytes(draw_reliability(bins_of(*drawn(300)), "run_$x: <300>")).startswith(b"\x89PNG")
