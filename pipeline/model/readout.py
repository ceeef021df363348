"""From what a decoder returns to the probabilities of symbols: its readout, tied embeddings, and copying."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

# Of models that copy; the gate has a layer of its own where the output projection is tied to the embeddings.
COPYING, GATE = "copying", "copying_gate"


class Readout:
    """Generating and copying, by what decodes: a decoder that copies position by position, or `layers.Copying`.

    Args:
        decoder: The decoder.
        target_embedding: What its output is projected by, where it has no projection of its own.
        layers: The model's layers by name, for those of copying.
    """

    def __init__(self, decoder: Any, target_embedding: Any, layers: Mapping[str, Any]) -> None:
        self.decoder, self.target_embedding = decoder, target_embedding
        self.copying, self.gate = layers.get(COPYING), layers.get(GATE)
        # What copies by what attention looks at, past the decoder.
        self._mixture = None if decoder.copies else self.copying

    def for_decoder(self, source: tf.Tensor) -> list[tf.Tensor]:
        """What a decoder takes that copies by itself: the target ids of sources `[batch, source]`."""
        return [self.copying.target_ids(source)] if self.copying and self.decoder.copies else []

    def for_mixture(self, source: tf.Tensor) -> tf.Tensor | None:
        """The same ids for `logits` and `share_copied`; None where these do not mix anything."""
        return self._mixture.target_ids(source) if self._mixture else None

    def logits(self, hidden: tf.Tensor, attention_weights: tf.Tensor, copied: Any, beams: int = 1) -> tf.Tensor:
        """Logits, or log p, of every symbol.

        Args:
            hidden: What the decoder's steps returned, `[rows, …]` or `[rows, target, …]`.
            attention_weights: The mean of the heads, `[rows, source]` or `[rows, target, source]`.
            copied: From `for_mixture`.
            beams: How many rows, one after the other, look at each source.
        """
        outputs = self._outputs(hidden)
        return self._mixture.mix(outputs, attention_weights, copied, beams) if self._mixture else outputs

    def share_copied(self, hidden: tf.Tensor, attention_weights: tf.Tensor, copied: Any) -> tf.Tensor:
        """Which share of the probability of every symbol came of copying; arguments as of `logits`."""
        if self.decoder.copies:
            return self.decoder.share_copied(hidden)
        outputs = self._outputs(hidden)
        if self._mixture is None:
            return tf.zeros_like(outputs)
        return self._mixture.share_copied(outputs, attention_weights, copied)

    def _outputs(self, hidden: tf.Tensor) -> tf.Tensor:
        outputs = self.decoder.readout(hidden)
        if self.decoder.vocabulary_size is not None:
            return outputs
        # Without a projection of its own, the decoder's is tied to the embeddings.
        logits = self.target_embedding(outputs, reverse=True)
        return tf.concat([logits, self.gate(outputs)], axis=-1) if self.gate else logits
