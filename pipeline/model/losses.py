"""What training makes small: the cross-entropy of the target, with or without label smoothing and a teacher's word; and
how far two passes through the network are from each other.
"""

from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from pipeline.text.symbols import PAD


class Lesson(NamedTuple):
    """What a teacher finds probable in the place of every target symbol."""

    symbols: Any
    """`[batch, target, k]` int32: its most probable ones, each at most once where it has any probability."""
    probabilities: Any
    """Of the same shape: q, each row summing to 1 but on padding."""
    weight: float
    """The share w of the loss that is the teacher's."""


def token_cross_entropy(
    targets: Any, logits: Any, label_smoothing: float = 0.0, lesson: Lesson | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cross-entropy summed over the real target symbols, and their number; padding counts for nothing.

        loss_t = -(1 - w) ((1 - e) log p(y_t) + e / V Σ_v log p(v)) - w Σ_v q_t(v) log p(v)

    with w = 0 where there is no teacher.

    Args:
        targets: `[batch, target]` ids, `PAD` after the end symbol.
        logits: `[batch, target, vocabulary]`, float32 or float64.
        label_smoothing: The share e of the probability spread evenly over the vocabulary.
        lesson: q and w (Kim & Rush 2016, https://arxiv.org/abs/1606.07947: distillation at every word).

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
    if lesson is not None:
        symbols, probabilities = (tf.reshape(part, [-1, tf.shape(part)[-1]]) for part in lesson[:2])
        lesson = Lesson(symbols, tf.cast(probabilities, logits.dtype), lesson.weight)
    losses = _cross_entropy(targets, tf.reshape(logits, [-1, logits.shape[-1]]), label_smoothing, lesson)
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


def _cross_entropy(targets: Any, logits: Any, label_smoothing: float, lesson: Lesson | None = None) -> Any:
    """loss_t, `[tokens]`, of `[tokens]` ids and `[tokens, vocabulary]` logits z; a lesson has `[tokens, k]` each.

    With log p(v) = z_v - l, l = log Σ_u exp z_u, and d the distribution that is wanted,

        loss_t = l - Σ_v d_v z_v        dloss_t / dz_v = exp(z_v - l) - d_v
        d_v = (1 - w) ((1 - e) [v = y] + e / V) + w q_v

    Forward and backward are each one compiled function: the logits are the largest tensor of a training step, and
    single loops over them spare writing every intermediate of their size to memory. Forward, q is looked up in the
    logits; only backward it is spread out over the vocabulary, outside, where that is faster.
    """
    share = 1.0 if lesson is None else 1 - lesson.weight

    @tf.custom_gradient
    def with_gradient(logits: Any) -> tuple[Any, Any]:
        # An eager tape must not look inside: the gradient of a compiled function is this one or none.
        losses, normalizers = _forward(targets, tf.stop_gradient(logits), label_smoothing, share, lesson)

        def backward(upstream: Any) -> Any:
            taught = None if lesson is None else _spread(lesson, tf.shape(logits))
            return _backward(targets, logits, normalizers, upstream, label_smoothing, share, taught)

        return losses, backward

    return with_gradient(logits)


@tf.function(jit_compile=True, autograph=False)
def _forward(targets: Any, logits: Any, label_smoothing: float, share: float, lesson: Lesson | None) -> Any:
    largest = tf.reduce_max(logits, axis=-1)
    normalizers = largest + tf.math.log(tf.reduce_sum(tf.exp(logits - largest[:, None]), axis=-1))
    wanted = tf.reduce_sum(tf.where(_is_target(targets, logits), logits, 0.0), axis=-1)
    spread = tf.reduce_mean(logits, axis=-1)
    losses = normalizers - share * (1 - label_smoothing) * wanted - share * label_smoothing * spread
    if lesson is not None:
        found = tf.gather(logits, lesson.symbols, batch_dims=1)
        losses -= lesson.weight * tf.reduce_sum(lesson.probabilities * found, axis=-1)
    return losses, normalizers


@tf.function(jit_compile=True, autograph=False)
def _backward(
    targets: Any, logits: Any, normalizers: Any, upstream: Any, label_smoothing: float, share: float, taught: Any
) -> Any:
    wanted = tf.where(_is_target(targets, logits), tf.constant(share * (1 - label_smoothing), logits.dtype), 0.0)
    probabilities = tf.exp(logits - normalizers[:, None])
    difference = probabilities - wanted - share * label_smoothing / logits.shape[-1]
    return upstream[:, None] * (difference if taught is None else difference - taught)


def _spread(lesson: Lesson, shape: Any) -> Any:
    """w q over the whole vocabulary, `[tokens, vocabulary]`."""
    rows = tf.range(shape[0])[:, None] + tf.zeros_like(lesson.symbols)
    return tf.scatter_nd(tf.stack([rows, lesson.symbols], axis=-1), lesson.weight * lesson.probabilities, shape)


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


class Risk(Protocol):
    """What adds the risk of outputs that are drawn from the model to a step, see `pipeline.training.risk`."""

    def candidates(self, inputs: Any, targets: Any) -> Any:
        """Draw them."""

    def mix(self, loss: Any, logits: Any, candidates: Any) -> Any:
        """The loss, with the risk's share of the references."""

    def add_gradients(self, gradients: list[Any], source: Any, candidates: Any) -> list[Any]:
        """The gradients, with those of what was drawn."""


def count_right(targets: Any, logits: Any, dtype: Any) -> Any:
    """How many real target symbols are the most probable ones.

    Args:
        targets: `[batch, target]` ids.
        logits: `[batch, target, vocabulary]`.
        dtype: Of the number.
    """
    right = tf.equal(tf.argmax(logits, axis=-1, output_type=targets.dtype), targets) & (targets != PAD)
    return tf.reduce_sum(tf.cast(right, dtype))
