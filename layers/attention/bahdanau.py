"""Additive attention."""

from typing import Any

import keras
from keras import ops

from layers.attention.base import Attention, Wanted
from layers.attention.projection import Projection
from layers.guest_layer import makes_node
from layers.products import SharedKernelDense
from layers.registration import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class BahdanauAttention(Attention):
    """Additive attention of Bahdanau, Cho & Bengio (2015), https://arxiv.org/abs/1409.0473.

        e_j = vᵀ tanh(W query + U h_j)     a_j = softmax_j(e_j)     context = Σ_j a_j h_j

    The keys U h_j do not depend on the query: `project_memory` computes them once per source, and
    they are passed to every call. Nothing is kept on the layer between calls.

    With coverage, past attention enters the score (See, Liu & Manning 2017, https://arxiv.org/abs/1704.04368):

        e_j = vᵀ tanh(W query + U h_j + w Σ_t a_tj)

    Args:
        units: Size of the space in which query and keys meet.
        coverage: Whether it is told of past attention.

    Call arguments and results are those of `layers.attention.base.Attention`, with keys `[batch, source, units]`.

    Example:
        >>> import numpy as np
        >>> attention = BahdanauAttention(units=4)
        >>> memory = np.ones((2, 3, 5), "float32")
        >>> mask = np.array([[True, True, False], [True, False, False]])
        >>> keys = attention.project_memory(memory)
        >>> context, weights = attention(np.ones((2, 6), "float32"), keys, memory, mask)
        >>> context.shape, np.round(weights, 3).tolist()
        (TensorShape([2, 5]), [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    """

    takes_coverage = True

    def __init__(self, units: int, coverage: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units must be at least 1, got {units}")
        self.units, self.coverage = units, coverage
        policy = self.dtype_policy
        self.query_projection = SharedKernelDense(units, use_bias=False, dtype=policy, name="query_projection")
        self.memory_projection = Projection(units, dtype=policy, name="memory_projection")

    @classmethod
    def for_decoder(cls, wanted: Wanted) -> "BahdanauAttention":
        """See `Attention`."""
        return cls(wanted.attention_units, wanted.coverage, **wanted.layer)

    def build(self, query_shape: Any, keys_shape: Any = None, values_shape: Any = None, mask_shape: Any = None) -> None:
        """Create the projections and the score vector from the shapes of the call's arguments."""
        if not self.query_projection.built:
            self.query_projection.build(query_shape)
        if values_shape is not None and not self.memory_projection.built:
            self.memory_projection.build(values_shape)
        self.score_vector = self.add_weight(name="score_vector", shape=(self.units,), initializer="glorot_uniform")
        if self.coverage:
            self.coverage_vector = self.add_weight(
                name="coverage_vector", shape=(self.units,), initializer="glorot_uniform"
            )
        self.built = True

    @makes_node
    def project_memory(self, memory: Any) -> Any:
        """The keys U h_j: `[batch, source, memory_units]` to `[batch, source, units]`, once per source."""
        return self.memory_projection(memory)

    def scores(self, query: Any, keys: Any, beams: int, coverage: Any) -> Any:
        """`[batch * beams * source, 1]`; see the class."""
        matched = self._match(query, keys, beams, coverage)
        # Flat: a product of a tensor of more axes with a vector would run as one tiny product per row.
        vector = ops.expand_dims(ops.cast(self.score_vector, keys.dtype), 1)
        return ops.matmul(ops.reshape(matched, (-1, self.units)), vector)

    def _match(self, query: Any, keys: Any, beams: int, coverage: Any) -> Any:
        """The tanh above, `[batch, beams, source, units]`."""
        query = ops.reshape(self.query_projection(query), (-1, beams, 1, self.units))
        seen = query + ops.expand_dims(keys, 1)
        if self.coverage:
            before = ops.reshape(ops.cast(coverage, keys.dtype), (-1, beams, ops.shape(keys)[1], 1))
            seen = seen + before * ops.cast(self.coverage_vector, keys.dtype)
        return ops.tanh(seen)

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        return {**super().get_config(), "units": self.units, "coverage": self.coverage}
