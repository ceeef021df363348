"""How good the outputs are: word and symbol error rates against one or more references."""

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rapidfuzz.distance import Levenshtein
from tqdm import tqdm

from pipeline.configuration import TextConfiguration
from pipeline.corpus import Pair, group_references, is_built_in, read_pairs
from pipeline.predictor import Prediction, Predictor
from pipeline.text import CHUNK, TOKENIZERS, in_chunks, normalize

logger = logging.getLogger(__name__)


class Scores(NamedTuple):
    """Error rates over `n` distinct sources, in percent."""

    n: int
    wer: float
    per: float

    def to_json(self, split: str) -> dict[str, Any]:
        """The object that `train` and `evaluate` print."""
        return {"split": split, "n": self.n, "wer": round(self.wer, 4), "per": round(self.per, 4)}


def score_symbols(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> Scores:
    """Error rates of symbol sequences.

    WER is the share of hypotheses that equal none of their references. PER is the sum of the edit distances
    to the nearest reference over the sum of the lengths of those references; on ties the first counts.

    Args:
        hypotheses: A symbol sequence per source.
        references: At least one symbol sequence per source.

    Example:
        >>> score_symbols([["a", "b"], ["c"]], [[["a"], ["a", "b"]], [["d"]]])
        Scores(n=2, wer=50.0, per=33.333333333333336)
    """
    wrong = distances = symbols = 0
    for hypothesis, alternatives in zip(hypotheses, references, strict=True):
        distance, length = min(
            ((Levenshtein.distance(hypothesis, reference), len(reference)) for reference in alternatives),
            key=lambda pair: pair[0],
        )
        wrong += distance > 0
        distances += distance
        symbols += length
    count = len(hypotheses)
    return Scores(count, 100.0 * wrong / max(count, 1), 100.0 * distances / max(symbols, 1))


def split_targets(targets: Iterable[str], text: TextConfiguration) -> list[list[str]]:
    """Targets as symbol sequences, hypotheses and references through the same normalisation."""
    split = TOKENIZERS[text.target_tokenizer].split
    symbols: list[list[str]] = []
    for chunk in in_chunks(targets, CHUNK):
        rows = split(normalize(chunk, text.normalization, text.lowercase)).to_list()
        symbols += [[symbol.decode() for symbol in row] for row in rows]
    return symbols


def score_predictions(
    predictions: Sequence[Prediction], references: Mapping[str, Sequence[str]], text: TextConfiguration
) -> Scores:
    """Error rates of the best outputs; references by source, in the order of the predictions."""
    hypotheses = split_targets((prediction.texts[0] if prediction.texts else "" for prediction in predictions), text)
    flat = split_targets((target for targets in references.values() for target in targets), text)
    grouped, first = [], 0
    for targets in references.values():
        grouped.append(flat[first : first + len(targets)])
        first += len(targets)
    return score_symbols(hypotheses, grouped)


def evaluate_pairs(predictor: Predictor, pairs: Iterable[Pair], description: str) -> tuple[Scores, list[Prediction]]:
    """Decode every distinct source and score it against all its references. Nothing is dropped."""
    references = group_references(pairs, predictor.text)
    with tqdm(total=len(references), desc=description, unit=" sources", file=sys.stderr, leave=False) as bar:
        predictions = predictor.predict(list(references), on_progress=bar.update)
    cut = sum(prediction.cut for prediction in predictions)
    unknown = sum(prediction.unknown > 0 for prediction in predictions)
    if cut:
        logger.warning("%d sources are longer than the model reads: they were cut, decoded and counted", cut)
    if unknown:
        logger.warning("%d sources have symbols that training lacks: they were decoded and counted", unknown)
    return score_predictions(predictions, references, predictor.text), predictions


def evaluate_file(predictor: Predictor, location: str) -> dict[str, Any]:
    """Evaluate on a TSV file, or on the test split of a built-in corpus.

    Raises:
        DataError: The file cannot be read.
    """
    built_in = is_built_in(location)
    scores, _ = evaluate_pairs(predictor, read_pairs(location, "test"), "evaluating")
    return scores.to_json("test" if built_in else Path(location).name)
