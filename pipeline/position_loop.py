"""A loop over output positions in the graph, and the arrays that keep what was found at each."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def loop(condition: Callable[..., Any], body: Callable[..., Any], start: tuple[Any, ...]) -> tuple[Any, ...]:
    """`tf.while_loop` in which the number of rows, the first axis of everything, is not known beforehand."""

    def any_rows(value: Any) -> tf.TensorShape:
        is_array = isinstance(value, tf.TensorArray)
        return tf.TensorShape(None) if is_array or not value.shape.rank else tf.TensorShape([None, *value.shape[1:]])

    invariants = tf.nest.map_structure(any_rows, start)
    return tf.while_loop(condition, body, start, shape_invariants=(tf.TensorShape([]), *invariants[1:]))


def array(dtype: Any, element_shape: list[int | None]) -> tf.TensorArray:
    """An array that grows as it is written."""
    return tf.TensorArray(dtype, 0, dynamic_size=True, element_shape=element_shape)


def stack(array: tf.TensorArray, length: Any, empty_shape: list[Any]) -> Any:
    """The array as a tensor, also when nothing was written (an empty batch)."""
    return tf.cond(length > 0, array.stack, lambda: tf.zeros([0, *empty_shape], array.dtype))
