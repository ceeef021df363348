"""Attention that only moves forward."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from layers.attention.bahdanau import BahdanauAttention
from layers.attention.base import Wanted
from layers.attention.weights import join_beams, masked_softmax, weighted_sum
from layers.emissions import log_share
from layers.masks import mask_of, open_positions
from layers.precision import softmax_dtype
from layers.products import SharedKernelDense
from layers.registration import PACKAGE

LEAST = -15.0
"""Nothing is less than e^-15 times as likely as something else: what is divided by can be divided by."""


@keras.saving.register_keras_serializable(package=PACKAGE)
class MonotonicAttention(BahdanauAttention):
    """Additive attention whose position moves forward or stays, after Wu & Cotterell (2019), arxiv.org/abs/1905.06319.

        e_tj = vᵀ tanh(W query_t + U h_j)     τ_t = W' query_t + b'
        P(a_t = j | a_{t-1} = i) = exp(e_tj + τ_t(j - i)) / Σ_{k ≥ i} exp(e_tk + τ_t(k - i)) for j ≥ i, else 0
        P(a_t = j) = Σ_i P(a_{t-1} = i) P(a_t = j | a_{t-1} = i)

    τ_t(d) is a number for every length d of a jump, 0, 1, …; the last one stands for all longer jumps. Of e_t and of
    τ_t no exponent counts as more than 15 below the largest. The weights are the distribution of the position a_t,
    which moves on from that of the position before.

    Args:
        units: Size of the space in which query and keys meet.
        jumps: How many numbers τ has.

    Call arguments and results are those of `layers.attention.base.Attention`, with keys `[batch, source, units]`, and:
        alignment: `[batch * beams, source]`, the distribution of the position before, 0 on padding; None for all of it
            at the first open position.

    Example:
        >>> import numpy as np
        >>> attention = MonotonicAttention(units=4)
        >>> memory, query = np.ones((1, 4, 5), "float32"), np.zeros((1, 6), "float32")
        >>> keys, mask = attention.project_memory(memory), np.array([[True, True, True, False]])
        >>> before = np.array([[0.0, 1.0, 0.0, 0.0]], "float32")
        >>> _, weights = attention(query, keys, memory, mask, alignment=before)
        >>> np.round(weights, 3).tolist()
        [[0.0, 0.5, 0.5, 0.0]]
    """

    takes_coverage = False

    def __init__(self, units: int, jumps: int = 4, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        if jumps < 1:
            raise ValueError(f"jumps must be at least 1, got {jumps}")
        self.jumps = jumps
        self.jump_projection = SharedKernelDense(jumps, dtype=self.dtype_policy, name="jump_projection")

    @classmethod
    def for_decoder(cls, wanted: Wanted) -> "MonotonicAttention":
        """See `Attention`."""
        return cls(wanted.attention_units, **wanted.layer)

    def build(self, query_shape: Any, keys_shape: Any = None, values_shape: Any = None, mask_shape: Any = None) -> None:
        """Create the projections and the score vector from the shapes of the call's arguments."""
        super().build(query_shape, keys_shape, values_shape, mask_shape)
        self.jump_projection.build(query_shape)

    def call(
        self,
        query: Any,
        keys: Any,
        values: Any,
        mask: Any = None,
        beams: int = 1,
        coverage: Any = None,
        heads_apart: bool = False,
        alignment: Any = None,
    ) -> tuple[Any, Any]:
        """One look at the memory; see the class."""
        mask = open_positions(mask_of(keys, values) if mask is None else mask, keys)
        alignment = first_position(mask, beams, softmax_dtype(keys.dtype)) if alignment is None else alignment
        weights = self.move(alignment, query, keys, mask, beams)
        by_source = ops.reshape(weights, (-1, beams, ops.shape(keys)[1]))
        context = join_beams(weighted_sum(ops.cast(by_source, values.dtype), values), beams)
        return context, ops.expand_dims(weights, 1) if heads_apart else weights

    def move(self, alignment: Any, query: Any, keys: Any, mask: Any, beams: int = 1) -> Any:
        """The distribution of the position, from that of the position before.

        Args:
            alignment: `[batch * beams, source]`, in at least float32.
            query: `[batch * beams, query_units]`.
            keys: `[batch, source, units]`.
            mask: `[batch, source]` bool.
            beams: How many queries look at each source.

        Returns:
            `[batch * beams, source]` like alignment.
        """
        scores = ops.reshape(self.scores(query, keys, beams, None), (-1, beams, ops.shape(keys)[1]))
        fits = open_shares(ops.cast(scores, alignment.dtype), ops.expand_dims(mask, 1))
        fits = ops.reshape(fits, (-1, ops.shape(keys)[1]))
        return advance(alignment, fits, self.jump_shares(query, alignment.dtype))

    def jump_shares(self, query: Any, dtype: Any) -> Any:
        """exp τ of queries `[…, query_units]`, `[…, jumps]`, the largest 1."""
        kernel, bias = (ops.cast(weight, self.compute_dtype) for weight in self.jump_projection.weights)
        return shares(ops.cast(tf.tensordot(ops.cast(query, self.compute_dtype), kernel, 1) + bias, dtype))

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        config = super().get_config()
        config.pop("coverage")
        return {**config, "jumps": self.jumps}


