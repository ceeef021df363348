"""Quality and cost of a model by the length of its inputs: fifths of a test set, bootstrap intervals."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from pipeline.evaluation.bootstrap import Interval
from pipeline.evaluation.error_rates import error_counts
from pipeline.evaluation.evaluate import as_compared, split_symbols
from pipeline.evaluation.scores import sentence_metrics
from pipeline.evaluation.test_set import ReferenceSet
from pipeline.prediction.predictor import Predictor
from pipeline.settings.text import TextConfiguration

SEED = 12345
CONFIDENCE = 95


class Quality(Protocol):
    """A figure of a set of outputs, from sums over its members: higher is better, at most 100."""

    name: str

    def statistics(self, outputs: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
        """`[n, k]`: what is summed."""

    def score(self, totals: np.ndarray) -> float:
        """The figure of `[k]` sums."""


class SentenceQuality:
    """BLEU from its matches and lengths, counted once a sentence (sacrebleu).

    Args:
        text: Whether case counts.
    """

    name = "BLEU"

    def __init__(self, text: TextConfiguration) -> None:
        self.text, self.bleu = text, sentence_metrics(lowercase=text.lowercase)[0]

    def statistics(self, outputs: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
        """`[n, k]`: what is summed."""
        columns = [as_compared(column, self.text) for column in zip(*references, strict=True)]
        return np.array(self.bleu._extract_corpus_statistics(as_compared(outputs, self.text), columns), np.float64)

    def score(self, totals: np.ndarray) -> float:
        """The figure of `[k]` sums."""
        return self.bleu._compute_score_from_stats(totals.tolist()).score


class SymbolQuality:
    """100 − WER, in percent: the share of outputs that equal one of their references.

    Args:
        text: How strings become symbols.
    """

    name = "100 − WER"

    def __init__(self, text: TextConfiguration) -> None:
        self.text = text

    def statistics(self, outputs: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
        """`[n, k]`: what is summed."""
        counts = error_counts(*split_symbols(outputs, references, self.text))
        wrong, number = counts[:, 0], counts[:, -1]
        return np.column_stack([number - wrong, number]).astype(np.float64)

    def score(self, totals: np.ndarray) -> float:
        """The figure of `[k]` sums."""
        return 100.0 * float(totals[0]) / max(float(totals[1]), 1.0)


def make_quality(text: TextConfiguration) -> Quality:
    """What the outputs of such a text are measured by."""
    return SentenceQuality(text) if text.has_sentences else SymbolQuality(text)


class Decoded(NamedTuple):
    """What one trained model made of a part of the test set."""

    statistics: np.ndarray
    """`[n, k]`, see `Quality`."""
    seconds: float
    """Decoding time per input; inputs of a part are decoded together, in batches."""
    entries: float
    """Attention weights per input: source times output symbols n·m, end symbols included; none of a fixed context."""

    @classmethod
    def join(cls, parts: Sequence["Decoded"]) -> "Decoded":
        """What it made of all parts."""
        sizes = [len(part.statistics) for part in parts]
        return cls(
            np.concatenate([part.statistics for part in parts]),
            float(np.average([part.seconds for part in parts], weights=sizes)),
            float(np.average([part.entries for part in parts], weights=sizes)),
        )


def decode_parts(
    predictor: Predictor, test: ReferenceSet, parts: Sequence[np.ndarray], quality: Quality, attends: bool
) -> list[Decoded]:
    """Decode a test set part by part.

    Args:
        predictor: What decodes.
        test: The test set.
        parts: Positions in it.
        quality: What outputs are measured by.
        attends: Whether the model has attention.
    """
    predictor.predict([test.sources[position] for position in parts[0]])  # the first calls build and prepare the graph
    found = []
    for positions in parts:
        began = time.perf_counter()
        predictions = predictor.predict([test.sources[position] for position in positions])
        seconds = (time.perf_counter() - began) / len(positions)
        outputs = [prediction.texts[0] if prediction.texts else "" for prediction in predictions]
        sizes = [len(prediction.target_tokens) * len(prediction.source_tokens) * attends for prediction in predictions]
        references = [test.references[position] for position in positions]
        found.append(Decoded(quality.statistics(outputs, references), seconds, float(np.mean(sizes))))
    return found


@dataclasses.dataclass(frozen=True)
class Measured:
    """Both models on the same inputs; means over seeds."""

    n: int
    shortest: int
    longest: int
    quality: Mapping[str, Interval]
    """By model."""
    lead: Interval
    """How much more the second model has than the first, in percent of the first; not a number where that is 0."""
    seconds: Mapping[str, float]
    entries: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, rounded; null where there is none."""
        lead = {name: number if np.isfinite(number) else None for name, number in self.lead.to_json().items()}
        models = {
            kind: {
                **interval.to_json(),
                "seconds_per_input": round(self.seconds[kind], 6),
                "attention_entries": round(self.entries[kind], 1),
            }
            for kind, interval in self.quality.items()
        }
        return {"shortest": self.shortest, "longest": self.longest, "n": self.n, **models, "lead_percent": lead}


def measure(
    decoded: Mapping[str, Sequence[Decoded]], lengths: np.ndarray, quality: Quality, samples: int = 1000
) -> Measured:
    """Quality of two models with its intervals, by paired bootstrap.

    All seeds of both models are measured on the same samples of the inputs; the figure is the mean over seeds. The
    intervals say how much depends on the choice of inputs, not how much on the seeds.

    Args:
        decoded: By model, the first being what the second is compared with: one per seed, of the same inputs.
        lengths: `[n]`, of these inputs.
        quality: What to measure.
        samples: How many.
    """
    generator, n, (first, second) = np.random.default_rng(SEED), len(lengths), decoded

    def score(counts: np.ndarray) -> dict[str, float]:
        return {
            kind: float(np.mean([quality.score(counts @ run.statistics) for run in runs]))
            for kind, runs in decoded.items()
        }

    value = score(np.ones(n))
    drawn = [score(np.bincount(generator.integers(n, size=n), minlength=n)) for _ in range(samples)]
    sampled = {kind: np.array([sample[kind] for sample in drawn]) for kind in decoded}
    return Measured(
        n=n,
        shortest=int(lengths.min()),
        longest=int(lengths.max()),
        quality={kind: _interval(value[kind], sampled[kind]) for kind in decoded},
        lead=_interval(_lead(value[first], value[second]), _lead(sampled[first], sampled[second])),
        seconds={kind: float(np.mean([run.seconds for run in runs])) for kind, runs in decoded.items()},
        entries={kind: float(np.mean([run.entries for run in runs])) for kind, runs in decoded.items()},
    )


def _lead(base: Any, other: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return 100 * (np.asarray(other) / np.asarray(base) - 1)


def _interval(value: Any, sampled: np.ndarray) -> Interval:
    tail = (100 - CONFIDENCE) / 2
    with np.errstate(invalid="ignore"):  # leads over nothing are infinite
        low, high = np.percentile(sampled, [tail, 100 - tail])
    return Interval(float(value), float(low), float(high))
