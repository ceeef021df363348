"""What is counted of a model's answers while they come."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.answering.predictions import AnswersStrings
from pipeline.answering.symbol_links import find_links
from pipeline.evaluation.bootstrap import Interval, bootstrap
from pipeline.evaluation.error_rates import Counts, per_of, wer_of
from pipeline.evaluation.evaluate import FlagCounts, Scores, as_compared
from pipeline.evaluation.report.answers import Judged
from pipeline.evaluation.report.edits import ErrorTally
from pipeline.evaluation.report.examples import WrongAnswers
from pipeline.evaluation.report.groups import Places, rarest_frequency
from pipeline.evaluation.scores import SymbolScores, score_sentences, sentence_metrics
from pipeline.evaluation.significance import compare_outputs
from pipeline.prediction.pair_check import PredictionCheck
from pipeline.unicode.visible import visible


class Findings:
    """Counts answers, part by part; of each are kept its output, its counts and a few numbers.

    Args:
        predictor: What answers.
        frequencies: How often training had each source symbol; None where that is not known.
    """

    def __init__(self, predictor: AnswersStrings, frequencies: Mapping[str, int] | None) -> None:
        self.predictor, self.frequencies = predictor, frequencies
        self.outputs: list[str] = []
        self.ranks: list[int | None] = []
        self.rarest: list[int] = []
        self.most_outputs = 1
        self.errors, self.wrong, self.flags = ErrorTally(), WrongAnswers(predictor), FlagCounts()
        self.unseen, self.features, self.bundles = Places(), Places(), Places()
        self.with_unseen: list[int] = []
        self._counts: list[Counts] = []
        self._check = PredictionCheck(predictor)

    @property
    def counts(self) -> np.ndarray:
        """`[n, 4]`, the `Counts` of every answer."""
        return np.array(self._counts, np.int64).reshape(-1, len(Counts._fields))

    def add(self, part: Sequence[Judged]) -> None:
        """Some answers, in their order."""
        predictions = [judged.prediction for judged in part]
        self._check.add(predictions)
        self.flags.add(predictions)
        self.wrong.add(part)
        for judged in part:
            self._counts.append(judged.counts)
            self.outputs.append(judged.output)
            self.ranks.append(judged.rank)
            self.most_outputs = max(self.most_outputs, len(judged.prediction.hypotheses))
            links = None if judged.right else find_links(judged.prediction, judged.symbols)
            self.errors.add(judged, links)
            self._sort_in(judged)

    def _sort_in(self, judged: Judged) -> None:
        """By what its source is like."""
        prediction = judged.prediction
        if self.frequencies is not None:
            self.rarest.append(rarest_frequency(prediction, self.frequencies))
        if prediction.unknown:
            self.with_unseen.append(judged.place)
            lacking = self.predictor.known.lacking_in_source(prediction.source_tokens[:-1])
            self.unseen.add(judged.place, map(visible, lacking))
        if self.predictor.text.feature_separator is not None:
            self.features.add(judged.place, prediction.features)
            self.bundles.add(judged.place, [self.predictor.text.feature_separator.join(prediction.features)])

    def warn(self) -> None:
        """Say what was odd about the answers."""
        self._check.warn()

    def figures(self, references: Sequence[Sequence[str]], tokens: str) -> tuple[Scores, dict[str, Interval]]:
        """The scores that `evaluate` gives, and the figures with their intervals.

        Args:
            references: Of every source.
            tokens: See `score_predictions`.
        """
        counts, text = self.counts, self.predictor.text
        accuracy = bootstrap(counts, lambda sums: 100 - wer_of(sums))
        if not tokens and not text.has_sentences:
            rates = {"wer": bootstrap(counts, wer_of), "per": bootstrap(counts, per_of)}
            found = SymbolScores(len(counts), rates["wer"].value, rates["per"].value)
            return found, {"accuracy": accuracy, **rates}
        outputs, targets = as_compared(self.outputs, text), [as_compared(one, text) for one in references]
        scores = score_sentences(outputs, targets, tokens or "13a", text.lowercase)
        metrics = dict(zip(("bleu", "chrf", "ter"), sentence_metrics(tokens or "13a", text.lowercase), strict=True))
        sampled = {one.name: one.a for one in compare_outputs(targets, outputs, outputs, metrics)}
        rates = {name: Interval(one.score, one.mean - one.ci, one.mean + one.ci) for name, one in sampled.items()}
        return scores, {"accuracy": accuracy, "sequence_error_rate": bootstrap(counts, wer_of), **rates}
