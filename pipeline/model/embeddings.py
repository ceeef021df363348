"""The tables of embeddings: their names, and how they begin."""

from typing import Any

import keras

from pipeline.settings.model import ModelConfiguration

SOURCE_EMBEDDING, TARGET_EMBEDDING, SHARED_EMBEDDING = "source_embedding", "target_embedding", "shared_embedding"
EMBEDDINGS = (SOURCE_EMBEDDING, TARGET_EMBEDDING, SHARED_EMBEDDING)


def make_embedding(size: int, configuration: ModelConfiguration, name: str) -> keras.layers.Layer:
    """A table of so many symbols; one that is tied gives logits as well."""
    # With Keras's own deviation, 0.03, what comes out hardly depends on what goes in at first: from little data
    # and many symbols nothing is ever learnt.
    initializer = keras.initializers.RandomNormal(stddev=0.3)
    settings: dict[str, Any] = {
        "embeddings_initializer": initializer,
        "dtype": keras.DTypePolicy(configuration.precision),
    }
    if name != SOURCE_EMBEDDING and configuration.tied_embeddings:
        return keras.layers.ReversibleEmbedding(
            size, configuration.embedding_units, reverse_dtype=full_precision(configuration), name=name, **settings
        )
    return keras.layers.Embedding(size, configuration.embedding_units, name=name, **settings)


def full_precision(configuration: ModelConfiguration) -> str:
    """The dtype of logits."""
    return "float64" if configuration.precision == "float64" else "float32"
