"""Reading in both directions, not in training: a single source, which has a loop of its own, as among others."""

import numpy as np
import pytest
import tensorflow as tf

from layers import BidirectionalEncoder
from tests.layer_contract import TOLERANCES, arrays, assert_close, assert_gradients_agree, randomize

FEATURES, UNITS = 6, 5
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)


@pytest.mark.parametrize("looked_up", [False, True])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_a_single_source_is_read_as_among_others(cell: str, dtype: str, looked_up: bool):
    ids = np.array([[3, 1, 6, 0], [2, 2, 5, 4], [1, 6, 6, 6]])
    symbols = tf.constant(np.random.default_rng(0).normal(size=(7, FEATURES)), dtype)
    encoder = BidirectionalEncoder(UNITS, cell=cell, layers=2, dtype=dtype)
    encoder.build((*MASK.shape, FEATURES))
    randomize(encoder)

    def read(rows: slice) -> list[np.ndarray]:
        if looked_up:
            return arrays(encoder.look_up(encoder.tabulate(symbols), ids[rows], MASK[rows]))
        return arrays(encoder(tf.gather(symbols, ids[rows]), MASK[rows]))

    memory, summary = read(slice(None))
    for row in range(len(ids)):
        alone, its_summary = read(slice(row, row + 1))
        assert_close(alone[0], memory[row], TOLERANCES[dtype])
        assert_close(its_summary[0], summary[row], TOLERANCES[dtype])
        assert (alone[0, ~MASK[row]] == 0).all()


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_gradients_of_a_single_source_are_those_of_keras(cell: str):
    inputs = tf.constant(np.random.default_rng(0).normal(size=(1, 4, FEATURES)))
    encoder = BidirectionalEncoder(UNITS, cell=cell, dtype="float64")
    encoder.build(inputs.shape)
    randomize(encoder)

    @tf.function
    def outputs_and_gradients(fast: bool) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        encoder.fast = fast
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = encoder(inputs, MASK[:1], training=False)
            loss = tf.add_n([tf.reduce_sum(tf.sin(part)) for part in outputs])
        return list(outputs), tape.gradient(loss, [inputs, *(weight.value for weight in encoder.trainable_variables)])

    assert_gradients_agree(outputs_and_gradients(True), outputs_and_gradients(False), "float64")
