"""A loop over output positions in the graph, and the arrays that keep what was found at each."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def loop(condition: Callable[..., Any], body: Callable[..., Any], start: tuple[Any, ...]) -> tuple[Any, ...]:
    """`tf.while_loop` of tensors whose shapes stay what they are at the start, as far as that is known.

    The caller vouches for it: what the body forgets of a shape is put back, not checked.
    """

    def keep_shapes(*before: Any) -> tuple[Any, ...]:
        after = body(*before)
        tf.nest.map_structure(_set_shape, after, start)
        return after

    return tf.while_loop(condition, keep_shapes, start, shape_invariants=tf.nest.map_structure(_shape, start))


def _shape(value: Any) -> tf.TensorShape:
    return tf.TensorShape(None) if isinstance(value, tf.TensorArray) else value.shape


def _set_shape(value: Any, same: Any) -> None:
    if not isinstance(value, tf.TensorArray):
        value.set_shape(same.shape)


def array(dtype: Any, element_shape: list[int | None]) -> tf.TensorArray:
    """An array that grows as it is written."""
    return tf.TensorArray(dtype, 0, dynamic_size=True, element_shape=element_shape)


def write(arrays: tuple[Any, ...], position: Any, values: Any) -> tuple[Any, ...]:
    """One value into each of the arrays."""
    return tuple(kept.write(position, value) for kept, value in zip(arrays, values, strict=True))


def stack(array: tf.TensorArray, length: Any, empty_shape: list[Any]) -> Any:
    """The array as a tensor, also when nothing was written (an empty batch)."""
    return tf.cond(length > 0, array.stack, lambda: tf.zeros([0, *empty_shape], array.dtype))
