"""The hand-written decoder loop: outputs and every gradient are those of the plain loop under autodiff."""

import numpy as np
import pytest
import tensorflow as tf

from layers import AttentionDecoder
from tests.kinds import FAST_DECODERS
from tests.layer_contract import assert_gradients_agree, randomize
from tests.quick_cases import quick

FEATURES, UNITS, MEMORY_UNITS, SUMMARY_UNITS = 6, 7, 10, 8
RAGGED = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]], bool)  # with a hole, and without symbols
ONE = np.ones((1, 2), bool)


# Conditional GRUs have a file of their own, `layers.fast.conditional`, and the same to keep to.


# In float32 one kind of each cell.
@pytest.mark.parametrize(
    ("cell", "attention", "dtype", "mask", "length"),
    [
        *quick(((*kind, "float64", RAGGED, 5) for kind in FAST_DECODERS), 1, 4),
        *quick(((*kind, "float64", ONE, 1) for kind in FAST_DECODERS), 0),
        *quick((*kind, "float32", RAGGED, 5) for kind in FAST_DECODERS if kind[1] == "bahdanau"),
    ],
)
def test_outputs_and_gradients_are_those_of_the_plain_loop(
    cell: str, attention: str, dtype: str, mask: np.ndarray, length: int
):
    random = np.random.default_rng(0)
    rows, source = mask.shape
    shapes = [(rows, length, FEATURES), (rows, source, MEMORY_UNITS), (rows, SUMMARY_UNITS)]
    inputs, memory, summary = (tf.constant(random.normal(size=shape), dtype) for shape in shapes)
    decoder = AttentionDecoder(
        9, UNITS, cell=cell, attention=attention, attention_units=4, readout_units=5, dtype=dtype
    )
    decoder.build(inputs.shape, memory.shape, mask.shape, summary.shape)
    randomize(decoder)
    weights = [weight.value for weight in decoder.trainable_variables]
    # Upstream gradients that differ everywhere, of both outputs.
    upstream = [tf.constant(random.normal(size=(rows, length, size)), dtype) for size in (9, source)]

    @tf.function
    def outputs_and_gradients(fast: bool) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        decoder.fast = fast
        with tf.GradientTape() as tape:
            tape.watch([inputs, memory, summary])
            outputs = decoder(inputs, memory, mask, summary)
        wanted = [inputs, memory, summary, *weights]
        # Nothing reaches the memory without attention.
        zero = tf.UnconnectedGradients.ZERO
        return list(outputs), tape.gradient(outputs, wanted, output_gradients=upstream, unconnected_gradients=zero)

    assert_gradients_agree(outputs_and_gradients(True), outputs_and_gradients(False), dtype)


@pytest.mark.parametrize(("cell", "attention"), quick(FAST_DECODERS, 1))
def test_lengths_may_be_unknown_when_traced(cell: str, attention: str):
    decoder = AttentionDecoder(9, UNITS, cell=cell, attention=attention, dtype="float64")
    decoder.build((3, 5, FEATURES), (3, 4, MEMORY_UNITS), (3, 4), (3, SUMMARY_UNITS))
    randomize(decoder)
    specs = [
        tf.TensorSpec([None, None, FEATURES], tf.float64),
        tf.TensorSpec([None, None, MEMORY_UNITS], tf.float64),
        tf.TensorSpec([None, None], tf.bool),
        tf.TensorSpec([None, SUMMARY_UNITS], tf.float64),
    ]

    @tf.function(input_signature=specs)
    def both(*arguments: tf.Tensor) -> list[tuple[list[tf.Tensor], list[tf.Tensor]]]:
        results = []
        for fast in (True, False):
            decoder.fast = fast
            with tf.GradientTape() as tape:
                logits, weights = decoder(*arguments)
                loss = tf.reduce_sum(tf.sin(logits))
            trainable = [variable.value for variable in decoder.trainable_variables]
            zero = tf.UnconnectedGradients.ZERO
            results.append(([logits, weights], tape.gradient(loss, trainable, unconnected_gradients=zero)))
        return results

    for rows, target, source in [(1, 2, 3), (2, 1, 1)]:
        random = np.random.default_rng(rows)
        shapes = [(rows, target, FEATURES), (rows, source, MEMORY_UNITS), (rows, SUMMARY_UNITS)]
        inputs, memory, summary = (random.normal(size=shape) for shape in shapes)
        fast, plain = both(inputs, memory, np.ones((rows, source), bool), summary)
        assert fast[0][0].shape == (rows, target, 9)
        assert fast[0][1].shape == (rows, target, source)
        for actual, expected in zip(fast[0], plain[0], strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12)
        assert_gradients_agree(fast, plain, "float64")