def first_position(mask: Any, beams: int, dtype: Any) -> Any:
    """All of the distribution at the first open position of a mask `[batch, source]`: `[batch * beams, source]`.

    Example:
        >>> first_position(tf.constant([[False, True, True]]), 2, "float32").numpy().tolist()
        [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    """
    places = ops.cast(mask, dtype)
    first = places * ops.cast(tf.equal(tf.cumsum(places, axis=1), 1), dtype)
    return first if beams == 1 else ops.repeat(first, beams, axis=0)


def shares(exponents: Any) -> Any:
    """exp of the last axis, in shares of the largest."""
    return ops.exp(ops.maximum(exponents - ops.max(exponents, axis=-1, keepdims=True), LEAST))


def open_shares(scores: Any, mask: Any) -> Any:
    """The same, 0 where the mask is False; what stands there does not matter."""
    kept = ops.where(mask, shares(ops.where(mask, scores, ops.cast(-1e9, scores.dtype))), 0)
    return ops.cast(kept, scores.dtype)


def advance(alignment: Any, fits: Any, jumps: Any) -> Any:
    """Σ_i alignment_i P(j | i), with P(j | i) in proportion to fits_j and to the jump's share.

    Args:
        alignment: `[rows, source]`.
        fits: `[rows, source]`, exp e, 0 on padding.
        jumps: `[rows, jumps]`, exp τ.

    Example:
        >>> one = tf.ones([1, 3])
        >>> advance(tf.constant([[0.0, 1.0, 0.0]]), one, tf.constant([[1.0, 3.0]])).numpy().tolist()
        [[0.0, 0.25, 0.75]]
    """
    lengths = range(jumps.shape[-1])
    last = lengths[-1]
    # Of every position, all that can be reached from it; then back, all that reach it.
    ahead = [tf.cumsum(fits, axis=1, reverse=True) if length == last else fits for length in lengths]
    reached = _sum(jumps, [tf.pad(part, [[0, 0], [0, n]])[:, n:] for n, part in enumerate(ahead)])
    # On padding nothing can be reached from nothing.
    sent = alignment / tf.where(reached > 0, reached, 1)
    behind = [tf.cumsum(sent, axis=1) if length == last else sent for length in lengths]
    source = tf.shape(fits)[1]
    return fits * _sum(jumps, [tf.pad(part, [[0, 0], [n, 0]])[:, :source] for n, part in enumerate(behind)])


def _sum(jumps: Any, parts: list[Any]) -> Any:
    return tf.add_n([jumps[:, n : n + 1] * part for n, part in enumerate(parts)])


def explain(alignment: Any, emissions: Any) -> Any:
    """The distribution of a position once its symbol is known.

    Args:
        alignment: `[rows, source]`, before.
        emissions: `[rows, source]`, log p of the symbol at every position.

    Example:
        >>> log_p = tf.math.log([[0.1, 0.3, 0.9]])
        >>> explain(tf.constant([[0.5, 0.5, 0.0]]), log_p).numpy().round(2).tolist()
        [[0.25, 0.75, 0.0]]
    """
    return masked_softmax(log_share(alignment) + emissions, alignment > 0)
