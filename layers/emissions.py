"""log p of every symbol at every source position, generated or copied there, and their mixture over positions."""

from typing import Any

import tensorflow as tf

LEAST_SHARE = 1e-30
"""What a position with no share of the alignment counts for, so that its logarithm is a number: below every probability
that counts, and finite in float32, as its gradient is."""


def log_sum(one: Any, other: Any) -> Any:
    """log(exp one + exp other); exactly one where other is far below."""
    return one + tf.math.softplus(other - one)


def log_share(share: Any) -> Any:
    """The logarithm of a share, which may be 0."""
    return tf.math.log(tf.maximum(share, LEAST_SHARE))


def mix(alignment: Any, emissions: Any) -> Any:
    """log Σ_j alignment_j p_j of `[…, source]` and log p `[…, source, vocabulary]`: `[…, vocabulary]`."""
    return tf.reduce_logsumexp(tf.expand_dims(log_share(alignment), -1) + emissions, axis=-2)


def ids_to_copy(copied: Any) -> Any:
    """The target ids of sources, int32.

    Raises:
        ValueError: There are none.
    """
    if copied is None:
        raise ValueError("the decoder needs the target ids of sources to copy them: copied=ids")
    return tf.cast(copied, tf.int32)


def emit(outputs: Any, copied: Any) -> tuple[Any, Any, Any]:
    """Generating and copying where every position has outputs of its own.

        p(y | j) = g_j · p_generate(y | j) + (1 - g_j) [y = x_j]        g_j = 1 where x_j is never copied

    Args:
        outputs: `[…, source, vocabulary_size + 1]`, logits of the symbols, then that of g_j.
        copied: `[…, source]` int, the target ids of the source's symbols, -1 of what is never copied.

    Returns:
        log p of generating every symbol, `[…, source, vocabulary_size]`; log p of copying, `[…, source, 1]`; and which
        symbol that is, bool `[…, source, vocabulary_size]`.
    """
    logits, gate = outputs[..., :-1], outputs[..., -1:]
    # Not by index: that is a slice with a new axis, of which not every runtime knows; nor do one-hot vectors of -1 have
    # zeros everywhere.
    copied = tf.expand_dims(copied, -1)
    own = tf.equal(copied, tf.range(logits.shape[-1]))
    generate = tf.where(copied < 0, tf.zeros_like(gate), tf.math.log_sigmoid(gate))
    return tf.nn.log_softmax(logits) + generate, tf.math.log_sigmoid(-gate), own


def join(generated: Any, pointed: Any, own: Any) -> Any:
    """log p of every symbol at every position, from what `emit` returned.

    Example:
        >>> outputs = tf.math.log([[1.0, 3.0, 1.0]])  # two symbols at one position, and g = 1 / 2
        >>> tf.exp(join(*emit(outputs, tf.constant([0])))).numpy().round(3).tolist()
        [[0.625, 0.375]]
    """
    return tf.where(own, log_sum(generated, pointed), generated)


def step_outputs(alignment: Any, outputs: Any, copied: Any) -> tuple[Any, Any]:
    """What a step of a decoder with hard attention returns, and log p of every symbol at every position.

    Args:
        alignment: `[rows, source]`.
        outputs: `[rows, source, vocabulary_size]`, logits; of a decoder that copies with those of gates, as in `emit`.
        copied: `[rows, source]`, see `emit`; None where nothing is copied.
    """
    if copied is None:
        emissions = tf.nn.log_softmax(outputs)
        return mix(alignment, emissions), emissions
    parts = emit(outputs, copied)
    return mix_apart(alignment, *parts), join(*parts)


def mix_apart(alignment: Any, generated: Any, pointed: Any, own: Any) -> Any:
    """log p of generating every symbol and then of copying it, over all positions: `[rows, 2 * vocabulary_size]`.

    Args:
        alignment: `[rows, source]`.
        generated: From `emit`, as the others.
        pointed: As generated.
        own: As generated.
    """
    shares = tf.expand_dims(alignment, -1) * tf.exp(pointed) * tf.cast(own, alignment.dtype)
    return tf.concat([mix(alignment, generated), log_share(tf.reduce_sum(shares, axis=-2))], axis=-1)


def join_apart(apart: Any) -> Any:
    """log p of every symbol, from what `mix_apart` returned."""
    return log_sum(*tf.split(apart, 2, axis=-1))


def share_of_copying(apart: Any) -> Any:
    """Which share of the probability of every symbol came of copying, 0 to 1, from what `mix_apart` returned."""
    generated, pointed = tf.split(apart, 2, axis=-1)
    return tf.sigmoid(pointed - generated)
