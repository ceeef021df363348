"""From scores to weights, and from weights to a context; rows of several beams."""

from typing import Any

import tensorflow as tf
from keras import ops

from layers.precision import softmax_dtype


def weighted_sum(weights: Any, values: Any) -> Any:
    """Contexts `[batch, beams, units]` of weights `[batch, beams, source]` and values `[batch, source, units]`."""
    if values.shape[0] == 1:
        # Preparing a batched product takes longer than the product itself where there is one source only.
        return tf.expand_dims(tf.matmul(tf.squeeze(weights, 0), tf.squeeze(values, 0)), 0)
    return tf.matmul(weights, values)


def split_beams(rows: Any, beams: int) -> Any:
    """`[batch * beams, units]` to `[batch, beams, units]`."""
    return ops.reshape(rows, (-1, beams, rows.shape[-1]))


def join_beams(rows: Any, beams: int) -> Any:
    """`[batch, beams, units]` to `[batch * beams, units]`."""
    # A last size that is not known would be computed at every step; without beams, or of one source, nobody needs it.
    if beams == 1 or rows.shape[0] == 1:
        return ops.squeeze(rows, axis=1 if beams == 1 else 0)
    return ops.reshape(rows, (-1, ops.shape(rows)[-1]))


def masked_softmax(scores: Any, mask: Any) -> Any:
    """Softmax over the last axis in at least float32, exactly 0 where the mask is False.

    Example:
        >>> masked_softmax(ops.zeros((1, 3)), ops.array([[True, True, False]])).numpy().tolist()
        [[0.5, 0.5, 0.0]]
    """
    dtype = softmax_dtype(scores.dtype)
    scores = ops.cast(scores, dtype)
    # Written out: on a CPU, the backend's softmax takes longer to begin than a row of this size takes.
    scores = ops.where(mask, scores, ops.cast(-1e9, dtype))
    exponentials = ops.exp(scores - ops.max(scores, axis=-1, keepdims=True))
    return ops.where(mask, exponentials / ops.sum(exponentials, axis=-1, keepdims=True), ops.cast(0, dtype))
