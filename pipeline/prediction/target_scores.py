"""How probable a network finds given targets, and what is to be told of them."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipeline.model.network import Network
from pipeline.prediction.given_ids import count_tokens, flags, to_ids
from pipeline.prediction.large_batches import by_rows, map_rows
from pipeline.text.normalization import make_valid
from pipeline.text.processor import Reading, TextProcessor
from pipeline.text.symbols import PAD

Outputs = dict[str, tf.Tensor]


class TargetScores:
    """log p of targets, strings or symbols, of any number; see `StringModel.score`.

    Args:
        network: What finds them probable.
        source_text: Turns sources into ids.
        target_text: Turns targets into ids.
        max_length: Longest source in symbols.
        max_target_length: Longest target; longer ones are cut there.
    """

    def __init__(
        self,
        network: Network,
        source_text: TextProcessor,
        target_text: TextProcessor,
        max_length: int,
        max_target_length: int,
    ) -> None:
        self.source_text, self.target_text = source_text, target_text
        self.max_length, self.max_target_length = max_length, max_target_length
        self._gains = by_rows(network.score, "ids", "lengths", "targets")
        self._of_strings = by_rows(self._score_strings, "source", "target")
        self._of_symbols = by_rows(self._score_symbols, "source", "target_tokens")

    def of_strings(self, source: tf.Tensor, target: tf.Tensor) -> Outputs:
        """Of `[batch]` strings."""
        return self._in_parts(self._of_strings, self._estimate_target, source, target)

    def of_symbols(self, source: tf.Tensor, tokens: tf.Tensor) -> Outputs:
        """Of `[batch, target]` symbols, '' on the right."""
        return self._in_parts(self._of_symbols, self._count_symbols, source, tokens)

    def read_symbols(self, tokens: tf.Tensor) -> Reading:
        """`[batch, target]` symbols, '' on the right, as a text that was read."""
        counts, valid = count_tokens(tokens), make_valid(tokens)
        return Reading(
            tf.RaggedTensor.from_tensor(valid, lengths=tf.cast(counts, tf.int64)),
            counts > self.max_target_length,
            tf.reduce_any(tf.not_equal(valid, tokens), axis=1),
        )

    def _estimate_target(self, target: tf.Tensor) -> tf.Tensor:
        return self.target_text.estimate_lengths(target, self.max_target_length)

    def _count_symbols(self, tokens: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.minimum(count_tokens(tokens), self.max_target_length), tf.float32)

    def _in_parts(
        self, scores: list[Any], estimate: Callable[[tf.Tensor], tf.Tensor], source: tf.Tensor, target: tf.Tensor
    ) -> Outputs:
        """Logits are the largest of what is computed, and attention."""

        def score(source: tf.Tensor, target: tf.Tensor) -> Outputs:
            return scores[0 if source.shape[0] == 1 else 1](source, target)

        def cells(source: Any, target: Any) -> Any:
            return (target + 1.0) * (source + 1.0 + len(self.target_text.vocabulary))

        def cells_of(source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
            return cells(self.source_text.estimate_lengths(source, self.max_length), estimate(target))

        return map_rows(score, [source, target], cells_of, cells(self.max_length, self.max_target_length))

    def _score_strings(self, source: tf.Tensor, target: tf.Tensor) -> Outputs:
        return self._score(source, self.target_text.read(target, self.max_target_length))

    def _score_symbols(self, source: tf.Tensor, tokens: tf.Tensor) -> Outputs:
        return self._score(source, self.read_symbols(tokens))

    def _score(self, source: tf.Tensor, target: Reading) -> Outputs:
        read = self.source_text.read(source, self.max_length)
        ids, source_lengths = to_ids(self.source_text, read, self.max_length)
        targets, lengths = to_ids(self.target_text, target, self.max_target_length)
        gained = self._gains[0 if source.shape[0] == 1 else 1](ids, source_lengths, targets)
        score = tf.reduce_sum(tf.where(targets != PAD, gained, 0.0), axis=1)
        told = {**flags(self.source_text, read, ids), **flags(self.target_text, target, targets, "target_")}
        return {"score": score, "target_length": lengths, **told}
