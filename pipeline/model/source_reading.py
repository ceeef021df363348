"""How a network reads its sources: the encoder, and features beside what it reads."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from layers import BidirectionalEncoder, FeatureMemory
from pipeline.settings.model import ModelConfiguration


def make_encoder(configuration: ModelConfiguration, seed: int | None, right_padded: bool) -> BidirectionalEncoder:
    """The layer "encoder".

    Args:
        configuration: The network.
        seed: Of its dropout.
        right_padded: False where features stand among the symbols that it reads, before their end.
    """
    return BidirectionalEncoder(
        units=configuration.encoder_units,
        layers=configuration.encoder_layers,
        cell=configuration.encoder_cell,
        dropout=configuration.dropout,
        seed=seed,
        fast=configuration.fast,
        right_padded=right_padded,
        dtype=keras.DTypePolicy(configuration.precision),
        name="encoder",
    )


def read_beside(
    encode: Callable[[Any], tuple[Any, Any]], features: FeatureMemory, embedded: Any, source: Any, mask: Any
) -> tuple[Any, Any]:
    """Memory and summary of sources whose features are attended to.

    Args:
        encode: Reads what a mask `[batch, source]` says to memory and summary; here all but the features.
        features: Puts the others into the memory.
        embedded: `[batch, source, embedding]`, symbols and features.
        source: `[batch, source]` ids.
        mask: `[batch, source]` bool, False on padding.
    """
    is_feature = ops.greater_equal(source, features.first)
    memory, summary = encode(ops.logical_and(mask, ops.logical_not(is_feature)))
    return features(embedded, memory, summary, is_feature)
