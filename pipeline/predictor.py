"""Strings in, strings, scores and alignments out: the one graph that evaluation, prediction and export share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from pipeline.configuration import SearchConfiguration, TextConfiguration
from pipeline.constraints import Constraints
from pipeline.network import Network
from pipeline.penalties import Coverage
from pipeline.sampling import sample_search, source_keys
from pipeline.search import SearchResult, beam_search, greedy_search
from pipeline.symbols import END, PAD, UNKNOWN
from pipeline.text import TextProcessor, in_chunks
from pipeline.unknowns import UnknownReplacement

BATCH_SIZE = 256


SOURCE = [tf.TensorSpec([None], tf.string, name="source")]


class StringModel(tf.Module):
    """A network with its text handling and its search: a function from strings to strings.

    Args:
        network: What finds and scores.
        source_text: Turns sources into ids.
        target_text: Turns ids into targets.
        search: How outputs are found.
        n_best: Outputs per input, at most the beam size.
        max_length: Longest source in symbols, end symbol not counted; longer ones are cut there and flagged.
        replacement: What is shown for unknown output symbols; None shows them as unknown.
    """

    def __init__(
        self,
        network: Network,
        source_text: TextProcessor,
        target_text: TextProcessor,
        search: SearchConfiguration,
        n_best: int,
        max_length: int,
        replacement: UnknownReplacement | None = None,
    ) -> None:
        super().__init__(name="attentif")
        self.network, self.source_text, self.target_text = network, source_text, target_text
        self.search, self.n_best, self.max_length = search, n_best, max_length
        self.replacement = replacement
        # Heads cost a pass of their own, which is for those alone who look at them.
        self.explain = tf.function(self._explain, SOURCE, autograph=False) if network.heads > 1 else self.decode

    @tf.function(input_signature=SOURCE, autograph=False)
    def decode(self, source: tf.Tensor) -> dict[str, tf.Tensor]:
        """Everything there is to know about the outputs of `[batch]` strings.

        Returns:
            Of the outputs, best first: texts, scores (log p) and rank_scores (with the penalties, by which they are
            ordered) `[batch, n_best]` ('' and -inf where missing), target_tokens `[batch, n_best, target]`,
            attention `[batch, n_best, target, source]` and target_length `[batch, n_best]`; of the source:
            source_tokens `[batch, source]` and source_length `[batch]`, all with the end symbol where the model
            sees it; and cut and unknown `[batch]`, whether the source was too long and how many of its symbols
            were not in training.
        """
        return self._decode(source)

    def _explain(self, source: tf.Tensor) -> dict[str, tf.Tensor]:
        """The same and, with several heads, whose mean the attention is, attention_heads of the best output,
        `[batch, heads, target, source]`.
        """
        return self._decode(source, heads_apart=True)

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.string, "source"), tf.TensorSpec([None], tf.string, "prefix")],
        autograph=False,
    )
    def complete(self, source: tf.Tensor, prefix: tf.Tensor) -> dict[str, tf.Tensor]:
        """What `decode` returns, of outputs that begin with given strings `[batch]`; '' leaves them free.

        A prefix is cut into symbols as a text of its own, without white space at its ends: what follows is a new
        symbol, and subwords of its last word may not be those that a longer word would have. What training lacks
        becomes the unknown symbol. The scores count the prefix too. It may be longer than the search's limit, then
        only the end symbol follows.
        """
        ids, _ = self.target_text.to_ids(self.target_text.split(prefix))
        return self._decode(source, tf.where(tf.equal(ids, END), PAD, ids))

    def _decode(
        self, source: tf.Tensor, prefix: tf.Tensor | None = None, heads_apart: bool = False
    ) -> dict[str, tf.Tensor]:
        symbols = self.source_text.split(source)
        ids, lengths = self.source_text.to_ids(symbols, self.max_length)
        found = self._search(ids, lengths, prefix)
        source_tokens = self.source_text.to_symbols(symbols, self.max_length)
        texts, target_tokens = self._show(found, source_tokens, lengths)
        outputs = {
            "texts": tf.where(tf.math.is_finite(found.scores), texts, ""),
            "scores": found.scores,
            "rank_scores": found.rank_scores,
            "source_tokens": source_tokens,
            "target_tokens": target_tokens,
            "attention": found.attention_weights,
            "source_length": lengths,
            "target_length": found.lengths,
            "cut": symbols.row_lengths() > self.max_length,
            "unknown": tf.reduce_sum(tf.cast(tf.equal(ids, UNKNOWN), tf.int32), axis=1),
        }
        if heads_apart:
            outputs["attention_heads"] = self._heads(ids, lengths, found.tokens[:, 0])
        return outputs

    def _heads(self, ids: tf.Tensor, lengths: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        """What every head looked at, the search having kept their mean: given its outputs, once more."""
        target = tf.shape(tokens)[1]
        # A column at least: over none at all no recurrence runs.
        padded = tf.pad(tokens, [[0, 0], [0, tf.cast(tf.equal(target, 0), tf.int32)]])
        return tf.cast(self.network.attend(ids, lengths, padded)[:, :, :target], tf.float32)

    def _show(
        self, found: SearchResult, source_tokens: tf.Tensor, source_lengths: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Texts and symbols of what was found."""
        symbols = self.target_text.symbols(found.tokens)
        if self.replacement is None:
            return self.target_text.decode(found.tokens), symbols
        weights = found.attention_weights
        symbols = self.replacement(found.tokens, symbols, weights, source_tokens, source_lengths)
        return self.target_text.join(tf.where(found.tokens == END, "", symbols)), symbols

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.string, "source"), tf.TensorSpec([None], tf.string, "target")],
        autograph=False,
    )
    def score(self, source: tf.Tensor, target: tf.Tensor) -> dict[str, tf.Tensor]:
        """log p of given targets, `[batch]` strings: `score` and `target_length`, end symbol included, `[batch]`."""
        return self._score(source, self.target_text.split(target))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, "source"),
            tf.TensorSpec([None, None], tf.string, "target_tokens"),
        ],
        autograph=False,
    )
    def score_tokens(self, source: tf.Tensor, target_tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """The same of targets that are cut already: `[batch, target]` without end symbol, '' on the right."""
        lengths = tf.reduce_sum(tf.cast(tf.not_equal(target_tokens, ""), tf.int64), axis=1)
        tokens = tf.RaggedTensor.from_tensor(target_tokens, lengths=lengths)
        return self._score(source, tokens)

    def _score(self, source: tf.Tensor, target_symbols: tf.RaggedTensor) -> dict[str, tf.Tensor]:
        ids, source_lengths = self.source_text.to_ids(self.source_text.split(source), self.max_length)
        targets, lengths = self.target_text.to_ids(target_symbols)
        gained = self.network.score(ids, source_lengths, targets)
        return {"score": tf.reduce_sum(tf.where(targets != PAD, gained, 0.0), axis=1), "target_length": lengths}

    def _search(self, ids: tf.Tensor, lengths: tf.Tensor, prefix: tf.Tensor | None) -> SearchResult:
        search, beams = self.search, self.search.beam_size
        state, memory = self.network.begin(ids, lengths)
        mask = tf.sequence_mask(lengths, tf.shape(ids)[1])
        ranking = search.length_penalty, Coverage(search.coverage_penalty, mask) if search.coverage_penalty else None
        constraints = Constraints(search.min_length, search.block_ngrams, prefix)

        def step(tokens: tf.Tensor, state: Any, memory: Any) -> tuple[Any, Any, Any]:
            return self.network.step(tokens, state, memory, beams)

        start = step, state, memory, self._limits(lengths)
        if search.method == "sample":
            keys = source_keys(search.seed, ids, lengths)
            return sample_search(*start, keys, beams, self.n_best, search.temperature, *ranking, constraints)
        if beams == 1:
            return greedy_search(*start, *ranking, constraints)
        return beam_search(*start, beams, self.n_best, *ranking, constraints)

    def _limits(self, lengths: tf.Tensor) -> tf.Tensor:
        """Largest length of each output, end symbol included."""
        longest = self.search.length_ratio * tf.cast(lengths - 1, tf.float32)
        limits = tf.cast(longest, tf.int32) + self.search.length_offset + 1
        if self.search.max_length is not None:
            limits = tf.minimum(limits, self.search.max_length + 1)
        return tf.maximum(limits, self.search.min_length + 1) if self.search.min_length else limits


class Hypothesis(NamedTuple):
    """One of the outputs for an input."""

    text: str
    score: float
    """log p(target, end symbol included), unpenalised."""
    tokens: list[str]
    """Its symbols, end symbol included: T of them."""
    attention: np.ndarray
    """`[T, S]` float32: where the model looked for each symbol."""
    rank_score: float = float("nan")
    """The score with the search's penalties, by which outputs are ordered; not a number where no search told it."""


class Prediction(NamedTuple):
    """What came of one input."""

    hypotheses: list[Hypothesis]
    """The outputs, best first."""
    source_tokens: list[str]
    """The symbols of the source as the model sees them, end symbol included: S of them."""
    cut: bool = False
    """Whether the source was longer than the model takes, and its rest ignored."""
    unknown: int = 0
    """How many symbols of the source the model never saw in training."""
    attention_heads: np.ndarray | None = None
    """`[heads, T, S]`: where every head looked for each symbol of the best output, if there are several."""

    @property
    def texts(self) -> list[str]:
        """The outputs, best first."""
        return [hypothesis.text for hypothesis in self.hypotheses]

    @property
    def scores(self) -> list[float]:
        """log p of each output."""
        return [hypothesis.score for hypothesis in self.hypotheses]

    @property
    def rank_scores(self) -> list[float]:
        """What the outputs are ordered by."""
        return [hypothesis.rank_score for hypothesis in self.hypotheses]

    @property
    def target_tokens(self) -> list[str]:
        """The symbols of the best output, end symbol included."""
        return self.hypotheses[0].tokens if self.hypotheses else []

    @property
    def attention(self) -> np.ndarray:
        """`[T, S]`: where the model looked for each symbol of the best output."""
        return self.hypotheses[0].attention if self.hypotheses else np.zeros((0, len(self.source_tokens)), np.float32)


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
    """

    def __init__(self, model: "DecodesStrings", text: TextConfiguration, n_best: int = 1) -> None:
        # The model itself: a bound tf.function alone would not keep it alive.
        self.model = model
        self.text = text
        self.n_best = n_best

    def predict(
        self,
        sources: Sequence[str],
        on_progress: Callable[[int], None] | None = None,
        prefixes: Sequence[str] | None = None,
        heads_apart: bool = False,
    ) -> list[Prediction]:
        """One prediction per source, in order. Sources of like length are decoded together.

        Args:
            sources: Any number of strings.
            on_progress: Called with the number of sources done since the last call.
            prefixes: What the outputs begin with, one per source, see `StringModel.complete`.
            heads_apart: Whether the heads of the attention are wanted too; not with prefixes.
        """
        order = sorted(range(len(sources)), key=lambda index: len(sources[index]))
        predictions: list[Prediction | None] = [None] * len(sources)
        for indices in in_chunks(order, BATCH_SIZE, lambda index: len(sources[index])):
            batch = tf.constant([sources[index] for index in indices], tf.string)
            if prefixes is None:
                outputs = (self.model.explain if heads_apart else self.model.decode)(batch)
            else:
                outputs = self.model.complete(batch, tf.constant([prefixes[index] for index in indices], tf.string))
            arrays = {name: value.numpy() for name, value in outputs.items()}
            for row, index in enumerate(indices):
                predictions[index] = _prediction(arrays, row, self.n_best)
            if on_progress:
                on_progress(len(indices))
        return [prediction for prediction in predictions if prediction is not None]


def _prediction(arrays: dict[str, np.ndarray], row: int, n_best: int) -> Prediction:
    source_length = int(arrays["source_length"][row])
    hypotheses = []
    for rank, score in enumerate(arrays["scores"][row, :n_best]):
        if np.isfinite(score):
            length = int(arrays["target_length"][row, rank])
            hypotheses.append(
                Hypothesis(
                    text=arrays["texts"][row, rank].decode(),
                    score=float(score),
                    tokens=[token.decode() for token in arrays["target_tokens"][row, rank, :length]],
                    # A copy: a view would keep the whole batch's attention in memory.
                    attention=arrays["attention"][row, rank, :length, :source_length].copy(),
                    rank_score=float(arrays["rank_scores"][row, rank]),
                )
            )
    return Prediction(
        hypotheses=hypotheses,
        source_tokens=[token.decode() for token in arrays["source_tokens"][row, :source_length]],
        cut=bool(arrays["cut"][row]),
        unknown=int(arrays["unknown"][row]),
        attention_heads=_heads_of(arrays, row, source_length),
    )


def _heads_of(arrays: dict[str, np.ndarray], row: int, source_length: int) -> np.ndarray | None:
    if "attention_heads" not in arrays:
        return None
    return arrays["attention_heads"][row, :, : int(arrays["target_length"][row, 0]), :source_length].copy()
