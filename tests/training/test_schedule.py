"""The learning rate: up to the peak, then down to a hundredth, in the shape asked for."""

import math

import keras
import numpy as np
import pytest

from pipeline.training.schedule import SCHEDULES, WarmupDecay
from tests.layer_contract import assert_close


def rates(steps: list[int], peak: float, total_steps: int, **arguments: object) -> list[float]:
    schedule = WarmupDecay(peak, total_steps, **arguments)
    return [float(schedule(step)) for step in steps]


@pytest.mark.parametrize("shape", SCHEDULES)
def test_rises_in_a_line_to_the_peak(shape: str):
    assert_close(rates([0, 1, 4, 9], 2.0, 110, warmup_steps=10, shape=shape), [0.2, 0.4, 1.0, 2.0], 1e-6)


@pytest.mark.parametrize(
    ("shape", "quarter", "half", "end"),
    [
        ("cosine", 0.01 + 0.99 * (1 + math.cos(math.pi / 4)) / 2, 0.505, 0.01),
        ("linear", 0.7525, 0.505, 0.01),
        ("constant", 1.0, 1.0, 1.0),
    ],
)
def test_falls_after_the_warmup(shape: str, quarter: float, half: float, end: float):
    steps = [9, 34, 59, 109, 500]  # the top is the tenth step, the end the last one
    assert_close(rates(steps, 1.0, 110, warmup_steps=10, shape=shape), [1.0, quarter, half, end, end], 1e-6)


def test_without_warmup_the_first_step_is_the_highest():
    first, second = rates([0, 1], 3.0, 100)
    assert first == pytest.approx(3.0)
    assert second < first


def test_warmup_is_at_most_half_of_the_training():
    values = rates(list(range(10)), 1.0, 10, warmup_steps=400)
    assert_close(values[:5], [0.2, 0.4, 0.6, 0.8, 1.0], 1e-6)
    assert np.argmax(values) == 4
    assert values[9] == pytest.approx(0.01)


@pytest.mark.parametrize("total", [1, 2])
def test_shortest_trainings(total: int):
    assert rates([0], 1.0, total, warmup_steps=400) == [1.0]


def test_drives_an_optimizer():
    optimizer = keras.optimizers.SGD(WarmupDecay(1.0, 100, warmup_steps=4, shape="constant"))
    weight = keras.Variable([0.0])
    values = []
    for _ in range(5):
        optimizer.apply([keras.ops.ones(1)], [weight])
        values.append(float(weight[0]))
    # Gradient 1 throughout: the steps are the learning rates 1/4, 2/4, 3/4, 1, 1.
    assert_close(values, [-0.25, -0.75, -1.5, -2.5, -3.5], 1e-6)


def test_configuration_makes_the_same_schedule():
    schedule = WarmupDecay(0.5, 100, 20, "linear")
    packed = keras.saving.serialize_keras_object(schedule)
    again = keras.saving.deserialize_keras_object(packed)
    assert isinstance(again, WarmupDecay)
    assert again.get_config() == schedule.get_config()
    assert [float(again(step)) for step in (0, 50, 99)] == [float(schedule(step)) for step in (0, 50, 99)]


def test_an_unknown_shape_is_refused():
    with pytest.raises(ValueError, match="shape must be one of"):
        WarmupDecay(1.0, 10, shape="square")
