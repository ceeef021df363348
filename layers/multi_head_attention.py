"""Several additive attentions side by side."""

from typing import Any

import keras
from keras import ops

from layers.attention import BahdanauAttention, join_beams, masked_softmax, weighted_sum
from layers.guest_layer import PACKAGE, makes_node
from layers.masks import mask_of, open_positions


@keras.saving.register_keras_serializable(package=PACKAGE)
class MultiHeadBahdanauAttention(BahdanauAttention):
    """Additive attention of Bahdanau, Cho & Bengio (2015) with several heads, each with weights of its own.

        e_ij = v_iᵀ tanh(W_i query + U_i h_j)     a_ij = softmax_j(e_ij)     context = Σ_i Σ_j a_ij value_ij

    The heads share the units of the space in which query and keys meet. Every head has a value for every position:
    in a decoder head i has the i-th part of the memory, projected, so that as many parameters do as with one head.

    Args:
        units: Size of that space, all heads together.
        heads: Number of heads; divides units.
        coverage: Whether it is told of past attention, the mean over the heads.

    Call arguments:
        query: `[batch * beams, query_units]`.
        keys: `[batch, source, units]`, from `project_memory`.
        values: `[batch, source * heads, value_units]`: a row for each head at the first position, then at the next,
            as from `split_memory`.
        mask: `[batch, source]` bool, False on padding; None takes the keys' own, or else all positions.
        heads_apart: Whether the weights of every head come out, instead of their mean.

    Returns:
        context `[batch * beams, value_units]`, and the mean of the heads' attention weights, `[batch * beams, source]`
        in at least float32; or those of every head, `[batch * beams, heads, source]`.

    Example:
        >>> import numpy as np
        >>> attention = MultiHeadBahdanauAttention(units=4, heads=2)
        >>> memory, mask = np.ones((1, 3, 6), "float32"), np.array([[True, True, False]])
        >>> keys, values = attention.project_memory(memory), attention.split_memory(memory)
        >>> context, weights = attention(np.ones((1, 5), "float32"), keys, values, mask)
        >>> context.shape, np.round(weights, 3).tolist()
        (TensorShape([1, 3]), [[0.5, 0.5, 0.0]])
    """

    def __init__(self, units: int, heads: int = 4, coverage: bool = False, **kwargs: Any) -> None:
        super().__init__(units, coverage, **kwargs)
        if heads < 1 or units % heads:
            raise ValueError(f"heads must divide units ({units}), got {heads}")
        self.heads = heads

    @makes_node
    def split_memory(self, memory: Any) -> Any:
        """Values of a memory: `[batch, source, memory_units]` to `[batch, source * heads, memory_units / heads]`.

        Head i gets the i-th part. Heads must divide memory_units.
        """
        memory = ops.cast(memory, self.compute_dtype)
        return ops.reshape(memory, (ops.shape(memory)[0], -1, memory.shape[-1] // self.heads))

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
        mask = open_positions(mask_of(keys) if mask is None else mask, keys)
        weighed = self._match(query, keys, beams, coverage) * ops.cast(self.score_vector, keys.dtype)
        batch, source = ops.shape(keys)[0], ops.shape(keys)[1]
        scores = ops.sum(ops.reshape(weighed, (batch, beams, source, self.heads, self.units // self.heads)), axis=-1)
        scores = ops.transpose(scores, (0, 1, 3, 2))
        weights = masked_softmax(scores, ops.reshape(mask, (batch, 1, 1, source)))
        rows = ops.reshape(ops.transpose(weights, (0, 1, 3, 2)), (batch, beams, source * self.heads))
        context = weighted_sum(ops.cast(rows, values.dtype), values)
        context = join_beams(context, beams)
        if heads_apart:
            return context, ops.reshape(weights, (-1, self.heads, source))
        return context, join_beams(ops.mean(weights, axis=2), beams)

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        return {**super().get_config(), "heads": self.heads}
