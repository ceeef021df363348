"""What writes a target: the decoder with its attention."""

from typing import Any

import keras

from layers import AttentionDecoder, MonotonicDecoder
from pipeline.errors import UsageError
from pipeline.settings.model import ModelConfiguration

# Symbols of a hard decoder: a batch takes target × source × so many numbers.
MOST_EMITTED = 1000


def make_decoder(
    configuration: ModelConfiguration, size: int, seed: int | None, right_to_left: bool
) -> AttentionDecoder | MonotonicDecoder:
    """The decoder of a configuration.

    Args:
        configuration: The network.
        size: Of the target vocabulary.
        seed: Of dropout.
        right_to_left: See `build_model`.

    Raises:
        UsageError: The attention is not for so large a vocabulary.
    """
    parts: dict[str, Any] = {
        "units": configuration.units,
        "cell": configuration.cell,
        "attention_units": configuration.attention_units,
        "layers": configuration.decoder_layers,
        "dropout": configuration.dropout,
        "seed": seed,
        "dtype": keras.DTypePolicy(configuration.precision),
        "name": "decoder",
    }
    if configuration.kind.is_hard:
        if size > MOST_EMITTED:
            raise UsageError(
                f"model.attention: {configuration.attention} computes the probability of every target symbol at every "
                f"source position, for at most {MOST_EMITTED:,} symbols, and the target has {size:,}: give another "
                "attention, or let targets be cut into characters (text.target_tokenizer)"
            )
        parts |= {"readout_units": configuration.readout_units, "copies": configuration.copy}
        return MonotonicDecoder(size, backward=right_to_left, **parts)
    tied = configuration.tied_embeddings
    return AttentionDecoder(
        vocabulary_size=None if tied else size + configuration.copy,
        attention=configuration.attention,
        attention_heads=configuration.attention_heads,
        coverage=configuration.coverage,
        readout_units=configuration.embedding_units if tied else configuration.readout_units,
        input_feeding=configuration.input_feeding,
        fast=configuration.fast,
        **parts,
    )
