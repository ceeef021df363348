"""Which source symbol every target symbol looked at most, as other tools read it."""

from typing import TextIO

from pipeline.answering.predictions import Prediction


def align(prediction: Prediction) -> list[tuple[int, int]]:
    """Links from source to target symbols of the best output, both from 0, in the order of the target.

    Every target symbol has the link with the most attention. End symbols have none, nor has a target symbol that
    looked most at the source's end, nor any symbol of a model that looks nowhere.

    Example:
        >>> import numpy as np
        >>> from pipeline.answering.predictions import Hypothesis
        >>> weights = np.array([[0.1, 0.8, 0.1], [0.9, 0.0, 0.1], [0.0, 0.1, 0.9]])
        >>> align(Prediction([Hypothesis("b a", -1.0, ["b", "a", "</s>"], weights)], ["A", "B", "</s>"]))
        [(1, 0), (0, 1)]
    """
    attention = prediction.attention
    ends = len(prediction.source_tokens) - 1
    # A target that was cut at its limit ends like all others.
    rows = attention[: len(prediction.target_tokens) - 1]
    return [
        (source, target)
        for target, (row, source) in enumerate(zip(rows, rows.argmax(axis=1).tolist(), strict=True))
        if source != ends and row[source] > 0
    ]


class AlignmentWriter:
    """Writes links in the format of Pharaoh, "0-0 1-2": source-target, a line for every input.

    Args:
        file: Where to.
    """

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def add(self, number: int, source: str, prediction: Prediction) -> None:
        """The links of an input."""
        self.file.write(" ".join(f"{source}-{target}" for source, target in align(prediction)) + "\n")

    def add_fault(self, number: int, source: str, fault: str) -> None:
        """An empty line for an input without an answer."""
        self.file.write("\n")
