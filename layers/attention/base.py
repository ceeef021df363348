"""What every kind of attention has in common: one look at a memory, but for how it scores."""

from typing import Any, NamedTuple, Self

import tensorflow as tf
from keras import ops

from layers.attention.weights import join_beams, masked_softmax, weighted_sum
from layers.guest_layer import GuestLayer
from layers.masks import mask_of, open_positions


class Wanted(NamedTuple):
    """What a decoder wants of its attention."""

    units: int
    """Size of the decoder's state, which is the query."""
    attention_units: int
    """Size of the space in which query and keys meet, for kinds that have one."""
    heads: int = 1
    """For kinds that have several."""
    coverage: bool = False
    """Whether it is to be told of past attention; only of kinds that take it."""
    layer: dict[str, Any] = {}  # noqa: RUF012 (read only)
    """Name and dtype."""


class Attention(GuestLayer):
    """A query meets a memory; a kind says how, by `build`, `project_memory` and `scores`.

        e_j = scores(query, key_j)     a_j = softmax_j(e_j)     context = Σ_j a_j value_j

    Masks, softmax, the sum over values, beams and heads are here. Where the call gets no mask, it takes the one that
    Keras attached to keys or values, as behind `keras.layers.Embedding(mask_zero=True)`; without any, all positions
    are open. It passes none on: the context has no positions any more. Nothing is kept on the layer between calls.

    Call arguments:
        query: `[batch * beams, query_units]`, the decoder's previous state s_{t-1}.
        keys: `[batch, source, …]`, from `project_memory`.
        values: `[batch, source, value_units]`: the memory h_j, or anything linear in it. Of several heads
            `[batch, source * heads, value_units]`: a row for each head at the first position, then at the next.
        mask: `[batch, source]` bool, False on padding. Weights there are exactly 0. None takes the keys' or the
            values' own, or else all positions.
        beams: How many queries look at each source; they stand one after the other.
        coverage: `[batch * beams, source]`, the sum of the weights so far; None if the layer has no use for it.
        heads_apart: Whether the weights of every head come out, instead of their mean.

    Returns:
        context `[batch * beams, value_units]` in the values' dtype, and the attention weights
        `[batch * beams, source]` in at least float32; of heads apart `[batch * beams, heads, source]`. A row without
        any True in its mask has weights and context 0.
    """

    heads = 1
    has_head_axis = False
    """Whether scores have an axis for heads, and values a row for each."""
    takes_coverage = False
    """Whether past attention may enter the score."""
    looks = True
    """Whether it looks anywhere: else the context is the encoder's summary."""
    memory_projection: Any = None

    @classmethod
    def for_decoder(cls, wanted: Wanted) -> Self:
        """The layer that a decoder wants; kinds that take other arguments than `units` override it."""
        return cls(wanted.attention_units, **wanted.layer)

    def project_memory(self, memory: Any) -> Any:
        """The keys: `[batch, source, memory_units]` to `[batch, source, …]`, once per source."""
        raise NotImplementedError

    def scores(self, query: Any, keys: Any, beams: int, coverage: Any) -> Any:
        """How well each position fits.

        Returns:
            `[batch, beams, source]`, or the same numbers in another shape; with `has_head_axis`
            `[batch, beams, heads, source]`.
        """
        raise NotImplementedError

    def call(
        self,
        query: Any,
        keys: Any,
        values: Any,
        mask: Any = None,
        beams: int = 1,
        coverage: Any = None,
        heads_apart: bool = False,
    ) -> tuple[Any, Any]:
        """One look at the memory; see the class."""
        if mask is None:
            mask = mask_of(keys) if self.has_head_axis else mask_of(keys, values)
        mask = open_positions(mask, keys)
        scores = self.scores(query, keys, beams, coverage)
        if self.has_head_axis:
            return self._gather_heads(scores, values, mask, beams, heads_apart)
        mask = ops.expand_dims(mask, 1)
        shape = tf.shape(mask) if beams == 1 else (mask.shape[0] or -1, beams, ops.shape(keys)[1])
        weights = masked_softmax(ops.reshape(scores, shape), mask)
        context = weighted_sum(ops.cast(weights, values.dtype), values)
        weights = join_beams(weights, beams)
        return join_beams(context, beams), ops.expand_dims(weights, 1) if heads_apart else weights

    def _gather_heads(self, scores: Any, values: Any, mask: Any, beams: int, heads_apart: bool) -> tuple[Any, Any]:
        """Context and weights of scores `[batch, beams, heads, source]`."""
        batch, source = ops.shape(mask)[0], ops.shape(mask)[1]
        weights = masked_softmax(scores, ops.reshape(mask, (batch, 1, 1, source)))
        rows = ops.reshape(ops.transpose(weights, (0, 1, 3, 2)), (batch, beams, source * self.heads))
        context = join_beams(weighted_sum(ops.cast(rows, values.dtype), values), beams)
        if heads_apart:
            return context, ops.reshape(weights, (-1, self.heads, source))
        return context, join_beams(ops.mean(weights, axis=2), beams)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """None; see the class."""

    def get_build_config(self) -> Any:
        """The shapes it was built of; those of the values say the size of the memory, as `build` takes them."""
        config = super().get_build_config()
        if config and self.memory_projection is not None:
            size = self.memory_projection.kernel.shape[0]
            config = {"shapes_dict": {**config["shapes_dict"], "values_shape": (None, None, size)}}
        return config
