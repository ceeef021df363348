"""Any number of strings through a model, live or exported, and what came of each."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import numpy as np
import tensorflow as tf

from pipeline.answering.predictions import Hypothesis, PairScores, Prediction, Predictions, count_features
from pipeline.plain_text.given_strings import encode, list_pairs, list_prefixes, list_strings, list_token_pairs
from pipeline.prediction.side_by_side import batch_size, batches_at_once, in_order
from pipeline.prediction.unknown_counts import AskedModel
from pipeline.settings.text import TextConfiguration
from pipeline.text.chunks import in_chunks
from pipeline.text.known_symbols import KnownSymbols


class DecodesStrings(Protocol):
    """What a `StringModel` and a loaded export have in common."""

    decode: Callable[[tf.Tensor], Mapping[str, tf.Tensor]]
    explain: Callable[[tf.Tensor], Mapping[str, tf.Tensor]]
    complete: Callable[[tf.Tensor, tf.Tensor], Mapping[str, tf.Tensor]]
    score: Callable[[tf.Tensor, tf.Tensor], Mapping[str, tf.Tensor]]
    score_tokens: Callable[[tf.Tensor, tf.Tensor], Mapping[str, tf.Tensor]]


class Predictor:
    """Runs a `StringModel`, live or loaded from an export, over any number of strings.

    Args:
        model: A `StringModel` or a loaded SavedModel of one: what has `decode`.
        text: How the model's strings become symbols; evaluation compares outputs the same way.
        n_best: How many of the outputs to keep.
        copies_unknown: Whether its outputs may hold symbols that the model lacks, see `search.replace_unknown`.
    """

    def __init__(
        self, model: "DecodesStrings", text: TextConfiguration, n_best: int = 1, copies_unknown: bool = False
    ) -> None:
        # The model itself: a bound tf.function alone would not keep it alive.
        self.model = model
        self._asked: DecodesStrings = model.outside_graphs() if hasattr(model, "outside_graphs") else model
        self.text = text
        self.n_best = n_best
        self.copies_unknown = copies_unknown

    @functools.cached_property
    def known(self) -> KnownSymbols:
        """Which symbols the model has."""
        return KnownSymbols(getattr(self._asked, "unknown", None) or AskedModel(self._asked), self.text)

    def predict(
        self,
        sources: str | bytes | Iterable[str | bytes],
        on_progress: Callable[[int], None] | None = None,
        prefixes: str | bytes | Iterable[str | bytes] | None = None,
        heads_apart: bool = False,
        attention: bool = True,
    ) -> Predictions:
        """One prediction per source, in order. Sources of like length are decoded together.

        Args:
            sources: Any number of strings, `str` or UTF-8 `bytes`: a list, tuple, generator, array, column or tensor of
                them. A string alone is one source, and gives a list of one prediction.
            on_progress: Called with the number of sources done since the last call.
            prefixes: What the outputs begin with, one per source, see `StringModel.complete`.
            heads_apart: Whether the heads of the attention are wanted too, and what was copied; not with prefixes.
            attention: Whether attention is wanted. Without it no prediction has any, and of long strings much less is
                kept and copied; an export of an earlier version computes it all the same.

        Raises:
            TypeError: Something is no string, or has no order.
            ValueError: Not as many prefixes as sources, or an array of several dimensions.
            UsageError: Prefixes of a model that finds the end of its outputs first.
        """
        if prefixes is not None:
            self.text.require_left_to_right("prefixes", "take a model of the other direction")
        given = list_strings(sources, "sources")
        begun = list_prefixes(prefixes, len(given))
        order = sorted(range(len(given)), key=lambda index: len(given[index]))
        predictions: list[Prediction | None] = [None] * len(given)
        search = self._search(heads_apart, attention)

        def find(indices: list[int]) -> dict[str, np.ndarray]:
            batch = tf.constant([encode(given[index]) for index in indices], tf.string)
            if begun is None:
                outputs = search(batch)
            else:
                outputs = self._asked.complete(batch, tf.constant([encode(begun[index]) for index in indices]))
            return {name: value.numpy() for name, value in outputs.items()}

        at_once = batches_at_once()
        batches = list(in_chunks(order, batch_size(len(order), at_once), lambda index: len(given[index])))
        for indices, arrays in in_order(find, batches, min(at_once, max(1, len(batches)))):
            for row, index in enumerate(indices):
                predictions[index] = _prediction(arrays, row, self.n_best)
            if on_progress:
                on_progress(len(indices))
        return Predictions(prediction for prediction in predictions if prediction is not None)

    def _search(self, heads_apart: bool, attention: bool) -> Callable[[tf.Tensor], Mapping[str, tf.Tensor]]:
        """The function of the model that gives no more than is wanted."""
        if heads_apart:
            return self._asked.explain
        if attention:
            return self._asked.decode
        # Exports of earlier versions lack them.
        answer = getattr(self._asked, "answer", self._asked.decode)
        return getattr(self._asked, "best", answer) if self.n_best == 1 else answer

    def score(
        self, sources: str | bytes | Iterable[str | bytes], targets: str | bytes | Iterable[str | bytes]
    ) -> PairScores:
        """How probable given targets are, end symbol included.

        Args:
            sources: As in `predict`.
            targets: One for each source; cut after `max_target_length` symbols.

        Raises:
            TypeError: Something is no string, or has no order.
            ValueError: Not as many targets as sources.
        """
        return _pair_scores(self._asked.score(*(tf.constant(side, tf.string) for side in list_pairs(sources, targets))))

    def score_tokens(
        self, sources: str | bytes | Iterable[str | bytes], targets: Iterable[Iterable[str]]
    ) -> PairScores:
        """The same of targets that are cut into symbols already, without end symbol."""
        given, rows = list_token_pairs(sources, targets)
        padded = tf.ragged.constant(rows, dtype=tf.string, ragged_rank=1).to_tensor()
        return _pair_scores(self._asked.score_tokens(tf.constant(given, tf.string), padded))


def _pair_scores(found: Mapping[str, tf.Tensor]) -> PairScores:
    return PairScores(*(found[name].numpy() for name in PairScores._fields))


def _prediction(arrays: dict[str, np.ndarray], row: int, n_best: int) -> Prediction:
    source_length = int(arrays["source_length"][row])
    source_tokens = [token.decode() for token in arrays["source_tokens"][row, :source_length]]
    features = count_features(source_tokens)
    hypotheses = []
    for rank, score in enumerate(arrays["scores"][row, :n_best]):
        if np.isfinite(score):
            length = int(arrays["target_length"][row, rank])
            hypotheses.append(
                Hypothesis(
                    text=arrays["texts"][row, rank].decode(),
                    score=float(score),
                    tokens=[token.decode() for token in arrays["target_tokens"][row, rank, :length]],
                    attention=_attention_of(arrays, row, rank, length, source_length),
                    rank_score=float(arrays["rank_scores"][row, rank]),
                    limited=bool(arrays["limited"][row, rank]),
                    features=features,
                )
            )
    return Prediction(
        hypotheses=hypotheses,
        source_tokens=source_tokens,
        cut=bool(arrays["cut"][row]),
        invalid=bool(arrays["invalid"][row]),
        unknown=int(arrays["unknown"][row]),
        answered_by=arrays["answered_by"][row].decode() if "answered_by" in arrays else None,
        attention_heads=_heads_of(arrays, row, source_length),
        copied=arrays["copied"][row, : int(arrays["target_length"][row, 0])].copy() if "copied" in arrays else None,
        prefix_cut="prefix_cut" in arrays and bool(arrays["prefix_cut"][row]),
        prefix_unknown=int(arrays["prefix_unknown"][row]) if "prefix_unknown" in arrays else 0,
    )


def _attention_of(
    arrays: dict[str, np.ndarray], row: int, rank: int, target_length: int, source_length: int
) -> np.ndarray:
    if "attention" not in arrays:
        return np.zeros((0, source_length), np.float32)
    # A copy: a view would keep the whole batch's attention in memory.
    return arrays["attention"][row, rank, :target_length, :source_length].copy()


def _heads_of(arrays: dict[str, np.ndarray], row: int, source_length: int) -> np.ndarray | None:
    if "attention_heads" not in arrays:
        return None
    return arrays["attention_heads"][row, :, : int(arrays["target_length"][row, 0]), :source_length].copy()
