"""The hand-written bidirectional loop: outputs and every gradient are those of Keras's layer under autodiff."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from layers import BidirectionalEncoder
from tests.layer_contract import TOLERANCES, arrays, assert_close, assert_gradients_agree, randomize
from tests.quick_cases import quick

FEATURES, UNITS = 6, 5
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)


# Padding on the left and between symbols too, and a row without any.
ANYWHERE = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]], bool)


# A single source has a loop of its own in the graph.
@pytest.mark.parametrize(
    ("cell", "dtype", "training", "mask"),
    [
        *quick(itertools.product(["gru", "lstm"], ["float64"], [True, False], [ANYWHERE, MASK[:1]]), 0, 5),
        # The same code: not in every way.
        *quick(
            [*itertools.product(["gru", "lstm"], ["float32"], [True], [ANYWHERE]), ("gru", "float32", False, MASK[:1])],
            1,
        ),
    ],
)
def test_outputs_and_gradients_are_those_of_keras(cell: str, dtype: str, training: bool, mask: np.ndarray):
    random = np.random.default_rng(0)
    inputs = tf.constant(random.normal(size=(*mask.shape, FEATURES)), dtype)
    encoder = BidirectionalEncoder(UNITS, cell=cell, dtype=dtype)
    encoder.build(inputs.shape)
    randomize(encoder)
    weights = [weight.value for weight in encoder.trainable_variables]
    # Upstream gradients that differ everywhere, on padding too, where none may come through.
    upstream = [tf.constant(random.normal(size=shape), dtype) for shape in ((*mask.shape, 10), (len(mask), 10))]

    @tf.function
    def outputs_and_gradients(fast: bool) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        encoder.fast, encoder.right_padded = fast, not fast  # Keras's loop takes any mask as it is
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = encoder(inputs, mask, training=training)
        return list(outputs), tape.gradient(outputs, [inputs, *weights], output_gradients=upstream)

    fast = outputs_and_gradients(True)
    assert_gradients_agree(fast, outputs_and_gradients(False), dtype)
    assert (fast[0][0].numpy()[~mask] == 0).all()
    assert (fast[1][0].numpy()[~mask] == 0).all()


@pytest.mark.parametrize("training", [True, False], ids=["compiled", "graph"])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("dtype", quick(TOLERANCES, 0))
def test_padding_changes_nothing(cell: str, dtype: str, training: bool):
    inputs = np.random.default_rng(0).normal(size=(3, 4, FEATURES))
    encoder = BidirectionalEncoder(UNITS, cell=cell, dtype=dtype)
    encoder.build(inputs.shape)
    randomize(encoder)
    padded, mask = np.full((5, 6, FEATURES), 7.0), np.zeros((5, 6), bool)
    padded[:3, :4], mask[:3, :4], mask[3:, 0] = inputs, MASK, True
    memory, summary = arrays(encoder(padded, mask, training=training))
    expected, expected_summary = arrays(encoder(inputs, MASK, training=training))
    assert_close(memory[:3, :4], expected, TOLERANCES[dtype])
    assert (memory[:, 4:] == 0).all()
    assert_close(summary[:3], expected_summary, TOLERANCES[dtype])
