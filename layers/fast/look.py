"""Additive attention inside of hand-written loops: one look forward, and its gradient.

Forward, with q the projected query, k_j the keys and values_j whatever is linear in the memory:

    p_j = tanh(q + k_j)      e_j = v·p_j      a = softmax(e)      context = Σ_j a_j values_j

Backward, from dc = dL/dcontext and what reaches a from outside:

    da_j = dc·values_j + (from outside)     de = a (da - a·da)     dp_j = de_j v (1 - p_j²)
    dq = Σ_j dp_j                           dk_j = dp_j            dv = Σ_j de_j p_j

The gradient of the values and that of the memory are products for all steps at once, after the loop.
"""

from typing import Any, NamedTuple

import tensorflow as tf

from layers.products import dense, dense_gradient


class LookGradient(NamedTuple):
    """The gradients of one look."""

    query: Any  # [B, A]
    keys: Any  # [B, S, A], still without its factor v: it is the same for all steps, so it waits for their sum
    vector: Any  # [B, A], to be summed over the rows


def closed_positions(mask: Any, dtype: Any) -> Any:
    """What is added to the scores `[B, S]` so that padding gets no weight, 0 or -1e9: exp(-1e9) underflows."""
    return tf.where(mask, tf.zeros((), dtype), tf.constant(-1e9, dtype))


def look(query: Any, keys: Any, values: Any, closed: Any, vector: Any) -> tuple[Any, Any]:
    """Weights `[B, S]` and context `[B, values]` of a query `[B, A]`; both are 0 where all positions are closed."""
    scores = dense(tf.tanh(query[:, None] + keys), vector[:, None])[:, :, 0]
    attention = tf.where(closed < 0, tf.zeros((), closed.dtype), tf.nn.softmax(scores + closed))
    return attention, tf.reduce_sum(attention[:, :, None] * values, axis=1)


def look_back(
    d_context: Any, d_outside: Any, attention: Any, query: Any, keys: Any, values: Any, vector: Any
) -> LookGradient:
    """The gradient of `look`, from those of its context and, from outside, of its weights."""
    d_weights = tf.matmul(values, d_context[:, :, None])[:, :, 0] + d_outside
    d_scores = attention * (d_weights - tf.reduce_sum(attention * d_weights, axis=-1, keepdims=True))
    matched = tf.tanh(query[:, None] + keys)
    d_matched = d_scores[:, :, None] * (1 - matched * matched)
    return LookGradient(
        query=vector * tf.reduce_sum(d_matched, axis=1),
        keys=d_matched,
        vector=tf.reduce_sum(d_scores[:, :, None] * matched, axis=1),
    )


def memory_gradient(
    attention: Any, d_values: Any, d_contexts: Any, d_keys: Any, values_kernel: Any, key_kernel: Any
) -> tuple[Any, Any]:
    """The gradient of the memory, from all that was made of it: after the loop, for all steps at once.

    Args:
        attention: `[T, B, S]`, the weights of every step.
        d_values: `[T, B, values]`, the gradients of the contexts as the loop had them, sums of values.
        d_contexts: `[B, T, M]`, those of the contexts C_t, sums of the memory itself.
        d_keys: `[B, S, A]`.
        values_kernel: `[M, values]`, which makes values of the memory.
        key_kernel: `[M, A]`, which makes keys of it.

    Returns:
        The gradients of the memory `[B, S, M]` and of the values `[B, S, values]`.
    """
    weights_by_source = tf.transpose(attention, [1, 2, 0])
    d_memory_values = tf.matmul(weights_by_source, tf.transpose(d_values, [1, 0, 2]))
    d_memory = tf.matmul(weights_by_source, d_contexts)
    d_memory += dense_gradient(d_memory_values, values_kernel)
    d_memory += dense_gradient(d_keys, key_kernel)
    return d_memory, d_memory_values
