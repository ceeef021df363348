"""The layers of attention sequence-to-sequence models; they know Keras and TensorFlow, nothing else."""

from layers.attention import BahdanauAttention, FixedContext
from layers.decoder import AttentionDecoder, AttentionMemory
from layers.dropout import Dropout
from layers.encoder import BidirectionalEncoder

__all__ = [
    "AttentionDecoder",
    "AttentionMemory",
    "BahdanauAttention",
    "BidirectionalEncoder",
    "Dropout",
    "FixedContext",
]
