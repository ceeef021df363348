"""The layers of attention sequence-to-sequence models; they know Keras and TensorFlow, nothing else."""

from layers.attention import BahdanauAttention, FixedContext
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
    "LuongAttention",
    "MultiHeadBahdanauAttention",
    "plain_unroll",
]
