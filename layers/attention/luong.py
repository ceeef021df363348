"""Multiplicative attention: a query and a memory vector meet in a product."""

from typing import Any

import keras
from keras import ops

from layers.attention.base import Attention, Wanted
from layers.attention.projection import Projection
from layers.attention.weights import split_beams
from layers.guest_layer import makes_node
from layers.registration import PACKAGE

SCORES = ("dot", "general")


@keras.saving.register_keras_serializable(package=PACKAGE)
class LuongAttention(Attention):
    """Attention of Luong, Pham & Manning (2015), https://arxiv.org/abs/1508.04025, with the previous state as query.

        dot:       e_j = query · h_j
        general:   e_j = query · (W h_j)
        a_j = softmax_j(e_j)     context = Σ_j a_j h_j

    Call arguments and results are those of `layers.attention.base.Attention`.

    Args:
        units: Size of the query.
        score: "dot", for a memory of the query's size, or "general".

    Example:
        >>> import numpy as np
        >>> attention = LuongAttention(2, "dot")
        >>> memory = np.array([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]], "float32")
        >>> query, mask = np.array([[np.log(3.0), 0.0]], "float32"), np.array([[True, True, False]])
        >>> _, weights = attention(query, attention.project_memory(memory), memory, mask)
        >>> np.round(weights, 3).tolist()
        [[0.75, 0.25, 0.0]]
    """

    def __init__(self, units: int, score: str = "general", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units must be at least 1, got {units}")
        if score not in SCORES:
            raise ValueError(f"score must be one of {list(SCORES)}, got {score!r}")
        self.units, self.score = units, score
        if score == "general":
            self.memory_projection = Projection(
                units, use_bias=False, dtype=self.dtype_policy, name="memory_projection"
            )

    @classmethod
    def for_decoder(cls, wanted: Wanted) -> "LuongAttention":
        """See `Attention`; W, as the decoder's state is the query."""
        return cls(wanted.units, "general", **wanted.layer)

    @classmethod
    def dot_for_decoder(cls, wanted: Wanted) -> "LuongAttention":
        """The same without W."""
        return cls(wanted.units, "dot", **wanted.layer)

    def build(self, query_shape: Any, keys_shape: Any = None, values_shape: Any = None, mask_shape: Any = None) -> None:
        """Create W.

        Raises:
            ValueError: A query of another size than units, or "dot" with such a memory.
        """
        sizes = {"query": query_shape[-1]}
        if self.score == "dot":
            sizes["memory"] = (keys_shape or values_shape)[-1]
        for name, size in sizes.items():
            if size != self.units:
                raise ValueError(f"the {name} must have {self.units} units, got {size}")
        if self.score == "general" and not self.memory_projection.built:
            self.memory_projection.build(values_shape)
        self.built = True

    @makes_node
    def project_memory(self, memory: Any) -> Any:
        """The keys, `[batch, source, query_units]`, once per source."""
        return ops.cast(memory, self.compute_dtype) if self.score == "dot" else self.memory_projection(memory)

    def scores(self, query: Any, keys: Any, beams: int, coverage: Any) -> Any:
        """`[batch, beams, source]`; see the class."""
        return ops.matmul(split_beams(query, beams), ops.transpose(keys, (0, 2, 1)))

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        return {**super().get_config(), "units": self.units, "score": self.score}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LuongAttention":
        """The layer of these arguments."""
        # Where it reads an .h5 file, Keras puts its function of that name in the place of "dot".
        return super().from_config({**config, "score": getattr(config["score"], "__name__", config["score"])})
