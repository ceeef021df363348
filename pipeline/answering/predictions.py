"""What came of strings: outputs with their scores and attention, and who gives them; without TensorFlow."""

import html
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from pipeline.answering.source_flags import SourceFlags, flag_source
from pipeline.settings.text import TextConfiguration
from pipeline.text.known_symbols import KnownSymbols
from pipeline.text.symbols import FEATURE_MARK

if TYPE_CHECKING:
    from matplotlib.figure import Figure


LEXICON, MODEL = "lexicon", "model"
"""By what a string is answered."""


class WayBack(NamedTuple):
    """What a model of the other direction makes of an output."""

    texts: list[str]
    """What comes back, best first; nothing where the output cannot be sent."""
    rank: int | None
    """Which of these, from 1, is the source; None: the output does not come back."""

    def to_json(self) -> dict[str, Any]:
        """For JSON."""
        return {"comes_back": self.rank is not None, "back_rank": self.rank, "back": self.texts}


class Hypothesis(NamedTuple):
    """One of the outputs for an input."""

    text: str
    score: float
    """log p(target, end symbol included), unpenalised."""
    tokens: list[str]
    """Its symbols, end symbol included: T of them."""
    attention: np.ndarray
    """`[T, S]` float32: where the model looked for each symbol; `[0, S]` where nobody asked."""
    rank_score: float = float("nan")
    """The score with the search's penalties, by which outputs are ordered; not a number where no search told it."""
    limited: bool = False
    """Whether the search's limit ended it where the model would have gone on: the rest is missing."""
    features: int = 0
    """How many of the source's symbols, the last ones before its end, are features."""
    back: WayBack | None = None
    """What came of sending it back; None where nobody asked."""

    @property
    def source_flags(self) -> SourceFlags:
        """Which parts of the source it skips or repeats, as its attention tells; features are no parts of it."""
        last = self.attention.shape[1] - 1
        return flag_source(np.delete(self.attention, slice(last - self.features, last), axis=1))


def count_features(source_tokens: Sequence[str]) -> int:
    """How many of a source's symbols are features.

    Example:
        >>> count_features(["g", "o", "\\tV", "\\tPST", "</s>"])
        2
    """
    return sum(len(token) > 1 and token.startswith(FEATURE_MARK) for token in source_tokens)


class MemberVote(NamedTuple):
    """What a member of an ensemble says that decides by outputs."""

    model: str
    text: str | None
    """Its own best output; None where it has none."""
    score: float
    """log p of the ensemble's best output, as it finds it."""


class Prediction(NamedTuple):
    """What came of one input."""

    hypotheses: list[Hypothesis]
    """The outputs, best first."""
    source_tokens: list[str]
    """The symbols of the source as the model sees them, end symbol included: S of them; features behind a TAB each."""
    cut: bool = False
    """Whether the source was longer than the model takes, and its rest ignored."""
    invalid: bool = False
    """Whether the source was not UTF-8; what is none was read as U+FFFD."""
    unknown: int = 0
    """How many symbols of the source the model never saw in training."""
    attention_heads: np.ndarray | None = None
    """`[heads, T, S]`: where every head looked for each symbol of the best output, if there are several."""
    copied: np.ndarray | None = None
    """`[T]`: which share of the probability of every symbol of the best output came of copying, 0 to 1; of a model that
    copies."""
    prefix_cut: bool = False
    """Whether the prefix, if there was one, was longer than an output can be, and its rest ignored."""
    prefix_unknown: int = 0
    """How many symbols of the prefix the model cannot write: they became <unk>."""
    votes: Sequence[MemberVote] = ()
    """Of an ensemble that decides by outputs, what every member says."""
    confidence: float | None = None
    """How probable it is that the best output is right, where `calibrate` has found it out."""
    answered_by: str | None = None
    """"lexicon" or "model", where there is a lexicon; its answers have the score 0, no symbols and no attention."""

    @property
    def source(self) -> str:
        """What the model saw of the source: its characters, or other symbols with spaces between them."""
        tokens = self.source_tokens[: -1 - len(self.features)]
        text = ("" if all(len(token) == 1 for token in tokens) else " ").join(tokens)
        return " ".join([text, *self.features])

    @property
    def features(self) -> list[str]:
        """The features of the source, where it has some."""
        number = count_features(self.source_tokens)
        return [token.removeprefix(FEATURE_MARK) for token in self.source_tokens[-1 - number : -1]]

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


def count_returns(predictions: Iterable[Prediction | None]) -> tuple[int, int, int]:
    """Of how many best answers it is known whether they come back, how many do, and how many of these as the first.

    Args:
        predictions: With or without; None for what got no answer.
    """
    ways = [one.hypotheses[0].back for one in predictions if one and one.hypotheses]
    ranks = [way.rank for way in ways if way]
    return len(ranks), sum(rank is not None for rank in ranks), sum(rank == 1 for rank in ranks)


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


class PairScores(NamedTuple):
    """What a model says of given targets: arrays `[pairs]`."""

    score: np.ndarray
    """float32: log p(target | source), end symbol included, of what was read of the target."""
    target_length: np.ndarray
    """Symbols of that, end symbol included."""
    cut: np.ndarray
    """bool: whether the source was longer than the model takes, and its rest ignored."""
    unknown: np.ndarray
    """How many symbols of the source the model never saw in training."""
    target_cut: np.ndarray
    """bool: whether the target was longer than an output can be, and its rest ignored."""
    target_unknown: np.ndarray
    """How many symbols of the target the model cannot write."""


class AnswersStrings(Protocol):
    """What lines and files are answered by: a `Predictor`, or the model of a folder."""

    text: TextConfiguration
    n_best: int
    copies_unknown: bool

    @property
    def known(self) -> KnownSymbols:
        """Which symbols the model has."""

    def predict(
        self,
        sources: str | bytes | Iterable[str | bytes],
        on_progress: Callable[[int], None] | None = None,
        prefixes: str | bytes | Iterable[str | bytes] | None = None,
        heads_apart: bool = False,
        attention: bool = True,
    ) -> Predictions:
        """One prediction per source, in order."""

    def score(
        self, sources: str | bytes | Iterable[str | bytes], targets: str | bytes | Iterable[str | bytes]
    ) -> PairScores:
        """How probable given targets are, one for each source."""

    def score_tokens(
        self, sources: str | bytes | Iterable[str | bytes], targets: Iterable[Iterable[str]]
    ) -> PairScores:
        """The same of targets that are cut into symbols already, without end symbol."""
