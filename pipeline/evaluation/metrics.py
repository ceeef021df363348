"""The metrics that training, tuning and studies choose by: a table, each row measures itself."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.evaluation.error_rates import error_counts, per_of, wer_of
from pipeline.evaluation.scores import count_wrong, reference_columns, sentence_metrics
from pipeline.settings.configuration import Configuration


@dataclasses.dataclass(frozen=True)
class MeasuredOutputs:
    """What a metric measures, in the form in which outputs and references are compared."""

    texts: Sequence[str]
    """An output per source."""
    references: Sequence[Sequence[str]]
    """At least one per source."""
    lowercase: bool
    """Whether case counts for nothing."""
    split: Callable[[], tuple[Sequence[Sequence[str]], Sequence[Sequence[Sequence[str]]]]]
    """The same as symbols."""

    @functools.cached_property
    def counts(self) -> np.ndarray:
        """`[n, 4]`, the `Counts` of every output."""
        return error_counts(*self.split())

    @property
    def columns(self) -> Any:
        """References as sacrebleu takes them."""
        return reference_columns(self.references)


class Metric(NamedTuple):
    """A figure that training and search look at."""

    name: str
    title: str
    higher_is_better: bool
    tie: str
    """The metric that decides between equal values."""
    measure: "Callable[[MeasuredOutputs], float]"
    """Its value."""
    is_share: bool = False
    """Whether it is a share of the outputs, in percent, so that their number says how sure it is."""

    @property
    def label(self) -> str:
        """Its name for people, without its unit."""
        return self.title.split()[0]

    @property
    def log_name(self) -> str:
        """Its name in logs and metrics files."""
        return f"val_{self.name}"

    def describe(self, value: float) -> str:
        """The figure with its name.

        Example:
            >>> WER.describe(6.05), BLEU.describe(30.0)
            ('WER 6.05 %', 'BLEU 30.00')
        """
        name, *unit = self.title.split()
        return " ".join([name, f"{value:.2f}", *unit])

    @property
    def perfect(self) -> float:
        """Its value where nothing is wrong."""
        return 100.0 if self.higher_is_better else 0.0

    def to_minimize(self, value: float) -> float:
        """A number that is smaller where the figure is better."""
        return -value if self.higher_is_better else value


def _bleu_chrf_ter(place: int) -> Callable[[MeasuredOutputs], float]:
    return lambda of: sentence_metrics(lowercase=of.lowercase)[place].corpus_score(of.texts, of.columns).score


def _sequence_error_rate(of: MeasuredOutputs) -> float:
    return 100.0 * count_wrong(of.texts, of.references, of.lowercase) / max(len(of.texts), 1)


# By name; `train.objective` may be any of them.
METRICS = {
    metric.name: metric
    for metric in (
        Metric("wer", "WER %", False, "per", lambda of: wer_of(of.counts.sum(axis=0)), is_share=True),
        Metric("per", "PER %", False, "wer", lambda of: per_of(of.counts.sum(axis=0))),
        Metric("accuracy", "accuracy %", True, "per", lambda of: 100.0 - wer_of(of.counts.sum(axis=0)), is_share=True),
        Metric("bleu", "BLEU", True, "chrf", _bleu_chrf_ter(0)),
        Metric("chrf", "chrF", True, "bleu", _bleu_chrf_ter(1)),
        Metric("ter", "TER", False, "chrf", _bleu_chrf_ter(2)),
        Metric("sequence_error_rate", "sequence_error_rate %", False, "chrf", _sequence_error_rate, is_share=True),
    )
}
WER, PER, BLEU, CHRF = (METRICS[name] for name in ("wer", "per", "bleu", "chrf"))


def objectives(configuration: Configuration) -> tuple[Metric, Metric]:
    """The figure that decides which model is best, and the one that decides between equal values of it.

    Example:
        >>> from pipeline.settings.text import TextConfiguration
        >>> [metric.name for metric in objectives(Configuration(text=TextConfiguration(target_tokenizer="bpe")))]
        ['bleu', 'chrf']
    """
    default = "bleu" if configuration.text.has_sentences else "wer"
    first = METRICS[configuration.train.objective or default]
    return first, METRICS[first.tie]
