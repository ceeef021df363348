"""The kinds of attention and of cells that settings name, without TensorFlow: the layers stand in `layers`."""

from typing import NamedTuple


class AttentionKind(NamedTuple):
    """What settings have to know of a kind of attention."""

    looks: bool = True
    """Whether it looks anywhere, or has one fixed context."""
    takes_coverage: bool = False
    """Whether past attention may enter its score."""
    has_heads: bool = False
    """Whether it has `model.attention_heads`."""
    halves_encoder: bool = False
    """Whether the memory must have the state's size: each direction of the encoder then has half of it."""
    is_hard: bool = False
    """Whether every symbol looks at one position, and all are summed over: `layers.MonotonicDecoder` decodes."""


# Those of `layers.attention.kinds.ATTENTIONS`, the hard one, which has a decoder of its own, and what
# `register_attention` has added.
ATTENTION_KINDS: dict[str, AttentionKind] = {
    "bahdanau": AttentionKind(takes_coverage=True),
    "multi_head_bahdanau": AttentionKind(takes_coverage=True, has_heads=True),
    "luong_dot": AttentionKind(halves_encoder=True),
    "luong_general": AttentionKind(),
    "monotonic": AttentionKind(is_hard=True),
    "none": AttentionKind(looks=False),
}

# The cells of a decoder, those of `layers.cells.kinds.DECODER_CELLS`, and the cell that its encoder has.
ENCODER_CELLS: dict[str, str] = {
    "gru": "gru",
    "lstm": "lstm",
    "layer_norm_gru": "layer_norm_gru",
    "layer_norm_lstm": "layer_norm_lstm",
    "conditional_gru": "gru",
}
