"""Several additive attentions side by side."""

from typing import Any

import keras
from keras import ops

from layers.attention.bahdanau import BahdanauAttention
from layers.attention.base import Wanted
from layers.guest_layer import makes_node
from layers.registration import PACKAGE


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

    Call arguments and results are those of `layers.attention.base.Attention`, with keys `[batch, source, units]` and
    values as from `split_memory`.

    Example:
        >>> import numpy as np
        >>> attention = MultiHeadBahdanauAttention(units=4, heads=2)
        >>> memory, mask = np.ones((1, 3, 6), "float32"), np.array([[True, True, False]])
        >>> keys, values = attention.project_memory(memory), attention.split_memory(memory)
        >>> context, weights = attention(np.ones((1, 5), "float32"), keys, values, mask)
        >>> context.shape, np.round(weights, 3).tolist()
        (TensorShape([1, 3]), [[0.5, 0.5, 0.0]])
    """

    has_head_axis = True

    def __init__(self, units: int, heads: int = 4, coverage: bool = False, **kwargs: Any) -> None:
        super().__init__(units, coverage, **kwargs)
        if heads < 1 or units % heads:
            raise ValueError(f"heads must divide units ({units}), got {heads}")
        self.heads = heads

    @classmethod
    def for_decoder(cls, wanted: Wanted) -> "MultiHeadBahdanauAttention":
        """See `Attention`."""
        return cls(wanted.attention_units, wanted.heads, wanted.coverage, **wanted.layer)

    @makes_node
    def split_memory(self, memory: Any) -> Any:
        """Values of a memory: `[batch, source, memory_units]` to `[batch, source * heads, memory_units / heads]`.

        Head i gets the i-th part. Heads must divide memory_units.
        """
        memory = ops.cast(memory, self.compute_dtype)
        return ops.reshape(memory, (ops.shape(memory)[0], -1, memory.shape[-1] // self.heads))

    def scores(self, query: Any, keys: Any, beams: int, coverage: Any) -> Any:
        """`[batch, beams, heads, source]`; see the class."""
        weighed = self._match(query, keys, beams, coverage) * ops.cast(self.score_vector, keys.dtype)
        batch, source = ops.shape(keys)[0], ops.shape(keys)[1]
        scores = ops.sum(ops.reshape(weighed, (batch, beams, source, self.heads, self.units // self.heads)), axis=-1)
        return ops.transpose(scores, (0, 1, 3, 2))

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        return {**super().get_config(), "heads": self.heads}
