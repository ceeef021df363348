"""Any number of strings through a model, live or exported, and what came of each."""

import functools
import html
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from pipeline.errors import count_of
from pipeline.prediction.given_strings import encode, list_strings
from pipeline.settings.text import TextConfiguration
from pipeline.text.chunks import in_chunks
from pipeline.text.known_symbols import KnownSymbols

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BATCH_SIZE = 256


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
    limited: bool = False
    """Whether the search's limit ended it where the model would have gone on: the rest is missing."""


class Prediction(NamedTuple):
    """What came of one input."""

    hypotheses: list[Hypothesis]
    """The outputs, best first."""
    source_tokens: list[str]
    """The symbols of the source as the model sees them, end symbol included: S of them."""
    cut: bool = False
    """Whether the source was longer than the model takes, and its rest ignored."""
    invalid: bool = False
    """Whether the source was not UTF-8; what is none was read as U+FFFD."""
    unknown: int = 0
    """How many symbols of the source the model never saw in training."""
    attention_heads: np.ndarray | None = None
    """`[heads, T, S]`: where every head looked for each symbol of the best output, if there are several."""
    prefix_cut: bool = False
    """Whether the prefix, if there was one, was longer than an output can be, and its rest ignored."""
    prefix_unknown: int = 0
    """How many symbols of the prefix the model cannot write: they became <unk>."""

    @property
    def source(self) -> str:
        """What the model saw of the source: its characters, or other symbols with spaces between them."""
        tokens = self.source_tokens[:-1]
        return ("" if all(len(token) == 1 for token in tokens) else " ").join(tokens)

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
    def limited_outputs(self) -> list[bool]:
        """Of each output, whether the search's limit ended it."""
        return [hypothesis.limited for hypothesis in self.hypotheses]

    @property
    def limited(self) -> bool:
        """Whether the search's limit ended the best output."""
        return bool(self.hypotheses) and self.hypotheses[0].limited

    @property
    def target_tokens(self) -> list[str]:
        """The symbols of the best output, end symbol included."""
        return self.hypotheses[0].tokens if self.hypotheses else []

    @property
    def attention(self) -> np.ndarray:
        """`[T, S]`: where the model looked for each symbol of the best output."""
        return self.hypotheses[0].attention if self.hypotheses else np.zeros((0, len(self.source_tokens)), np.float32)

    def plot(self, rank: int = 0, title: str | None = None) -> "Figure":
        """A heat-map of what the model looked at; notebooks show it.

        Args:
            rank: Which of the outputs, 0 the best.
            title: Above it; None takes source → output.

        Raises:
            IndexError: There are not so many outputs.
        """
        from pipeline.pictures.heat_map import draw_attention  # matplotlib takes its time to import

        chosen = self.hypotheses[rank]
        title = f"{self.source} → {chosen.text}" if title is None else title
        return draw_attention(chosen.attention, self.source_tokens, chosen.tokens, title)


class Predictions(list[Prediction]):
    """Predictions in the order of their sources; a notebook shows them as a table, an output a row."""

    def to_dicts(self) -> list[dict[str, Any]]:
        """A row for every output, as pandas takes it: source, rank (1 the best), output, score."""
        return [
            {"source": one.source, "rank": rank, "output": output.text, "score": output.score}
            for one in self
            for rank, output in enumerate(one.hypotheses, 1)
        ]

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(row['source'])}</td><td>{row['rank']}</td>"
            f"<td>{html.escape(row['output'])}</td><td>{row['score']:.3f}</td></tr>"
            for row in self.to_dicts()
        )
        return f"<table><tr><th>source</th><th>rank</th><th>output</th><th>log p</th></tr>{rows}</table>"


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
        self.text = text
        self.n_best = n_best
        self.copies_unknown = copies_unknown

    @functools.cached_property
    def known(self) -> KnownSymbols:
        """Which symbols the model has."""
        return KnownSymbols(self.model, self.text)

    def predict(
        self,
        sources: str | bytes | Iterable[str | bytes],
        on_progress: Callable[[int], None] | None = None,
        prefixes: str | bytes | Iterable[str | bytes] | None = None,
        heads_apart: bool = False,
    ) -> Predictions:
        """One prediction per source, in order. Sources of like length are decoded together.

        Args:
            sources: Any number of strings, `str` or UTF-8 `bytes`: a list, tuple, generator, array, column or tensor of
                them. A string alone is one source, and gives a list of one prediction.
            on_progress: Called with the number of sources done since the last call.
            prefixes: What the outputs begin with, one per source, see `StringModel.complete`.
            heads_apart: Whether the heads of the attention are wanted too; not with prefixes.

        Raises:
            TypeError: Something is no string, or has no order.
            ValueError: Not as many prefixes as sources, or an array of several dimensions.
        """
        given = list_strings(sources, "sources")
        begun = None if prefixes is None else list_strings(prefixes, "prefixes")
        if begun is not None and len(begun) != len(given):
            counts = f"{count_of(len(given), 'source')}, but {count_of(len(begun), 'prefix', 'prefixes')}"
            raise ValueError(f"{counts}; give one for each, '' for none")
        order = sorted(range(len(given)), key=lambda index: len(given[index]))
        predictions: list[Prediction | None] = [None] * len(given)
        for indices in in_chunks(order, BATCH_SIZE, lambda index: len(given[index])):
            batch = tf.constant([encode(given[index]) for index in indices], tf.string)
            if begun is None:
                outputs = (self.model.explain if heads_apart else self.model.decode)(batch)
            else:
                outputs = self.model.complete(batch, tf.constant([encode(begun[index]) for index in indices]))
            arrays = {name: value.numpy() for name, value in outputs.items()}
            for row, index in enumerate(indices):
                predictions[index] = _prediction(arrays, row, self.n_best)
            if on_progress:
                on_progress(len(indices))
        return Predictions(prediction for prediction in predictions if prediction is not None)


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
                    limited=bool(arrays["limited"][row, rank]),
                )
            )
    return Prediction(
        hypotheses=hypotheses,
        source_tokens=[token.decode() for token in arrays["source_tokens"][row, :source_length]],
        cut=bool(arrays["cut"][row]),
        invalid=bool(arrays["invalid"][row]),
        unknown=int(arrays["unknown"][row]),
        attention_heads=_heads_of(arrays, row, source_length),
        prefix_cut="prefix_cut" in arrays and bool(arrays["prefix_cut"][row]),
        prefix_unknown=int(arrays["prefix_unknown"][row]) if "prefix_unknown" in arrays else 0,
    )


def _heads_of(arrays: dict[str, np.ndarray], row: int, source_length: int) -> np.ndarray | None:
    if "attention_heads" not in arrays:
        return None
    return arrays["attention_heads"][row, :, : int(arrays["target_length"][row, 0]), :source_length].copy()
