"""The worst answers: right ones that a model held for improbable, and wrong ones of which it was sure."""

import heapq
import math
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.answering.predictions import AnswersStrings
from pipeline.evaluation.report.answers import Judged
from pipeline.text.chunks import BATCH_SIZE, in_chunks

SHOWN = 12
"""Of each kind on the page."""


class Wrong(NamedTuple):
    """A wrong answer, as the table of all of them has it."""

    line: int
    source: str
    references: list[str]
    output: str
    log_p_output: float
    log_p_reference: float
    """Of the most probable reference; minus infinity if the model can write none."""
    distance: int
    rank: int | None
    unknown: int
    """Symbols of the source that training lacks."""


class WrongAnswers:
    """Collects wrong answers, and keeps the attention of the worst.

    Args:
        predictor: Says how probable it finds the references.
    """

    def __init__(self, predictor: AnswersStrings) -> None:
        self.predictor = predictor
        self.rows: list[Wrong] = []
        self.unwritable = 0
        """How many have no reference that the model can write."""
        self._doubted: list[tuple[float, int, Judged]] = []
        self._sure: list[tuple[float, int, Judged]] = []

    def add(self, part: Sequence[Judged]) -> None:
        """Answers, right ones among them."""
        wrong = [judged for judged in part if not judged.right]
        for judged, log_p in zip(wrong, self._score(wrong), strict=True):
            self.unwritable += math.isinf(log_p)
            self.rows.append(
                Wrong(
                    *(judged.line, judged.source, judged.references, judged.output, judged.score, log_p),
                    *(judged.counts.distance, judged.rank, judged.prediction.unknown),
                )
            )
            number = len(self.rows) - 1
            if math.isfinite(log_p):
                _keep(self._doubted, (-log_p, -number, judged))
            if math.isfinite(judged.score):
                _keep(self._sure, (judged.score, -number, judged))

    def _score(self, wrong: Sequence[Judged]) -> list[float]:
        """log p of the most probable reference of each."""
        pairs = [(row, judged.source, target) for row, judged in enumerate(wrong) for target in judged.references]
        pairs.sort(key=lambda pair: len(pair[1]) + len(pair[2]))
        best = [float("-inf")] * len(wrong)
        for batch in in_chunks(pairs, BATCH_SIZE, _count_characters):
            found = self.predictor.score([source for _, source, _ in batch], [target for _, _, target in batch])
            columns = (found.score.tolist(), found.target_unknown.tolist(), found.target_cut.tolist())
            for (row, _, _), score, unknown, cut in zip(batch, *columns, strict=True):
                if not unknown and not cut and math.isfinite(score):
                    best[row] = max(best[row], score)
        return best

    def ranked(self) -> list[Wrong]:
        """All of them, those whose right answer was held for least probable first, after those that cannot be."""
        return sorted(self.rows, key=lambda row: (row.log_p_reference, row.line))

    def most_doubted(self) -> list[tuple[Judged, Wrong]]:
        """Those whose right answers the model held for least probable, but for those that it cannot write."""
        return self._take(self._doubted)

    def surest(self) -> list[tuple[Judged, Wrong]]:
        """Those that it was surest of."""
        return self._take(self._sure)

    def _take(self, heap: list[tuple[float, int, Judged]]) -> list[tuple[Judged, Wrong]]:
        return [
            (judged, self.rows[-number]) for _, number, judged in sorted(heap, key=lambda item: item[:2], reverse=True)
        ]


def _keep(heap: list[tuple[float, int, Judged]], item: tuple[float, int, Judged]) -> None:
    """No more than SHOWN; numbers differ, so that answers are never compared."""
    if len(heap) < SHOWN:
        heapq.heappush(heap, item)
    elif item[:2] > heap[0][:2]:
        heapq.heapreplace(heap, item)


def _count_characters(pair: tuple[int, str, str]) -> int:
    return len(pair[1]) + len(pair[2])
