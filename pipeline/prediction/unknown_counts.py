"""How many symbols of strings a model lacks, asked of an export and of a run."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import tensorflow as tf

from pipeline.prediction.given_ids import flags, to_ids
from pipeline.text.processor import Reading, TextProcessor


class ScoresStrings(Protocol):
    """What is asked: a `StringModel` or a loaded export."""

    score: Callable[..., Any]
    score_tokens: Callable[..., Any]


class AskedModel:
    """Counts unknown symbols for `pipeline.text.known_symbols.KnownSymbols`.

    Args:
        model: What has the vocabularies.
    """

    def __init__(self, model: ScoresStrings) -> None:
        self.model = model

    def in_sources(self, sources: Sequence[str]) -> list[int]:
        """How many symbols of each source are unknown."""
        found = self.model.score(tf.constant(sources, tf.string), tf.fill([len(sources)], ""))
        return found["unknown"].numpy().tolist()

    def in_targets(self, targets: Sequence[str]) -> list[int]:
        """How many symbols of each target are."""
        found = self.model.score(tf.fill([len(targets)], ""), tf.constant(targets, tf.string))
        return found["target_unknown"].numpy().tolist()

    def among_target_symbols(self, symbols: Sequence[str]) -> list[bool]:
        """Whether each is, taken as a symbol of targets."""
        rows = tf.constant([[symbol] for symbol in symbols], tf.string)
        found = self.model.score_tokens(tf.fill([len(symbols)], ""), rows)
        return (found["target_unknown"].numpy() > 0).tolist()


class UnknownInTexts:
    """Counts what the vocabularies of a `StringModel` lack, see `CountsUnknown`; its network is not asked.

    Args:
        model: What has the texts.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def in_sources(self, sources: Sequence[str]) -> list[int]:
        """How many symbols of each source are unknown."""
        text, most = self.model.source_text, self.model.max_length
        return self._count(text, text.read(tf.constant(sources, tf.string), most), most)

    def in_targets(self, targets: Sequence[str]) -> list[int]:
        """How many symbols of each target are."""
        text, most = self.model.target_text, self.model.max_target_length
        return self._count(text, text.read(tf.constant(targets, tf.string), most), most)

    def among_target_symbols(self, symbols: Sequence[str]) -> list[bool]:
        """Whether each is, taken as a symbol of targets."""
        rows = tf.reshape(tf.constant(symbols, tf.string), [-1, 1])
        read = self.model.target_scores.read_symbols(rows)
        return [count > 0 for count in self._count(self.model.target_text, read, self.model.max_target_length)]

    def _count(self, text: TextProcessor, read: Reading, most: int) -> list[int]:
        ids, _ = to_ids(text, read, most)
        return flags(text, read, ids)["unknown"].numpy().tolist()
