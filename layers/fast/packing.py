"""Padding that stands anywhere: symbols are moved to the front before a loop that needs them there, and back after it.

`keras.utils.pad_sequences` pads on the left, and a mask may have holes; the hand-written loops, as those of a GPU,
take padding on the right. Where there is no other, nothing is moved.
"""

from typing import Any, NamedTuple

import tensorflow as tf


class Packed(NamedTuple):
    """Rows whose padding stands on the right."""

    rows: Any
    """`[batch, positions, …]`; what stands on padding is of no account."""
    mask: Any
    """`[batch, positions]` bool."""
    is_moved: Any
    """A bool: whether anything was."""


def pack(rows: Any, mask: Any) -> Packed:
    """Move what the mask leaves open to the front of every row, in its order.

    Args:
        rows: `[batch, positions, …]`.
        mask: `[batch, positions]` bool, False on padding.

    Example:
        >>> packed = pack(tf.constant([[7, 0, 8, 9]]), tf.constant([[True, False, True, True]]))
        >>> packed.rows.numpy().tolist(), packed.mask.numpy().tolist()
        ([[7, 8, 9, 0]], [[True, True, True, False]])
        >>> unpack(packed.rows, tf.constant([[True, False, True, True]]), packed.is_moved).numpy().tolist()
        [[7, 0, 8, 9]]
    """
    rows, mask = tf.convert_to_tensor(rows), tf.convert_to_tensor(mask)
    is_moved = tf.reduce_any(mask[:, 1:] & ~mask[:, :-1])

    def move() -> Any:
        order = tf.argsort(tf.cast(mask, tf.int32), direction="DESCENDING", stable=True)
        return tf.gather(rows, order, batch_dims=1)

    lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
    return Packed(tf.cond(is_moved, move, lambda: rows), tf.sequence_mask(lengths, tf.shape(mask)[1]), is_moved)


def unpack(rows: Any, mask: Any, is_moved: Any) -> Any:
    """What was computed of packed rows, where the rows were before; 0 on padding.

    Args:
        rows: `[batch, positions, …]`, 0 on padding.
        mask: `[batch, positions]` bool, as `pack` had it.
        is_moved: From `pack`.
    """

    def move() -> Any:
        places = tf.maximum(tf.cumsum(tf.cast(mask, tf.int32), axis=1) - 1, 0)
        opened = tf.reshape(mask, tf.concat([tf.shape(mask), tf.ones([rows.shape.rank - 2], tf.int32)], axis=0))
        return tf.where(opened, tf.gather(rows, places, batch_dims=1), tf.zeros((), rows.dtype))

    return tf.cond(is_moved, move, lambda: rows)
