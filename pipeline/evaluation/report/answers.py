"""Answers as they come, part by part: each judged, and its attention gone before the next part."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from pipeline.answering.predictions import AnswersStrings, Prediction
from pipeline.evaluation.error_rates import Counts, count_errors
from pipeline.evaluation.evaluate import best_texts, split_symbols
from pipeline.evaluation.test_set import ReferenceSet
from pipeline.plain_text.cutting import split_targets
from pipeline.settings.text import TextConfiguration

PART, MOST_WEIGHTS = 2048, 1 << 23
"""Sources whose answers are in memory at once, and about how many attention weights of each rank among the outputs."""


class Judged(NamedTuple):
    """An answer beside what it should be."""

    place: int
    """Of the source in what was asked."""
    line: int
    source: str
    references: list[str]
    output: str
    wanted: list[str]
    """The symbols of the nearest reference."""
    nearest: int
    """Which one that is."""
    symbols: list[str]
    """Those of the output."""
    counts: Counts
    rank: int | None
    """Which of the outputs is the first right one, from 1; None where none is."""
    prediction: Prediction

    @property
    def right(self) -> bool:
        """Whether the best output is one of the references."""
        return not self.counts.wrong

    @property
    def shown(self) -> tuple[int, str, str, str]:
        """Line, source, the nearest reference and the output."""
        return self.line, self.source, self.references[self.nearest], self.output

    @property
    def score(self) -> float:
        """log p of the output; minus infinity where there is none."""
        scores = self.prediction.scores
        return scores[0] if scores else float("-inf")


def answer_in_parts(
    predictor: AnswersStrings,
    test: ReferenceSet,
    on_progress: Callable[[int], None] | None = None,
    text: TextConfiguration | None = None,
) -> Iterator[list[Judged]]:
    """Decode a test set and judge the answers; in memory are those of a part.

    Args:
        predictor: What decodes.
        test: Sources and references.
        on_progress: Called with the number of sources done since the last call.
        text: How strings become symbols where they are compared; None: as the model has it.
    """
    for begin, end in _parts(test.sources):
        part = test.part(begin, end)
        predictions = predictor.predict(part.sources, on_progress=on_progress)
        yield judge(predictions, part, text or predictor.text, begin)


def _parts(sources: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Begin and end of each part: attention grows with the square of the length."""
    begin = weights = 0
    for place, source in enumerate(sources):
        weights += len(source) ** 2
        if place + 1 - begin == PART or weights >= MOST_WEIGHTS:
            yield begin, place + 1
            begin, weights = place + 1, 0
    if begin < len(sources):
        yield begin, len(sources)


def judge(
    predictions: Sequence[Prediction], test: ReferenceSet, text: TextConfiguration, begin: int = 0
) -> list[Judged]:
    """Lay answers beside their references, as `evaluate` compares them.

    Args:
        predictions: One for each source.
        test: Sources and references.
        text: How strings become symbols.
        begin: Which place the first has.
    """
    outputs = best_texts(predictions)
    hypotheses, references = split_symbols(outputs, test.references, text)
    found = []
    for row, (output, symbols, alternatives) in enumerate(zip(outputs, hypotheses, references, strict=True)):
        counts = count_errors(symbols, alternatives)
        nearest = 0
        if counts.wrong and len(alternatives) > 1:
            nearest = int(np.argmin([Levenshtein.distance(symbols, wanted) for wanted in alternatives]))
        elif len(alternatives) > 1:
            nearest = alternatives.index(symbols)
        found.append(
            Judged(
                place=begin + row,
                line=test.lines[row],
                source=test.sources[row],
                references=test.references[row],
                output=output,
                wanted=alternatives[nearest],
                nearest=nearest,
                symbols=symbols,
                counts=counts,
                rank=1 if not counts.wrong else _first_right(predictions[row].texts, alternatives, text),
                prediction=predictions[row],
            )
        )
    return found


def _first_right(texts: Sequence[str], references: Sequence[Sequence[str]], text: TextConfiguration) -> int | None:
    for rank, symbols in enumerate(split_targets(texts[1:], text.compared), 2):
        if symbols in references:
            return rank
    return None
