"""Decoding what has references, and scoring it."""

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.answering.predictions import AnswersStrings, Prediction
from pipeline.errors import count_of
from pipeline.evaluation.error_rates import error_counts
from pipeline.evaluation.metrics import MeasuredOutputs, Metric
from pipeline.evaluation.round_trips import return_figures
from pipeline.evaluation.scores import SentenceScores, SymbolScores, count_wrong, score_sentences, score_symbols
from pipeline.evaluation.test_set import ReferenceSet
from pipeline.pairs.columns import Columns
from pipeline.pairs.locations import is_built_in
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import read_pairs
from pipeline.pairs.splits import Split
from pipeline.plain_text.cutting import split_targets
from pipeline.prediction.pair_check import (
    look_first,
    require_features,
    warn_of_predictions,
    warn_of_references,
    warn_of_swapped,
)
from pipeline.process.messages import progress_bar
from pipeline.settings.text import TextConfiguration
from pipeline.unicode.normal_forms import normalize_string

logger = logging.getLogger(__name__)


Scores = SymbolScores | SentenceScores
TOKENIZED_SAMPLE = 1000


def as_compared(texts: Iterable[str], text: TextConfiguration) -> list[str]:
    """Sentences in the form in which they are compared; case is the metrics' matter."""
    return [normalize_string(one, text.compared.target_form, lowercase=False) for one in texts]


def score_predictions(
    predictions: Sequence[Prediction], references: Sequence[Sequence[str]], text: TextConfiguration, tokens: str = ""
) -> Scores:
    """Scores of the best outputs.

    Args:
        predictions: One per source.
        references: At least one per source, in the same order.
        text: How strings become symbols; it decides whether the outputs are sentences.
        tokens: How BLEU cuts the text, see `score_sentences`; then the outputs are sentences in any case.
    """
    outputs = best_texts(predictions)
    if tokens or text.has_sentences:
        references = [as_compared(targets, text) for targets in references]
        return score_sentences(as_compared(outputs, text), references, tokens or "13a", text.lowercase)
    return score_symbols(*split_symbols(outputs, references, text))


def are_right(
    predictions: Sequence[Prediction], references: Sequence[Sequence[str]], text: TextConfiguration
) -> np.ndarray:
    """`[n]` bool: whether each best output is one of its references, as `evaluate` compares them."""
    outputs = best_texts(predictions)
    if not text.has_sentences:
        return error_counts(*split_symbols(outputs, references, text))[:, 0] == 0
    compared = zip(as_compared(outputs, text), references, strict=True)
    return np.array([not count_wrong([one], [as_compared(own, text)], text.lowercase) for one, own in compared], bool)


def best_texts(predictions: Iterable[Prediction]) -> list[str]:
    """The best output of each; '' where there is none."""
    return [prediction.texts[0] if prediction.texts else "" for prediction in predictions]


def split_symbols(
    outputs: Sequence[str], references: Sequence[Sequence[str]], text: TextConfiguration
) -> tuple[list[list[str]], list[list[list[str]]]]:
    """Outputs and references as symbols, in the form in which they are compared."""
    hypotheses = split_targets(outputs, text.compared)
    flat = iter(split_targets((target for targets in references for target in targets), text.compared))
    return hypotheses, [list(itertools.islice(flat, len(targets))) for targets in references]


def add_objectives(
    figures: dict[str, float],
    metrics: Iterable[Metric],
    predictions: Sequence[Prediction],
    references: Sequence[Sequence[str]],
    text: TextConfiguration,
) -> dict[str, float]:
    """Figures by name, with those metrics that they lack.

    Args:
        figures: Of `score_predictions`.
        metrics: Those that decide, see `objectives`.
        predictions: One per source.
        references: See `score_predictions`.
        text: See `score_predictions`.
    """
    missing = [metric for metric in metrics if metric.name not in figures]
    if not missing:
        return figures
    texts = best_texts(predictions)
    outputs = MeasuredOutputs(
        as_compared(texts, text),
        [as_compared(targets, text) for targets in references],
        text.lowercase,
        lambda: split_symbols(texts, references, text),
    )
    return {**figures, **{metric.name: metric.measure(outputs) for metric in missing}}


def evaluate_pairs(
    predictor: AnswersStrings, pairs: Iterable[Pair], description: str, tokens: str = ""
) -> tuple[Scores, list[Prediction]]:
    """Decode the sources and score them against their references. Nothing is dropped.

    Symbols: every distinct source counts once, against all its references. Sentences: every line counts.

    Args:
        predictor: What decodes.
        pairs: Sources and references.
        description: What the progress bar says.
        tokens: See `score_predictions`.
    """
    test = gather_references(predictor, pairs, tokens)
    predictions = _decode(predictor, test.sources, description)
    return score_predictions(predictions, test.references, predictor.text, tokens), predictions


