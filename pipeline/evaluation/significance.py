"""Whether the difference between two outputs is more than chance: paired bootstrap resampling by sacrebleu.

Koehn (2004), "Statistical significance tests for machine translation evaluation", https://aclanthology.org/W04-3250.
"""

import contextlib
import dataclasses
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from sacrebleu.metrics.base import Metric, Score, Signature
from sacrebleu.significance import PairedTest, Result

from pipeline.errors import count_of
from pipeline.evaluation.differences import Differences
from pipeline.evaluation.error_rates import count_errors, per_of, wer_of
from pipeline.evaluation.scores import FEW, sentence_metrics
from pipeline.unicode.white_space import split, strip

logger = logging.getLogger(__name__)

SEED = "SACREBLEU_SEED"
MUCH_MEMORY = 2 << 30


@dataclasses.dataclass(frozen=True)
class Figure:
    """A metric of one output."""

    score: float
    mean: float
    """Mean over the samples."""
    ci: float
    """Half of the samples' 95 % interval: it is mean ± ci."""


@dataclasses.dataclass(frozen=True)
class ComparedMetric:
    """A metric of both outputs."""

    name: str
    a: Figure
    b: Figure
    p: float
    """How often chance alone gives a difference, in either direction, above the one measured; 1 where there is none."""
    signature: str

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, rounded."""
        sides = {
            side: {name: round(float(value), 4) for name, value in dataclasses.asdict(figure).items()}
            for side, figure in (("a", self.a), ("b", self.b))
        }
        difference = round(float(self.b.score - self.a.score), 4)
        return {**sides, "difference": difference, "p": round(self.p, 6), "signature": self.signature}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two outputs for the same `n` inputs."""

    names: tuple[str, str]
    n: int
    samples: int
    seed: int
    metrics: list[ComparedMetric]
    differences: Differences

    def table(self, show: int = 0) -> str:
        """The figures for a terminal, and so many of the items that differ."""
        rows = [["", *(f"{side}: {name}" for side, name in zip("AB", self.names, strict=True)), "B − A", "p"]]
        for metric in self.metrics:
            shown = [f"{figure.score:.2f} ({figure.mean:.2f} ± {figure.ci:.2f})" for figure in (metric.a, metric.b)]
            rows.append([metric.name, *shown, f"{metric.b.score - metric.a.score:+.2f}", f"{metric.p:.4f}"])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        items = count_of(self.n, "item")
        lines.append(f"{items}; in brackets the mean and 95 % of {self.samples:,} bootstrap samples")
        if self.n < FEW:
            lines.append(f"few items: each is {100 / self.n:.1f} points of an error rate, and intervals are too narrow")
        return "\n".join(line.rstrip() for line in lines) + "\n" + self.differences.table(show)

    def to_json(self) -> dict[str, Any]:
        """The object that `compare` prints last."""
        how = {"n": self.n, "a": self.names[0], "b": self.names[1], "samples": self.samples, "seed": self.seed}
        figures = {metric.name.lower(): metric.to_json() for metric in self.metrics}
        return {**how, "differences": self.differences.to_json(), **figures}


def compare_outputs(
    references: Sequence[Sequence[str]],
    outputs_a: Sequence[str],
    outputs_b: Sequence[str],
    metrics: Mapping[str, Metric],
    samples: int = 1000,
    seed: int = 12345,
) -> list[ComparedMetric]:
    """Compare two outputs for the same inputs.

    Args:
        references: Of every input at least one.
        outputs_a: What came out of one system.
        outputs_b: What came out of the other.
        metrics: By the name that they are shown under: `sentence_figures` or `symbol_figures`.
        samples: How many bootstrap samples.
        seed: Of the samples, from 1; sacrebleu takes 0 for none.

    Example:
        >>> right, wrong = ["a b c"] * 9, ["a b x"] * 9
        >>> [wer, per] = compare_outputs([[text] for text in right], right, wrong, symbol_figures("space"), samples=10)
        >>> wer.name, wer.a.score, wer.b.score, round(per.b.score, 2)
        ('WER', 0.0, 100.0, 33.33)
    """
    memory = samples * len(references) * 4 * 18  # chrF has 18 numbers of 4 bytes for a sentence
    if memory > MUCH_MEMORY:
        logger.warning("the samples may take %.0f GB of memory; fewer --samples take less", memory / 2**30)
    most = max(map(len, references))
    columns = [[row[place] if place < len(row) else None for row in references] for place in range(most)]
    with _seeded(seed):
        test = PairedTest([("a", outputs_a), ("b", outputs_b)], metrics, columns, "bs", samples)  # type: ignore[arg-type]
        signatures, scores = test()
    # sacrebleu calls them as it likes (chrF2), and keeps their order.
    return [
        _compare(name, *scores[key], str(signature))  # type: ignore
        for name, (key, signature) in zip(metrics, signatures.items(), strict=True)
    ]


