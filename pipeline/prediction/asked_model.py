"""A model asked which symbols it lacks: an export can tell as well as a run."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import tensorflow as tf


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
