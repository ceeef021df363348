"""The layers of attention sequence-to-sequence models; they know Keras and TensorFlow, nothing else."""

from layers.keras_backend import require_tensorflow

require_tensorflow()

# ruff: noqa: E402 (what follows imports Keras)
from layers.attention import BahdanauAttention, FixedContext
from layers.cells import GRUCell, LayerNormalizedGRUCell, LayerNormalizedLSTMCell, LSTMCell
from layers.decoder import AttentionDecoder
from layers.decoder_state import AttentionMemory
from layers.dropout import Dropout
from layers.encoder import BidirectionalEncoder
from layers.luong_attention import LuongAttention
from layers.multi_head_attention import MultiHeadBahdanauAttention
from layers.plain_unroll import plain_unroll

__all__ = [
    "AttentionDecoder",
    "AttentionMemory",
    "BahdanauAttention",
    "BidirectionalEncoder",
    "Dropout",
    "FixedContext",
    "GRUCell",
    "LSTMCell",
    "LayerNormalizedGRUCell",
    "LayerNormalizedLSTMCell",
    "LuongAttention",
    "MultiHeadBahdanauAttention",
    "plain_unroll",
]
