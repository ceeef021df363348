"""Where to look: a query and a memory in, a context and the weights that made it out."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from layers.guest_layer import PACKAGE, GuestLayer, makes_node
from layers.large_products import Projection, SharedKernelDense
from layers.masks import mask_of, open_positions


class Attention(GuestLayer):
    """What all kinds have in common: masks, and what a saved model has to know about the memory.

    Where the call gets no mask, it takes the one that Keras attached to keys or values, as behind
    `keras.layers.Embedding(mask_zero=True)`; without any, all positions are open. It passes none on: the context has
    no positions any more.
    """

    heads = 1
    memory_projection: Any = None

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """None; see the class."""

    def get_build_config(self) -> Any:
        """The shapes it was built of; those of the values say the size of the memory, as `build` takes them."""
        config = super().get_build_config()
        if config and self.memory_projection is not None:
            size = self.memory_projection.kernel.shape[0]
            config = {"shapes_dict": {**config["shapes_dict"], "values_shape": (None, None, size)}}
        return config


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

    Call arguments:
        query: `[batch * beams, query_units]`, the decoder's previous state s_{t-1}.
        keys: `[batch, source, units]`, from `project_memory`.
        values: `[batch, source, value_units]`: the memory h_j, or anything linear in it.
        mask: `[batch, source]` bool, False on padding. Weights there are exactly 0. None takes the keys' or the
            values' own, as `keras.layers.Embedding(mask_zero=True)` makes them, or else all positions.
        beams: How many queries look at each source; they stand one after the other.
        coverage: `[batch * beams, source]`, the sum of the weights so far; None if the layer has no use for it.

    Returns:
        context `[batch * beams, value_units]` in the compute dtype, and the attention weights
        `[batch * beams, source]` in at least float32. A row without any True mask has weights and context 0.

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

    def __init__(self, units: int, coverage: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units must be at least 1, got {units}")
        self.units, self.coverage = units, coverage
        policy = self.dtype_policy
        self.query_projection = SharedKernelDense(units, use_bias=False, dtype=policy, name="query_projection")
        self.memory_projection = Projection(units, dtype=policy, name="memory_projection")

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

    def call(
        self, query: Any, keys: Any, values: Any, mask: Any = None, beams: int = 1, coverage: Any = None
    ) -> tuple[Any, Any]:
        """One look at the memory; see the class."""
        mask = open_positions(mask_of(keys, values) if mask is None else mask, keys)
        matched, mask = self._match(query, keys, beams, coverage), ops.expand_dims(mask, 1)
        # Flat: a product of a tensor of more axes with a vector would run as one tiny product per row.
        vector = ops.expand_dims(ops.cast(self.score_vector, keys.dtype), 1)
        shape = tf.shape(mask) if beams == 1 else (-1, beams, ops.shape(keys)[1])
        scores = ops.reshape(ops.matmul(ops.reshape(matched, (-1, self.units)), vector), shape)
        weights = masked_softmax(scores, mask)
        context = weighted_sum(ops.cast(weights, values.dtype), values)
        return join_beams(context, beams), join_beams(weights, beams)

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


@keras.saving.register_keras_serializable(package=PACKAGE)
class FixedContext(Attention):
    """No attention: the same context at every step, as in Cho et al. (2014), https://arxiv.org/abs/1406.1078.

    It has the calling convention of `BahdanauAttention`, so that the classic sequence-to-sequence model
    runs through the same decoder. The values are `[batch, 1, memory_units]`: the one fixed context.

    Returns:
        context `[batch, memory_units]`, and weights `[batch, source]` that are all 0: it looks nowhere.
    """

    def build(self, query_shape: Any, keys_shape: Any = None, values_shape: Any = None, mask_shape: Any = None) -> None:
        """Nothing to create."""
        self.built = True

    @makes_node
    def project_memory(self, memory: Any) -> Any:
        """Keys of size 0, `[batch, source, 0]`: there is nothing to compare a query with."""
        return memory[:, :, :0]

    def call(self, query: Any, keys: Any, values: Any, mask: Any = None, beams: int = 1) -> tuple[Any, Any]:
        """The fixed context, whatever the query."""
        weights = ops.zeros_like(open_positions(mask, keys), dtype=softmax_dtype(values.dtype))
        return ops.repeat(values[:, 0], beams, axis=0), ops.repeat(weights, beams, axis=0)


def weighted_sum(weights: Any, values: Any) -> Any:
    """Contexts `[batch, beams, units]` of weights `[batch, beams, source]` and values `[batch, source, units]`."""
    if values.shape[0] == 1:
        # Preparing a batched product takes longer than the product itself where there is one source only.
        return tf.matmul(weights[0], values[0])[None]
    return tf.matmul(weights, values)


def split_beams(rows: Any, beams: int) -> Any:
    """`[batch * beams, units]` to `[batch, beams, units]`."""
    return ops.reshape(rows, (-1, beams, rows.shape[-1]))


def join_beams(rows: Any, beams: int) -> Any:
    """`[batch, beams, units]` to `[batch * beams, units]`."""
    # A last size that is not known would be computed at every step; without beams there is no need for it.
    return ops.squeeze(rows, axis=1) if beams == 1 else ops.reshape(rows, (-1, ops.shape(rows)[-1]))


def softmax_dtype(dtype: Any) -> str:
    """At least float32: in half precision, long sources would lose their small weights."""
    return "float64" if keras.backend.standardize_dtype(dtype) == "float64" else "float32"


def masked_softmax(scores: Any, mask: Any) -> Any:
    """Softmax over the last axis in at least float32, exactly 0 where the mask is False.

    Example:
        >>> masked_softmax(ops.zeros((1, 3)), ops.array([[True, True, False]])).numpy().tolist()
        [[0.5, 0.5, 0.0]]
    """
    dtype = softmax_dtype(scores.dtype)
    scores = ops.cast(scores, dtype)
    # Written out: on a CPU, the backend's softmax takes longer to begin than a row of this size takes.
    scores = ops.where(mask, scores, ops.cast(-1e9, dtype))
    exponentials = ops.exp(scores - ops.max(scores, axis=-1, keepdims=True))
    return ops.where(mask, exponentials / ops.sum(exponentials, axis=-1, keepdims=True), ops.cast(0, dtype))
