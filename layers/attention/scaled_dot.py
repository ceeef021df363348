"""Scaled dot-product attention."""

from typing import Any

import keras
from keras import ops

from layers.attention.base import Attention
from layers.attention.projection import Projection
from layers.attention.weights import split_beams
from layers.guest_layer import makes_node
from layers.products import SharedKernelDense
from layers.registration import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class ScaledDotAttention(Attention):
    """Attention of Vaswani et al. (2017), https://arxiv.org/abs/1706.03762, with one head.

        e_j = (W query) · (U h_j) / sqrt(units)     a_j = softmax_j(e_j)     context = Σ_j a_j h_j

    Args:
        units: Size of the space in which query and keys meet.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        policy = self.dtype_policy
        self.query_projection = SharedKernelDense(units, use_bias=False, dtype=policy, name="query_projection")
        self.memory_projection = Projection(units, use_bias=False, dtype=policy, name="memory_projection")

    def build(self, query_shape: Any, keys_shape: Any = None, values_shape: Any = None, mask_shape: Any = None) -> None:
        """Create W and U."""
        if not self.query_projection.built:
            self.query_projection.build(query_shape)
        if values_shape is not None and not self.memory_projection.built:
            self.memory_projection.build(values_shape)
        self.built = True

    @makes_node
    def project_memory(self, memory: Any) -> Any:
        """The keys U h_j."""
        return self.memory_projection(memory)

    def scores(self, query: Any, keys: Any, beams: int, coverage: Any) -> Any:
        """`[batch, beams, source]`; see the class."""
        query = split_beams(self.query_projection(query), beams)
        return ops.matmul(query, ops.transpose(keys, (0, 2, 1))) / self.units**0.5

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        return {**super().get_config(), "units": self.units}
