"""Recurrent cells: the two halves of a step are Keras's step, and what layer normalisation makes of it."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from layers.cells.kinds import CELLS, EPSILON, normalize
from tests.layer_contract import assert_close, randomize

UNITS, FEATURES, BATCH = 4, 3, 2
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(BATCH, FEATURES))


def cell_and_state(kind: str) -> tuple[Any, list[np.ndarray]]:
    cell = CELLS[kind](UNITS, dtype="float64")
    cell.build((BATCH, FEATURES))
    parts = cell.equations.PARTS
    return randomize(cell), [np.random.default_rng(1).normal(size=(BATCH, UNITS)) for _ in range(parts)]


def in_halves(cell: Any, state: list[Any]) -> list[Any]:
    gates = cell.input_share(INPUTS @ cell.kernel.numpy())
    return cell.advance(tf.split(gates, cell.equations.GATES, axis=1), state)


@pytest.mark.parametrize("kind", CELLS)
def test_the_halves_are_the_call(kind: str):
    cell, state = cell_and_state(kind)
    output, expected = cell(INPUTS, state)
    new_state = in_halves(cell, state)
    assert_close(output, new_state[0], 1e-12)
    for actual, part in zip(new_state, expected, strict=True):
        assert_close(actual, part, 1e-12)


@pytest.mark.parametrize(("kind", "keras_class"), [("gru", keras.layers.GRUCell), ("lstm", keras.layers.LSTMCell)])
def test_a_plain_cell_is_that_of_keras(kind: str, keras_class: type):
    cell, state = cell_and_state(kind)
    other = keras_class(UNITS, dtype="float64")
    other.build((BATCH, FEATURES))
    other.set_weights(cell.get_weights())
    assert_close(in_halves(cell, state)[0], other(INPUTS, state)[0], 1e-12)


def layer_norm(rows: np.ndarray, gain: np.ndarray, bias: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return gain * centred / np.sqrt(rows.var(axis=1, keepdims=True) + EPSILON) + bias


def test_a_normalized_gru_step_by_hand():
    cell, (state,) = cell_and_state("layer_norm_gru")
    kernel, recurrent_kernel, (bias, recurrent_bias), gain, recurrent_gain = cell.get_weights()
    gate = [slice(index * UNITS, (index + 1) * UNITS) for index in range(3)]
    x = [layer_norm((INPUTS @ kernel)[:, part], gain[part], bias[part]) for part in gate]
    u = [layer_norm((state @ recurrent_kernel)[:, part], recurrent_gain[part], recurrent_bias[part]) for part in gate]
    update, reset = (1 / (1 + np.exp(-(x[index] + u[index]))) for index in (0, 1))
    candidate = np.tanh(x[2] + reset * u[2])
    assert_close(in_halves(cell, [state])[0], update * state + (1 - update) * candidate, 1e-10)


def test_normalized_rows_have_mean_0_and_variance_1():
    rows = normalize(tf.constant(RANDOM.normal(3, 7, size=(5, 50)))).numpy()
    assert_close(rows.mean(axis=1), np.zeros(5), 1e-12)
    assert_close(rows.var(axis=1), np.ones(5), 1e-4)


@pytest.mark.parametrize("kind", ["layer_norm_gru", "layer_norm_lstm"])
def test_the_scale_of_the_products_changes_nothing(kind: str):
    cell, state = cell_and_state(kind)
    before = in_halves(cell, state)[0]
    cell.kernel.assign(cell.kernel * 1000)
    cell.recurrent_kernel.assign(cell.recurrent_kernel * 1000)
    assert_close(in_halves(cell, state)[0], before, 1e-3)


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        ("gru", {"activation": "relu"}),
        ("gru", {"reset_after": False}),
        ("lstm", {"recurrent_activation": "hard_sigmoid"}),
        ("lstm", {"use_bias": False}),
        ("layer_norm_gru", {"dropout": 0.1}),
        ("layer_norm_lstm", {"recurrent_dropout": 0.1}),
    ],
)
def test_what_the_equations_do_not_have_is_refused(kind: str, setting: dict[str, Any]):
    (name,) = setting
    with pytest.raises(ValueError, match=f"has {name}=.* in its equations, got "):
        CELLS[kind](UNITS, **setting)


def test_normalization_does_not_overflow_in_half_precision():
    rows = normalize(tf.constant([[-1000.0, 1000.0]], tf.float16))
    assert rows.dtype == tf.float16
    assert_close(rows, [[-1, 1]], 1e-3)


@pytest.mark.parametrize("kind", CELLS)
def test_saved_in_recurrent_layers(kind: str, tmp_path: Path):
    inputs = keras.Input([None, FEATURES])
    masked = keras.layers.Masking()(inputs)
    both = keras.layers.Bidirectional(keras.layers.RNN(CELLS[kind](UNITS), return_sequences=True))(masked)
    model = randomize(keras.Model(inputs, keras.layers.RNN([CELLS[kind](2), CELLS[kind](3)])(both)))
    sequence = RANDOM.normal(size=(2, 5, FEATURES)).astype("float32")
    sequence[0, 3:] = 0
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        np.testing.assert_array_equal(keras.saving.load_model(tmp_path / name)(sequence), model(sequence))
