"""Scores of a set of outputs: error rates of symbols, and BLEU, chrF and TER of sentences; how sure they are."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import sacrebleu

from pipeline.errors import count_of
from pipeline.evaluation.error_rates import error_counts, per_of, wer_of
from pipeline.unicode.white_space import split

# Below it, an error rate may be more than seven points off, either way.
FEW = 200


def wilson_interval(percent: float, n: int) -> tuple[float, float]:
    """Where a share that was measured on `n` items lies with 95 % confidence, in percent (Wilson 1927).

    Example:
        >>> [round(bound, 1) for bound in wilson_interval(50.0, 12)]
        [25.4, 74.6]
        >>> wilson_interval(0.0, 0)
        (0.0, 100.0)
    """
    if n == 0:
        return 0.0, 100.0
    share, square = percent / 100, 1.959964**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = math.sqrt(square * share * (1 - share) / n + (square / (2 * n)) ** 2) / (1 + square / n)
    return 100 * max(0.0, centre - half), 100 * min(1.0, centre + half)


def _caution(name: str, percent: float, n: int, items: str) -> str:
    if n >= FEW:
        return ""
    low, high = wilson_interval(percent, n)
    return (
        f"the figures rest on {count_of(n, items)}: with 95 % confidence {name} lies between {low:.1f} and {high:.1f} %"
    )


def _round_interval(percent: float, n: int) -> list[float]:
    return [round(bound, 4) for bound in wilson_interval(percent, n)]


class SymbolScores(NamedTuple):
    """Error rates over `n` distinct sources, in percent."""

    n: int
    wer: float
    per: float

    @property
    def figures(self) -> dict[str, float]:
        """The figures by name."""
        return {"wer": self.wer, "per": self.per}

    def to_json(self, split: str) -> dict[str, Any]:
        """The object that `train` and `evaluate` print."""
        figures = {"wer": round(self.wer, 4), "per": round(self.per, 4)}
        return {"split": split, "n": self.n, **figures, "wer_interval": _round_interval(self.wer, self.n)}

    @property
    def caution(self) -> str:
        """What to say of figures that rest on few sources; '' of others."""
        return _caution("WER", self.wer, self.n, "source")

    def __str__(self) -> str:
        return f"WER {self.wer:.2f} %, PER {self.per:.2f} % ({self.n:,} sources)"


class SentenceScores(NamedTuple):
    """Scores of `n` sentences as sacrebleu gives them, from 0 to 100; TER and the error rate better if lower."""

    n: int
    bleu: float
    chrf: float
    ter: float
    sequence_error_rate: float
    signature: str

    @property
    def figures(self) -> dict[str, float]:
        """The figures by name."""
        names = ("bleu", "chrf", "ter", "sequence_error_rate")
        return {name: getattr(self, name) for name in names}

    def to_json(self, split: str) -> dict[str, Any]:
        """The object that `train` and `evaluate` print."""
        figures = {name: round(value, 4) for name, value in self.figures.items()}
        interval = _round_interval(self.sequence_error_rate, self.n)
        return {
            "split": split,
            "n": self.n,
            **figures,
            "sequence_error_rate_interval": interval,
            "signature": self.signature,
        }

    @property
    def caution(self) -> str:
        """What to say of figures that rest on few sentences; '' of others."""
        return _caution("the share of sentences that are wrong", self.sequence_error_rate, self.n, "sentence")

    def __str__(self) -> str:
        return (
            f"BLEU {self.bleu:.2f}, chrF {self.chrf:.2f}, TER {self.ter:.2f} ({self.n:,} sentences; {self.signature})"
        )


def score_symbols(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> SymbolScores:
    """Error rates of symbol sequences.

    WER is the share of hypotheses that equal none of their references. PER is the sum of the edit distances
    to the nearest reference over the sum of the lengths of those references; on ties the first counts.

    Args:
        hypotheses: A symbol sequence per source.
        references: At least one symbol sequence per source.

    Example:
        >>> score_symbols([["a", "b"], ["c"]], [[["a"], ["a", "b"]], [["d"]]])
        SymbolScores(n=2, wer=50.0, per=33.333333333333336)
    """
    totals = error_counts(hypotheses, references).sum(axis=0)
    return SymbolScores(len(hypotheses), wer_of(totals), per_of(totals))


def score_sentences(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    tokens: str = "13a",
    lowercase: bool = False,
) -> SentenceScores:
    """BLEU (Papineni et al. 2002), chrF (Popović 2015) and TER (Snover et al. 2006) by sacrebleu (Post 2018).

    Args:
        hypotheses: An output per source, as text.
        references: At least one text per source.
        tokens: How BLEU cuts the text: one of sacrebleu's ways, or "given" for text that is tokenised already,
            whose tokens stand between spaces. Published figures compare only with the same tokens.
        lowercase: Whether case counts for nothing.

    Returns:
        The scores, and BLEU's signature.

    Example:
        >>> score_sentences(["the cat sat down"], [["the cat sat down"]]).bleu
        100.00000000000004
    """
    columns = reference_columns(references)
    if not hypotheses:
        return SentenceScores(0, 0.0, 0.0, 0.0, 0.0, "")
    bleu, chrf, ter = sentence_metrics(tokens, lowercase)
    scores = [metric.corpus_score(hypotheses, columns).score for metric in (bleu, chrf, ter)]
    wrong = count_wrong(hypotheses, references, lowercase)
    return SentenceScores(
        n=len(hypotheses),
        bleu=scores[0],
        chrf=scores[1],
        ter=scores[2],
        sequence_error_rate=100.0 * wrong / len(hypotheses),
        signature=str(bleu.get_signature()),
    )


def reference_columns(references: Sequence[Sequence[str]]) -> Any:
    """References as sacrebleu takes them: a first one of every source, a second one or None, …"""
    most = max((len(alternatives) for alternatives in references), default=1)
    return [[row[place] if place < len(row) else None for row in references] for place in range(most)]


def count_wrong(hypotheses: Sequence[str], references: Sequence[Sequence[str]], lowercase: bool) -> int:
    """How many equal none of their references."""
    return sum(
        _fold(hypothesis, lowercase) not in {_fold(reference, lowercase) for reference in alternatives}
        for hypothesis, alternatives in zip(hypotheses, references, strict=True)
    )


def sentence_metrics(
    tokens: str = "13a", lowercase: bool = False
) -> tuple[sacrebleu.BLEU, sacrebleu.CHRF, sacrebleu.TER]:
    """sacrebleu's BLEU, chrF and TER, set up as `score_sentences` has them."""
    # Forced: its hint at tokenised text would come after every epoch, and evaluation has one of its own.
    bleu = sacrebleu.BLEU(tokenize="none" if tokens == "given" else tokens, force=True, lowercase=lowercase)
    return bleu, sacrebleu.CHRF(lowercase=lowercase), sacrebleu.TER(case_sensitive=not lowercase)


def _fold(text: str, lowercase: bool) -> str:
    spaced = " ".join(split(text))
    return spaced.lower() if lowercase else spaced
