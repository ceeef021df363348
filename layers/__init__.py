"""The layers of attention sequence-to-sequence models; they know Keras and TensorFlow, nothing else."""

from layers.keras_backend import require_tensorflow

require_tensorflow()

# ruff: noqa: E402 (what follows imports Keras)
from layers.attention.bahdanau import BahdanauAttention
from layers.attention.base import Attention
from layers.attention.fixed_context import FixedContext
from layers.attention.kinds import register_attention
from layers.attention.luong import LuongAttention
from layers.attention.monotonic import MonotonicAttention
from layers.attention.multi_head import MultiHeadBahdanauAttention
from layers.cells.kinds import GRUCell, LayerNormalizedGRUCell, LayerNormalizedLSTMCell, LSTMCell
from layers.copying import Copying
from layers.decoder import AttentionDecoder
from layers.decoder_state import AttentionMemory
from layers.dropout.batch_share import BatchShare, share_of_batch
from layers.dropout.kinds import Dropout, SymbolDropout
from layers.encoder import BidirectionalEncoder, FeatureMemory
from layers.monotonic_decoder import MonotonicDecoder
from layers.plain_unroll import plain_unroll

__all__ = [
    "Attention",
    "AttentionDecoder",
    "AttentionMemory",
    "BahdanauAttention",
    "BatchShare",
    "BidirectionalEncoder",
    "Copying",
    "Dropout",
    "FeatureMemory",
    "FixedContext",
    "GRUCell",
    "LSTMCell",
    "LayerNormalizedGRUCell",
    "LayerNormalizedLSTMCell",
    "LuongAttention",
    "MonotonicAttention",
    "MonotonicDecoder",
    "MultiHeadBahdanauAttention",
    "SymbolDropout",
    "plain_unroll",
    "register_attention",
    "share_of_batch",
]
