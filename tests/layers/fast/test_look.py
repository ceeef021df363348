"""One look in a hand-written loop is the layer's, and its gradient that of autodiff."""

import numpy as np
import tensorflow as tf

from layers import BahdanauAttention
from layers.fast.look import closed_positions, look, look_back
from tests.layer_contract import assert_close, randomize

BATCH, SOURCE, UNITS, VALUES = 3, 4, 5, 6
RANDOM = np.random.default_rng(0)
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
QUERY, KEYS, VECTOR = (
    tf.constant(RANDOM.normal(size=size)) for size in ((BATCH, UNITS), (BATCH, SOURCE, UNITS), UNITS)
)
MEMORY = tf.constant(RANDOM.normal(size=(BATCH, SOURCE, VALUES)))
CLOSED = closed_positions(MASK, tf.float64)


def test_a_look_is_the_layers():
    layer = BahdanauAttention(UNITS, dtype="float64")
    layer.build((BATCH, UNITS), None, (BATCH, SOURCE, UNITS), None)
    randomize(layer)
    layer.query_projection.kernel.assign(tf.eye(UNITS, dtype="float64"))
    layer.score_vector.assign(VECTOR)
    expected_context, expected = layer(QUERY, KEYS, MEMORY, MASK)
    attention, context = look(QUERY, KEYS, MEMORY, CLOSED, VECTOR)
    assert_close(attention, expected, 1e-12)
    assert_close(context, expected_context, 1e-12)
    assert (attention.numpy()[~MASK] == 0).all()


def test_its_gradient_is_that_of_autodiff():
    with tf.GradientTape() as tape:
        tape.watch([QUERY, KEYS, VECTOR])
        attention, context = look(QUERY, KEYS, MEMORY, CLOSED, VECTOR)
    upstream = [tf.constant(RANDOM.normal(size=part.shape)) for part in (attention, context)]
    d_query, d_keys, d_vector = tape.gradient([attention, context], [QUERY, KEYS, VECTOR], output_gradients=upstream)
    found = look_back(upstream[1], upstream[0], attention, QUERY, KEYS, MEMORY, VECTOR)
    assert_close(found.query, d_query, 1e-12)
    assert_close(found.keys * VECTOR, d_keys, 1e-12)
    assert_close(tf.reduce_sum(found.vector, axis=0), d_vector, 1e-12)
