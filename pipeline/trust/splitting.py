"""A list of answers split in two: those that together are right often enough, and a queue of the others."""

from typing import NamedTuple

import numpy as np

from pipeline.answering.answer_lines import describe
from pipeline.answering.predictions import Prediction
from pipeline.evaluation.scores import wilson_interval
from pipeline.trust.confidence import Calibration
from pipeline.trust.reliability import clear
from pipeline.unicode.white_space import strip

HEAD = "source\tanswer\tconfidence\tothers"
_BETWEEN_FIELDS = str.maketrans("\t\n\r", "   ")


class Answered(NamedTuple):
    """A line of the list and its answer."""

    number: int
    """From 1."""
    source: str
    outputs: list[str]
    """The best first; none where there is no answer."""
    confidence: float
    """How probable it is that the first is right; 0 where there is none."""
    fault: str = ""
    """Why there is no answer."""
    json: str = ""

    def pair(self) -> str:
        """Source and answer, with a TAB between."""
        return "\t".join(field.translate(_BETWEEN_FIELDS) for field in (self.source, *self.outputs[:1]))

    def row(self) -> str:
        """Source, answer, confidence and the other outputs, with TABs between."""
        answer, *others = self.outputs or [""]
        fields = [self.source, answer, f"{self.confidence:.4f}", *others]
        return "\t".join(field.translate(_BETWEEN_FIELDS) for field in fields)


class Split(NamedTuple):
    """What comes of a list."""

    cleared: list[Answered]
    """In their order."""
    queue: list[Answered]
    """The least sure first."""
    expected: float
    """The share of right answers among the cleared ones that the probabilities promise, in percent."""
    interval: tuple[float, float]
    """Where it lies with 95 % confidence: chance in this list, and in the answers that the probabilities come of."""
    known_right: int
    """Of the answers to the calibration's pairs that were as sure as these, how many were right …"""
    known: int
    """… of so many."""

    def describe(self, accuracy: float) -> str:
        """What to say of it.

        Args:
            accuracy: What was asked for, 0 to 1.
        """
        total = len(self.cleared) + len(self.queue)
        if not self.cleared:
            return f"none of {total:,} lines can be cleared: no answer is so sure that {100 * accuracy:g} % would hold"
        low, high = self.interval
        return (
            f"{len(self.cleared):,} of {total:,} lines are cleared, {len(self.queue):,} are left to look at; of the "
            f"cleared ones {self.expected:.2f} % are expected to be right, with 95 % confidence {low:.2f} to "
            f"{high:.2f} % (of {self.known:,} as sure answers to the calibration's pairs, {self.known_right:,} were)"
        )


class AnswerSplitter:
    """Collects answers, as a listener of `predict_lines`, and splits them.

    Args:
        calibration: By which their confidence was found.
        as_json: Whether JSON objects are wanted.
        n_best: How many outputs in them.
    """

    def __init__(self, calibration: Calibration, as_json: bool = False, n_best: int = 1) -> None:
        self.calibration, self.as_json, self.n_best = calibration, as_json, n_best
        self.answered: list[Answered] = []

    def add(self, number: int, source: str, prediction: Prediction) -> None:
        """An input and its answer."""
        told = describe(source, prediction, self.n_best, attention=False) if self.as_json else ""
        # Without its attention: the list may be long.
        self.answered.append(
            Answered(number, source, prediction.texts, prediction.confidence or 0.0, "", told)
            if prediction.hypotheses
            else Answered(number, source, [], 0.0, "no output")
        )

    def add_fault(self, number: int, source: str, fault: str) -> None:
        """An input that got no answer; an empty line asks for none."""
        if strip(source):
            self.answered.append(Answered(number, source, [], 0.0, fault))

    def split(self, accuracy: float) -> Split:
        """Clear as many as together are right so often.

        Args:
            accuracy: 0 to 1.
        """
        sure = np.array([one.confidence for one in self.answered])
        places = [place for place in clear(sure, accuracy).tolist() if self.answered[place].outputs]
        chosen = set(places)
        cleared = [one for place, one in enumerate(self.answered) if place in chosen]
        rest = [one for place, one in enumerate(self.answered) if place not in chosen]
        queue = sorted(rest, key=lambda one: (one.confidence, one.number))
        expected = 100 * float(sure[places].mean()) if places else 0.0
        threshold = min((one.confidence for one in cleared), default=1.0)
        known, known_right = self._known(threshold)
        # Both are chance: that of the list, and that of the pairs by which its probabilities were found.
        size = round(1 / (1 / len(places) + 1 / max(1, known))) if places else 0
        return Split(cleared, queue, expected, wilson_interval(expected, size), known_right, known)

    def _known(self, threshold: float) -> tuple[int, int]:
        """How many answers of the calibration's pairs were held as sure, and how many of them were right."""
        rows = [row for row in self.calibration.table if row[0] >= threshold] or self.calibration.table[:1]
        return (int(rows[-1][1]), int(rows[-1][2])) if rows else (0, 0)
