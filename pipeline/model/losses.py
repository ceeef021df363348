"""What training makes small: the cross-entropy of the target, with or without label smoothing; and how far two passes
through the network are from each other.
"""

from typing import Any

import tensorflow as tf

from pipeline.text.symbols import PAD


def token_cross_entropy(targets: Any, logits: Any, label_smoothing: float = 0.0) -> tuple[tf.Tensor, tf.Tensor]:
    """Cross-entropy summed over the real target symbols, and their number; padding counts for nothing.

        loss_t = -(1 - e) log p(y_t) - e / V Σ_v log p(v)

    Args:
        targets: `[batch, target]` ids, `PAD` after the end symbol.
        logits: `[batch, target, vocabulary]`, float32 or float64.
        label_smoothing: The share e of the probability spread evenly over the vocabulary.

    Returns:
        The sum in nats and the number of real symbols, scalars in the dtype of the logits. The caller
        divides: the number of symbols that counts is that of the whole global batch.

    Example:
        >>> total, tokens = token_cross_entropy([[2, 0]], tf.zeros([1, 2, 4]))
        >>> round(float(total), 4), float(tokens)
        (1.3863, 1.0)
    """
    targets, logits = tf.reshape(targets, [-1]), tf.convert_to_tensor(logits)
    real = tf.cast(tf.not_equal(targets, PAD), logits.dtype)
    losses = _cross_entropy(targets, tf.reshape(logits, [-1, logits.shape[-1]]), label_smoothing)
    return tf.reduce_sum(losses * real), tf.reduce_sum(real)


def log_probabilities(targets: Any, logits: Any) -> tf.Tensor:
    """log p of whole targets, `[batch]`, of ids `[batch, target]` and logits `[batch, target, vocabulary]`.

    Example:
        >>> [round(float(value), 4) for value in log_probabilities(tf.constant([[3, 2, 0]]), tf.zeros([1, 3, 4]))]
        [-2.7726]
    """
    shape, targets = tf.shape(targets), tf.reshape(targets, [-1])
    losses = _cross_entropy(targets, tf.reshape(logits, [-1, logits.shape[-1]]), 0.0)
    losses *= tf.cast(tf.not_equal(targets, PAD), losses.dtype)
    return -tf.reduce_sum(tf.reshape(losses, shape), axis=1)


def _cross_entropy(targets: Any, logits: Any, label_smoothing: float) -> Any:
    """loss_t, `[tokens]`, of `[tokens]` ids and `[tokens, vocabulary]` logits z.

    With log p(v) = z_v - l, l = log Σ_u exp z_u:

        loss_t = l - (1 - e) z_y - e / V Σ_v z_v        dloss_t / dz_v = exp(z_v - l) - (1 - e) [v = y] - e / V

    Forward and backward are each one compiled function: the logits are the largest tensor of a training step, and
    single loops over them spare writing every intermediate of their size to memory.
    """

    @tf.custom_gradient
    def with_gradient(logits: Any) -> tuple[Any, Any]:
        # An eager tape must not look inside: the gradient of a compiled function is this one or none.
        losses, normalizers = _forward(targets, tf.stop_gradient(logits), label_smoothing)
        return losses, lambda upstream: _backward(targets, logits, normalizers, upstream, label_smoothing)

    return with_gradient(logits)


@tf.function(jit_compile=True, autograph=False)
def _forward(targets: Any, logits: Any, label_smoothing: float) -> tuple[Any, Any]:
    largest = tf.reduce_max(logits, axis=-1)
    normalizers = largest + tf.math.log(tf.reduce_sum(tf.exp(logits - largest[:, None]), axis=-1))
    wanted = tf.reduce_sum(tf.where(_is_target(targets, logits), logits, 0.0), axis=-1)
    spread = tf.reduce_mean(logits, axis=-1)
    return normalizers - (1 - label_smoothing) * wanted - label_smoothing * spread, normalizers


@tf.function(jit_compile=True, autograph=False)
def _backward(targets: Any, logits: Any, normalizers: Any, upstream: Any, label_smoothing: float) -> Any:
    wanted = tf.where(_is_target(targets, logits), tf.constant(1 - label_smoothing, logits.dtype), 0.0)
    probabilities = tf.exp(logits - normalizers[:, None])
    return upstream[:, None] * (probabilities - wanted - label_smoothing / logits.shape[-1])


def _is_target(targets: Any, logits: Any) -> Any:
    return tf.range(logits.shape[-1], dtype=targets.dtype) == targets[:, None]


def symmetric_divergence(targets: Any, first: Any, second: Any) -> tf.Tensor:
    """How far two distributions are from each other, summed over the real target symbols, a scalar in nats.

        KL(p || q) + KL(q || p) = Σ_v (p(v) - q(v)) (log p(v) - log q(v))

    Args:
        targets: `[batch, target]` ids; padding counts for nothing.
        first: The logits of p, `[batch, target, vocabulary]`, float32 or float64.
        second: Those of q.

    Example:
        >>> symmetric_divergence([[2, 0]], tf.zeros([1, 2, 2]), tf.math.log([[[3.0, 1.0]] * 2])).numpy().round(4)
        np.float32(0.2747)
    """
    real = tf.reshape(tf.not_equal(targets, PAD), [-1])
    first, second = (tf.reshape(logits, [-1, logits.shape[-1]]) for logits in (first, second))

    @tf.custom_gradient
    def with_gradient(first: Any, second: Any) -> tuple[Any, Any]:
        total, *gradients = _diverge(tf.stop_gradient(first), tf.stop_gradient(second), real)
        return total, lambda upstream: tuple(upstream * gradient for gradient in gradients)

    return with_gradient(first, second)


@tf.function(jit_compile=True, autograph=False)
def _diverge(first: Any, second: Any, real: Any) -> tuple[Any, Any, Any]:
    """The sum, and its gradient with respect to both logits.

    For z, the logits of p, dsum / dz_v = p(v) (log p(v) - log q(v) - KL(p || q)) + p(v) - q(v).
    """
    log_p, log_q = tf.nn.log_softmax(first), tf.nn.log_softmax(second)
    p, q, apart = tf.exp(log_p), tf.exp(log_q), log_p - log_q
    to_second = tf.reduce_sum(p * apart, axis=-1, keepdims=True)
    to_first = tf.reduce_sum(-q * apart, axis=-1, keepdims=True)
    counts = tf.cast(real, first.dtype)[:, None]
    total = tf.reduce_sum((to_second + to_first) * counts)
    return total, counts * (p * (apart - to_second) + p - q), counts * (q * (-apart - to_first) + q - p)
