"""A loop over output positions in the graph, and the arrays that keep what was found at each."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

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


class Arrays(Protocol):
    """Where what is found at every position is kept."""

    def make(self, dtype: Any, shape: Sequence[Any]) -> Any:
        """An array of elements of a shape; None in it stands for the positions of the source."""

    def write(self, arrays: Sequence[Any], position: Any, values: Sequence[Any]) -> tuple[Any, ...]:
        """The arrays, each with a value at a position."""

    def stack(self, arrays: Sequence[Any], length: Any, shapes: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
        """`[length, …]` of each, the first of its elements, of its shape where there are none; None stands for 0."""


class GrowingArrays:
    """Arrays of TensorFlow, which grow as they are written."""

    def make(self, dtype: Any, shape: Sequence[Any]) -> Any:
        """See `Arrays`."""
        known = [size if isinstance(size, int) else None for size in shape]
        return tf.TensorArray(dtype, 0, dynamic_size=True, element_shape=known)

    def write(self, arrays: Sequence[Any], position: Any, values: Sequence[Any]) -> tuple[Any, ...]:
        """See `Arrays`."""
        return tuple(array.write(position, value) for array, value in zip(arrays, values, strict=True))

    def stack(self, arrays: Sequence[Any], length: Any, shapes: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
        """See `Arrays`."""
        empty = [[0, *(0 if size is None else size for size in shape)] for shape in shapes]
        stacked: tuple[Any, ...] = tf.cond(
            length > 0,
            lambda: tuple(array.stack() for array in arrays),
            lambda: tuple(tf.zeros(shape, array.dtype) for shape, array in zip(empty, arrays, strict=True)),
        )
        return stacked


class FixedArrays(NamedTuple):
    """Tensors with room for a known number of positions: for runtimes that have no arrays."""

    longest: Any
    """Positions."""
    source: Any
    """Positions of the source."""

    def make(self, dtype: Any, shape: Sequence[Any]) -> Any:
        """See `Arrays`."""
        return tf.zeros([self.longest, *(self.source if size is None else size for size in shape)], dtype)

    def write(self, arrays: Sequence[Any], position: Any, values: Sequence[Any]) -> tuple[Any, ...]:
        """See `Arrays`."""
        here = tf.range(self.longest) == position
        return tuple(
            tf.where(tf.reshape(here, [-1] + [1] * (len(array.shape) - 1)), tf.expand_dims(value, 0), array)
            for array, value in zip(arrays, values, strict=True)
        )

    def stack(self, arrays: Sequence[Any], length: Any, shapes: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
        """See `Arrays`."""
        return tuple(array[:length] for array in arrays)


GROWING = GrowingArrays()
