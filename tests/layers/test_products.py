"""Products over all positions: against einsum, with sizes known and unknown."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from layers.attention.projection import Projection
from layers.products import dense, dense_gradient, kernel_gradient, write
from tests.layer_contract import assert_close

RANDOM = np.random.default_rng(0)
INPUTS, KERNEL, GRADIENT = (RANDOM.normal(size=shape) for shape in ((2, 3, 4), (4, 5), (2, 3, 5)))
CASES = [
    (dense, INPUTS, KERNEL, np.einsum("abn,nm->abm", INPUTS, KERNEL)),
    (dense_gradient, GRADIENT, KERNEL, np.einsum("abm,nm->abn", GRADIENT, KERNEL)),
    (kernel_gradient, INPUTS, GRADIENT, np.einsum("abn,abm->nm", INPUTS, GRADIENT)),
]


@pytest.mark.parametrize(
    ("function", "first", "second", "expected"), CASES, ids=lambda value: getattr(value, "__name__", "")
)
def test_product(function: Callable[..., tf.Tensor], first: np.ndarray, second: np.ndarray, expected: np.ndarray):
    assert_close(function(tf.constant(first), tf.constant(second)), expected, 1e-12)

    def spec(array: np.ndarray) -> tf.TensorSpec:
        return tf.TensorSpec([None, None, array.shape[2]] if array.ndim == 3 else array.shape, tf.float64)

    unknown = tf.function(function, input_signature=[spec(first), spec(second)])
    result = unknown(tf.constant(first), tf.constant(second))
    assert_close(result, expected, 1e-12)
    # The loops need the static size of the last axis.
    assert unknown.get_concrete_function().outputs[0].shape[-1] == expected.shape[-1]


@pytest.mark.parametrize("source", [3, 0])
def test_a_projection_gives_what_keras_gives(source: int):
    inputs = RANDOM.normal(size=(2, source, 4)).astype("float32")
    mine, other = (kind(5, activation="tanh", bias_initializer="ones") for kind in (Projection, keras.layers.Dense))
    mine.build((None, 4))
    other.build((None, 4))
    other.set_weights(mine.get_weights())
    assert_close(mine(inputs), other(inputs), 1e-6)
    unknown = tf.function(mine, input_signature=[tf.TensorSpec([None, None, 4])])
    assert_close(unknown(inputs), other(inputs), 1e-6)
    assert mine(keras.Input((None, 4))).shape == (None, None, 5)


def test_by_hand():
    inputs = tf.constant([[[1.0, 2.0]], [[3.0, 4.0]]])
    assert_close(dense(inputs, tf.constant([[10.0], [1.0]])), [[[12.0]], [[34.0]]], 0)
    assert_close(kernel_gradient(inputs, tf.constant([[[1.0]], [[-1.0]]])), [[-2.0], [-2.0]], 0)


def test_write_gives_each_value_to_its_array():
    arrays = tuple(tf.TensorArray(tf.float32, 2) for _ in range(2))
    arrays = write(write(arrays, 1, (1.0, 10.0)), 0, (2.0, 20.0))
    assert [array.stack().numpy().tolist() for array in arrays] == [[2.0, 1.0], [20.0, 10.0]]


def test_write_of_too_few_values_is_an_error():
    with pytest.raises(ValueError, match="shorter"):
        write((tf.TensorArray(tf.float32, 1), tf.TensorArray(tf.float32, 1)), 0, (1.0,))