def _decode(predictor: AnswersStrings, sources: Sequence[str], description: str) -> list[Prediction]:
    with progress_bar(total=len(sources), desc=description, unit=" sources") as bar:
        predictions = predictor.predict(sources, on_progress=bar.update)
    warn_of_predictions(predictor, predictions)
    return predictions


def gather_references(predictor: AnswersStrings, pairs: Iterable[Pair], tokens: str = "") -> ReferenceSet:
    """What a model is to decode, and what it is measured by; what is odd about it is said.

    Args:
        predictor: What decodes.
        pairs: Sources and references.
        tokens: See `score_predictions`.
    """
    lines = list(pairs)
    warn_of_swapped(predictor, lines)
    test = ReferenceSet.from_pairs(lines, predictor.text, by_line=bool(tokens))
    if not tokens and predictor.text.has_sentences and _look_tokenized(test.references):
        logger.warning(
            "the references look tokenised, and BLEU cuts them once more; --bleu-tokens given takes them as they "
            "are, as published figures of tokenised text do"
        )
    warn_of_references(predictor, test.references)
    return test


def _look_tokenized(references: Sequence[Sequence[str]]) -> bool:
    few = references[:TOKENIZED_SAMPLE]
    return sum(targets[0].endswith(" .") for targets in few) > len(few) / 2


def evaluate_file(
    predictor: AnswersStrings,
    location: str,
    tokens: str = "",
    split: Split | None = None,
    columns: Columns | None = None,
) -> dict[str, Any]:
    """Evaluate on a TSV file, on two line-aligned files, on the test split of a built-in corpus, or on a run's own.

    Args:
        predictor: What decodes.
        location: Where the pairs are, or the split's name.
        tokens: See `score_predictions`.
        split: The run's own, see `find_own_split`.
        columns: Which columns of a table are taken, see `data.columns`.

    Returns:
        What the scores' `to_json` gives; of a model that looks at its sources also skipped_source and
        repeated_source, the numbers of outputs that have such flags (`pipeline.answering.source_flags`); of one whose
        answers are sent back what `return_figures` gives.

    Raises:
        DataError: The file cannot be read.
    """
    pairs = open_pairs(predictor, location, split, columns)
    test = gather_references(predictor, pairs, tokens)
    predictions = _decode(predictor, test.sources, "evaluating")
    scores = score_predictions(predictions, test.references, predictor.text, tokens)
    if scores.caution:
        logger.info("%s", scores.caution)
    flags = FlagCounts()
    flags.add(predictions)
    came = return_figures(predictions, are_right(predictions, test.references, predictor.text))
    return scores.to_json(name_of(location, split)) | flags.to_json() | came


def open_pairs(
    predictor: AnswersStrings, location: str, split: Split | None, columns: Columns | None
) -> Iterator[Pair]:
    """The pairs of a place, which is looked at first; see `evaluate_file`."""
    if split:
        return split()
    require_features(predictor, location, columns)
    look_first(location, columns)
    return read_pairs(location, "test", columns=columns)


def name_of(location: str, split: Split | None) -> str:
    """What the figures call their pairs."""
    if split:
        return location
    return "test" if is_built_in(location) else Path(location).name


class FlagCounts:
    """How many of the best outputs skip or repeat parts of their sources, as their attention tells."""

    def __init__(self) -> None:
        self.looks, self.skipped, self.repeated = False, 0, 0

    def add(self, predictions: Iterable[Prediction]) -> None:
        """Some of them."""
        for prediction in predictions:
            if prediction.attention.any():
                flags = prediction.hypotheses[0].source_flags
                self.looks = True
                self.skipped += bool(flags.skipped)
                self.repeated += bool(flags.repeated)

    def to_json(self) -> dict[str, int]:
        """The numbers, which are said, too; nothing of a model that looks nowhere."""
        if not self.looks:
            return {}
        if self.skipped or self.repeated:
            logger.info(
                "by its attention, %s part of the source, %s again at a part (predict --json and --attention show "
                "which)",
                count_of(self.skipped, "output skips", "outputs skip"),
                count_of(self.repeated, "output looks", "outputs look"),
            )
        return {"skipped_source": self.skipped, "repeated_source": self.repeated}
