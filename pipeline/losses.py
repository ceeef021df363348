"""What training makes small: the cross-entropy of the target, with or without label smoothing."""

from typing import Any

import tensorflow as tf

from pipeline.text import PAD


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
    targets = tf.convert_to_tensor(targets)
    real = tf.cast(tf.not_equal(targets, PAD), logits.dtype)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    if label_smoothing:
        spread = tf.reduce_logsumexp(logits, axis=-1) - tf.reduce_mean(logits, axis=-1)
        losses = (1 - label_smoothing) * losses + label_smoothing * spread
    return tf.reduce_sum(losses * real), tf.reduce_sum(real)
