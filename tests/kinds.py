"""The kinds of models that tests of decoders, networks, trainings and fast loops take: one list of each.

A row of `layers.attention.kinds.ATTENTIONS` or `layers.cells.kinds.DECODER_CELLS` is in here by being there.
"""

from typing import Any

from layers.attention.kinds import ATTENTIONS
from layers.cells.kinds import DECODER_CELLS

# For `luong_dot` the memory must have the size of the state, which these decoders' has not.
ANY_MEMORY = tuple(name for name in ATTENTIONS if name != "luong_dot")

# Cell, attention and options of `AttentionDecoder`: each cell with each attention, and every option.
DECODERS: list[tuple[str, str, dict[str, Any]]] = [
    *((cell, attention, {}) for cell in DECODER_CELLS for attention in ANY_MEMORY),
    ("gru", "bahdanau", {"coverage": True}),
    ("lstm", "multi_head_bahdanau", {"coverage": True}),
    ("gru", "bahdanau", {"layers": 3}),
    ("layer_norm_lstm", "luong_general", {"layers": 2}),
    ("gru", "luong_general", {"input_feeding": True}),
    ("conditional_gru", "bahdanau", {"input_feeding": True, "layers": 2, "coverage": True}),
]

# Those that have a hand-written loop.
FAST_DECODERS = [
    ("gru", "bahdanau"),
    ("lstm", "bahdanau"),
    ("conditional_gru", "bahdanau"),
    ("gru", "none"),
    ("lstm", "none"),
]

# Settings of `model`, for what asks a whole network.
NETWORKS: list[dict[str, Any]] = [
    {},
    {"cell": "conditional_gru"},
    {"tied_embeddings": True},
    {"shared_embeddings": True},
    {"shared_embeddings": True, "tied_embeddings": True},
    {"decoder_layers": 2, "encoder_layers": 2, "cell": "layer_norm_lstm"},
    {"coverage": True, "input_feeding": True},
    {"attention": "monotonic", "cell": "lstm", "decoder_layers": 2},
    {"attention": "monotonic", "copy": True},
    {"copy": True, "attention": "multi_head_bahdanau", "attention_heads": 2},
    {"copy": True, "tied_embeddings": True},
]

# Settings of `model`, for what trains: together every attention that may look anywhere, every cell, and every option.
LEARNERS: list[dict[str, Any]] = [
    {"attention": "bahdanau"},
    {"attention": "bahdanau", "cell": "lstm", "decoder_layers": 2, "symbol_dropout": 0.05},
    {"attention": "bahdanau", "cell": "conditional_gru", "tied_embeddings": True},
    {"attention": "multi_head_bahdanau", "cell": "layer_norm_gru", "coverage": True},
    {"attention": "luong_general", "cell": "layer_norm_lstm", "units": 32},
    {"attention": "luong_dot", "input_feeding": True, "units": 64},
]