def _compare(name: str, a: Result, b: Result, signature: str) -> ComparedMetric:
    one, other = (Figure(float(side.score), float(side.mean or 0), float(side.ci or 0)) for side in (a, b))
    # sacrebleu finds the difference between an output and itself as significant as can be.
    p = 1.0 if a.score == b.score else float(b.p_value or 0)
    return ComparedMetric(name, one, other, p, signature)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """sacrebleu takes its seed from the environment alone."""
    before = os.environ.get(SEED)
    os.environ[SEED] = str(seed)
    try:
        yield
    finally:
        if before is None:
            del os.environ[SEED]
        else:
            os.environ[SEED] = before


def sentence_figures(tokens: str = "13a", lowercase: bool = False) -> dict[str, Metric]:
    """BLEU, chrF and TER, see `score_sentences`."""
    return dict(zip(("BLEU", "chrF", "TER"), sentence_metrics(tokens, lowercase), strict=True))


def symbol_figures(
    how: Literal["space", "char"], lowercase: bool = False, separator: str | None = None
) -> dict[str, Metric]:
    """Error rates of symbol sequences in percent, see `score_symbols`: WER and PER.

    Args:
        how: Whether symbols stand between white space, or are single characters.
        lowercase: Whether case counts for nothing.
        separator: What stands between symbols in the place of white space.
    """
    return {name: SymbolErrors(name, how, lowercase, separator) for name in ("WER", "PER")}


class SymbolSignature(Signature):
    """What error rates depend on."""

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self.info |= {
            "case": "lc" if args["lowercase"] else "mixed",
            "symbols": args["how"] if args["separator"] is None else f"between {args['separator']!r}",
        }
        self._abbr |= {"case": "c", "symbols": "sym"}


class SymbolErrors(Metric):
    """WER or PER as a metric of sacrebleu: a sum over lines, divided by another.

    Args:
        name: "WER" (the wrong lines of all) or "PER" (edit distance over the symbols of the references).
        how: See `symbol_figures`.
        lowercase: See `symbol_figures`.
        separator: See `symbol_figures`.
    """

    _SIGNATURE_TYPE = SymbolSignature

    def __init__(
        self, name: Literal["WER", "PER"] | str, how: str, lowercase: bool = False, separator: str | None = None
    ) -> None:
        super().__init__()
        self.name, self.how, self.lowercase, self.separator = name, how, lowercase, separator

    def _preprocess_segment(self, sent: str) -> str:
        return strip(sent.lower() if self.lowercase else sent)

    def _split(self, text: str) -> list[str]:
        return split(text, self.separator) if self.how == "space" else list(text)

    def _extract_reference_info(self, refs: Sequence[str]) -> dict[str, Any]:
        return {"references": [self._split(reference) for reference in refs]}

    def _compute_segment_statistics(self, hypothesis: str, ref_kwargs: dict[str, Any]) -> list[int]:
        return list(count_errors(self._split(hypothesis), ref_kwargs["references"]))

    def _compute_score_from_stats(self, stats: Any) -> Score:
        return Score(self.name, wer_of(stats) if self.name == "WER" else per_of(stats))

    def _aggregate_and_compute(self, stats: list[list[int]]) -> Score:
        return self._compute_score_from_stats([sum(column) for column in zip(*stats, strict=True)])
