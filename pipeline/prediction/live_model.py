"""A model in the process that has its network: asked outside of a graph."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from pipeline.prediction.given_ids import flags, to_ids
from pipeline.text.processor import Reading, TextProcessor

Function = Callable[..., dict[str, tf.Tensor]]


class LiveModel:
    """A `StringModel`, of whose functions only that is traced which a call needs.

    In a graph each of them holds searches for one row, for as many as fit and for more, since it must answer all of
    these. Outside, Python sees how many rows came: of one word, a third is traced.

    Args:
        model: What answers.
    """

    decode: Function
    answer: Function
    best: Function
    explain: Function
    complete: Function
    score: Function
    score_tokens: Function

    def __init__(self, model: Any) -> None:
        self.model, self.unknown = model, UnknownInTexts(model)
        for name in LiveModel.__annotations__:
            if hasattr(model, name):  # `complete` is not there where the end is found first
                setattr(self, name, getattr(model, name).python_function)


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
