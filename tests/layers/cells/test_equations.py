"""The steps of the hand-written loops: against Keras's cells, and their gradients against autodiff."""

from types import ModuleType

import keras
import numpy as np
import pytest
import tensorflow as tf

from layers.cells import gru as gru_equations
from layers.cells import lstm as lstm_equations
from tests.layer_contract import assert_close

UNITS, FEATURES, BATCH = 4, 3, 2
CELLS = [(gru_equations, keras.layers.GRUCell, 3), (lstm_equations, keras.layers.LSTMCell, 4)]


@pytest.mark.parametrize(("equations", "cell_class", "gates"), CELLS)
def test_the_same_as_keras(equations: ModuleType, cell_class: type, gates: int):
    random = np.random.default_rng(1)
    cell = cell_class(UNITS, dtype="float64")
    cell.build((BATCH, FEATURES))
    for weight in cell.weights:
        weight.assign(random.normal(size=weight.shape))
    inputs = random.normal(size=(BATCH, FEATURES))
    state = tuple(random.normal(size=(BATCH, UNITS)) for _ in range(equations.PARTS))
    _, expected = cell(inputs, list(state))
    kernel, recurrent_kernel, bias = cell.get_weights()
    input_bias, recurrent_bias = equations.split_bias(tf.constant(bias))
    input_gates, recurrent_gates = inputs @ kernel + input_bias, state[0] @ recurrent_kernel + recurrent_bias
    parts = (tf.split(tf.constant(share), gates, axis=1) for share in (input_gates, recurrent_gates))
    actual, _ = equations.advance(*parts, state)
    assert len(actual) == equations.PARTS
    for part, wanted in zip(actual, expected, strict=True):
        assert_close(part, wanted, 1e-12)


@pytest.mark.parametrize(("equations", "cell_class", "gates"), CELLS)
def test_gradient_is_that_of_autodiff(equations: ModuleType, cell_class: type, gates: int):
    random = np.random.default_rng(0)
    sides = [tf.constant(random.normal(size=(BATCH, gates * UNITS))) for _ in range(2)]
    state = tuple(tf.constant(random.normal(size=(BATCH, UNITS))) for _ in range(equations.PARTS))
    upstream = tuple(tf.constant(random.normal(size=(BATCH, UNITS))) for _ in range(equations.PARTS))
    with tf.GradientTape() as tape:
        tape.watch([*sides, *state])
        new_state, saved = equations.advance(*(tf.split(side, gates, axis=1) for side in sides), state)
    # Where a part of the state has no direct share, autodiff says zero too.
    expected = tape.gradient(
        new_state, [*sides, *state], output_gradients=upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    *d_parts, d_state = equations.retreat(upstream, state, saved)
    d_sides = [tf.concat(parts, axis=1) for parts in d_parts]
    for actual, wanted in zip((*d_sides, *d_state), expected, strict=True):
        assert_close(actual, wanted, 1e-12)


@pytest.mark.parametrize(("equations", "cell_class", "gates"), CELLS)
def test_bias_gradients(equations: ModuleType, cell_class: type, gates: int):
    cell = cell_class(UNITS, dtype="float64")
    cell.build((BATCH, FEATURES))
    bias = tf.constant(np.random.default_rng(0).normal(size=cell.bias.shape))
    with tf.GradientTape() as tape:
        tape.watch(bias)
        shares = equations.split_bias(bias)
    upstream = [tf.constant(np.arange(share.shape[0]) + 1.0) for share in shares]
    assert_close(
        equations.join_bias_gradients(*upstream), tape.gradient(shares, bias, output_gradients=upstream), 1e-12
    )


def test_one_lstm_unit_by_hand():
    # All gates half open, candidate tanh(0): c = 2 / 2, h = tanh(1) / 2.
    zeros = [tf.zeros([1, 1], tf.float64)] * 4
    (hidden, memory_cell), _ = lstm_equations.advance(zeros, zeros, (np.array([[9.0]]), np.array([[2.0]])))
    assert_close(memory_cell, [[1.0]], 1e-12)
    assert_close(hidden, [[np.tanh(1.0) / 2]], 1e-12)
