"""Decoding what has references, and scoring it."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.configuration import TextConfiguration
from pipeline.corpus import Pair, group_references, is_built_in, read_pairs
from pipeline.messages import progress_bar
from pipeline.metrics import SentenceScores, SymbolScores, score_sentences, score_symbols
from pipeline.predictor import Prediction, Predictor
from pipeline.text import CHUNK, in_chunks, normalize
from pipeline.tokenizers import make_tokenizer

logger = logging.getLogger(__name__)


Scores = SymbolScores | SentenceScores
TOKENIZED_SAMPLE = 1000


def split_targets(targets: Iterable[str], text: TextConfiguration) -> list[list[str]]:
    """Targets as symbol sequences, hypotheses and references through the same normalisation."""
    split = make_tokenizer(text.target_tokenizer).split
    symbols: list[list[str]] = []
    for chunk in in_chunks(targets, CHUNK, len):
        rows = split(normalize(chunk, text.normalization, text.lowercase)).to_list()
        symbols += [[symbol.decode() for symbol in row] for row in rows]
    return symbols


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
    outputs = [prediction.texts[0] if prediction.texts else "" for prediction in predictions]
    if tokens or text.has_sentences:
        return score_sentences(outputs, references, tokens or "13a", text.lowercase)
    hypotheses = split_targets(outputs, text)
    flat = split_targets((target for targets in references for target in targets), text)
    grouped, first = [], 0
    for targets in references:
        grouped.append(flat[first : first + len(targets)])
        first += len(targets)
    return score_symbols(hypotheses, grouped)


def evaluate_pairs(
    predictor: Predictor, pairs: Iterable[Pair], description: str, tokens: str = ""
) -> tuple[Scores, list[Prediction]]:
    """Decode the sources and score them against their references. Nothing is dropped.

    Symbols: every distinct source counts once, against all its references. Sentences: every line counts.

    Args:
        predictor: What decodes.
        pairs: Sources and references.
        description: What the progress bar says.
        tokens: See `score_predictions`.
    """
    if tokens or predictor.text.has_sentences:
        lines = list(pairs)
        sources, references = [pair.source for pair in lines], [[pair.target] for pair in lines]
        if not tokens and _look_tokenized(references):
            logger.warning(
                "the references look tokenised, and BLEU cuts them once more; --bleu-tokens given takes them as they "
                "are, as published figures of tokenised text do"
            )
    else:
        grouped = group_references(pairs, predictor.text)
        sources, references = list(grouped), list(grouped.values())
    with progress_bar(total=len(sources), desc=description, unit=" sources") as bar:
        predictions = predictor.predict(sources, on_progress=bar.update)
    cut = sum(prediction.cut for prediction in predictions)
    unknown = sum(prediction.unknown > 0 for prediction in predictions)
    if cut:
        logger.warning("%d sources are longer than the model reads: they were cut, decoded and counted", cut)
    if unknown:
        logger.warning("%d sources have symbols that training lacks: they were decoded and counted", unknown)
    return score_predictions(predictions, references, predictor.text, tokens), predictions


def _look_tokenized(references: Sequence[Sequence[str]]) -> bool:
    few = references[:TOKENIZED_SAMPLE]
    return sum(targets[0].endswith(" .") for targets in few) > len(few) / 2


def evaluate_file(predictor: Predictor, location: str, tokens: str = "") -> dict[str, Any]:
    """Evaluate on a TSV file, on two line-aligned files, or on the test split of a built-in corpus.

    Raises:
        DataError: The file cannot be read.
    """
    built_in = is_built_in(location)
    scores, _ = evaluate_pairs(predictor, read_pairs(location, "test"), "evaluating", tokens)
    return scores.to_json("test" if built_in else Path(location).name)
