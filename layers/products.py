"""Products over all positions at once, as single 2-D products: 3-D ones would run row by row.

Where they belong to a function that XLA compiles, they are best in it, but for `kernel_gradient`: its left side is
turned round, and at that the graph's library was 1.3 to 1.45 times as fast.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from layers.registration import PACKAGE


def dense(inputs: Any, kernel: Any) -> Any:
    """`[a, b, n]` times `[n, m]`."""
    return by_rows(lambda rows: tf.matmul(rows, kernel), inputs, kernel.shape[-1])


def part_product(rows: Any, kernel: Any, first: int, dtype: str) -> Any:
    """`[..., n]` times n rows of a kernel, from the first on, in a dtype: outside `__call__` Keras casts nothing."""
    part = keras.ops.cast(kernel, dtype)[first : first + rows.shape[-1]]
    rows = keras.ops.cast(rows, dtype)
    return keras.ops.matmul(rows, part) if len(rows.shape) == 2 else dense(rows, part)


@keras.saving.register_keras_serializable(package=PACKAGE)
class SharedKernelDense(keras.layers.Dense):
    """A `keras.layers.Dense` whose kernel goes into larger products too, without its call."""

    def quantize(self, mode: Any = None, **_: Any) -> None:
        """Nothing.

        Raises:
            NotImplementedError: Always; `keras.Model.quantize` then leaves the layer as it is, and warns.
        """
        raise NotImplementedError(f"{self.path} is not quantized: its kernel is part of larger products")


def dense_gradient(gradient: Any, kernel: Any) -> Any:
    """The gradient of `dense` with respect to its inputs: `[a, b, m]` times `[n, m]` transposed."""
    return by_rows(lambda rows: tf.matmul(rows, kernel, transpose_b=True), gradient, kernel.shape[0])


def by_rows(function: Callable[[Any], Any], inputs: Any, size: int) -> Any:
    """A function from `[rows, n]` to `[rows, size]`, of `[a, b, n]`."""
    first, second, _ = tf.unstack(tf.shape(inputs))
    flat = function(tf.reshape(inputs, [-1, inputs.shape[-1]]))
    return tf.reshape(flat, [first, second, size])


def kernel_gradient(inputs: Any, gradient: Any) -> Any:
    """The gradient of `dense` with respect to its kernel: Σ over the first two axes of inputs ⊗ gradient."""
    flat_inputs = tf.reshape(inputs, [-1, inputs.shape[-1]])
    return tf.matmul(flat_inputs, tf.reshape(gradient, [-1, gradient.shape[-1]]), transpose_a=True)


def write(arrays: tuple[Any, ...], position: Any, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Write one value to each `tf.TensorArray`."""
    return tuple(array.write(position, value) for array, value in zip(arrays, values, strict=True))


def interleave(values: Sequence[Any]) -> Any:
    """`[batch, source, units]` of each of h heads to `[batch, source * h, units]`: all heads of a position together.

    Example:
        >>> interleave([tf.constant([[[1], [2]]]), tf.constant([[[3], [4]]])]).numpy().ravel().tolist()
        [1, 3, 2, 4]
    """
    if len(values) == 1:
        return values[0]
    stacked = tf.stack(values, axis=2)
    shape = tf.shape(stacked)
    return tf.reshape(stacked, [shape[0], shape[1] * len(values), stacked.shape[-1]])
