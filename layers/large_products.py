"""Products over all positions at once, as single 2-D products: 3-D ones would run row by row."""

from typing import Any

import keras
import tensorflow as tf


def dense(inputs: Any, kernel: Any) -> Any:
    """`[a, b, n]` times `[n, m]`."""
    shape = tf.shape(inputs)
    flat = tf.matmul(tf.reshape(inputs, [-1, inputs.shape[-1]]), kernel)
    return tf.reshape(flat, [shape[0], shape[1], kernel.shape[-1]])


class Projection(keras.layers.Dense):
    """A `keras.layers.Dense` of `[batch, positions, features]` that is one product."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Project."""
        flat = super().call(tf.reshape(inputs, [-1, inputs.shape[-1]]), training=training)
        shape = tf.shape(inputs)
        return tf.reshape(flat, [shape[0], shape[1], self.units])


def dense_gradient(gradient: Any, kernel: Any) -> Any:
    """The gradient of `dense` with respect to its inputs: `[a, b, m]` times `[n, m]` transposed."""
    shape = tf.shape(gradient)
    flat = tf.matmul(tf.reshape(gradient, [-1, gradient.shape[-1]]), kernel, transpose_b=True)
    return tf.reshape(flat, [shape[0], shape[1], kernel.shape[0]])


def kernel_gradient(inputs: Any, gradient: Any) -> Any:
    """The gradient of `dense` with respect to its kernel: Σ over the first two axes of inputs ⊗ gradient."""
    flat_inputs = tf.reshape(inputs, [-1, inputs.shape[-1]])
    return tf.matmul(flat_inputs, tf.reshape(gradient, [-1, gradient.shape[-1]]), transpose_a=True)


def write(arrays: tuple[Any, ...], position: Any, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Write one value to each `tf.TensorArray`."""
    return tuple(array.write(position, value) for array, value in zip(arrays, values, strict=True))
