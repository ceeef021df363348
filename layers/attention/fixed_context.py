"""No attention."""

from typing import Any

import keras
from keras import ops

from layers.attention.base import Attention, Wanted
from layers.guest_layer import makes_node
from layers.masks import open_positions
from layers.precision import softmax_dtype
from layers.registration import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class FixedContext(Attention):
    """No attention: the same context at every step, as in Cho et al. (2014), https://arxiv.org/abs/1406.1078.

    It has the calling convention of `BahdanauAttention`, so that the classic sequence-to-sequence model
    runs through the same decoder. The values are `[batch, 1, memory_units]`: the one fixed context.

    Returns:
        context `[batch, memory_units]`, and weights `[batch, source]` that are all 0: it looks nowhere.
    """

    looks = False

    @classmethod
    def for_decoder(cls, wanted: Wanted) -> "FixedContext":
        """See `Attention`."""
        return cls(**wanted.layer)

    def build(self, query_shape: Any, keys_shape: Any = None, values_shape: Any = None, mask_shape: Any = None) -> None:
        """Nothing to create."""
        self.built = True

    @makes_node
    def project_memory(self, memory: Any) -> Any:
        """Keys of size 0, `[batch, source, 0]`: there is nothing to compare a query with."""
        return memory[:, :, :0]

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
        """The fixed context, whatever the query."""
        weights = ops.zeros_like(open_positions(mask, keys), dtype=softmax_dtype(values.dtype))
        weights = ops.repeat(weights, beams, axis=0)
        return ops.repeat(values[:, 0], beams, axis=0), ops.expand_dims(weights, 1) if heads_apart else weights
