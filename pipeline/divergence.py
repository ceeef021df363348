"""A training that diverges is noticed at the step where it does."""

import math
from collections import deque
from typing import Any

import keras
import numpy as np

from pipeline.corpus import TrainingLocation, describe_line
from pipeline.tokenized_corpus import TokenizedCorpus

WINDOW = 20
MOST_LINES = 10


class Diverged(Exception):
    """The weights are worth nothing any more.

    Args:
        epoch: Epochs completed before.
        step: Steps completed in the epoch before the one that did it.
        reason: What was seen.
    """

    def __init__(self, epoch: int, step: int, reason: str) -> None:
        super().__init__(reason)
        self.epoch, self.step = epoch, step


class WatchDivergence(keras.callbacks.Callback):
    """Looks at every batch's loss and gradient.

    A model that knows nothing and says so has a loss of ln(vocabulary) per symbol. A training has diverged when a
    loss or a gradient is no finite number, when a loss is above four times that, or when the mean of 20 batches is
    above twice that, or above it after having been below half of it.

    Args:
        vocabulary_size: Of the target.
        first_step: Steps that the first epoch has done already.
    """

    def __init__(self, vocabulary_size: int, first_step: int = 0) -> None:
        super().__init__()
        self.ignorance = math.log(vocabulary_size)
        self._first = first_step
        self._losses: deque[float] = deque(maxlen=WINDOW)
        self._has_learnt = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember which it is."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look.

        Raises:
            Diverged: See above.
        """
        logs = logs or {}
        reason = self._wrong(float(logs["batch_loss"]), float(logs.get("gradient_norm", 0.0)))
        if reason:
            raise Diverged(self._epoch, self._first + batch, reason)

    def _wrong(self, loss: float, gradient_norm: float) -> str | None:
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if not math.isfinite(gradient_norm):
            return f"the norm of the gradient is {gradient_norm}"
        if loss > 4 * self.ignorance:
            return self._grown(loss)
        self._losses.append(loss)
        if len(self._losses) < WINDOW:
            return None
        mean = sum(self._losses) / WINDOW
        self._has_learnt |= mean < self.ignorance / 2
        if mean > self.ignorance * (1 if self._has_learnt else 2):
            return self._grown(mean)
        return None

    def _grown(self, loss: float) -> str:
        return f"the loss has grown to {loss:.3g} per symbol, {self.ignorance:.3g} is that of pure guessing"

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """What follows is a whole epoch."""
        self._first = 0


def describe_pairs(corpus: TokenizedCorpus, indices: np.ndarray, location: TrainingLocation) -> str:
    """Where the pairs of a batch stand in the training files, the first few of them."""
    places = sorted((int(corpus.corpora[index]), int(corpus.lines[index])) for index in indices)
    shown = ", ".join(describe_line(line, number, location) for number, line in places[:MOST_LINES])
    return shown + (f" and {len(places) - MOST_LINES} more" if len(places) > MOST_LINES else "")
