"""A training that diverges is noticed at the step where it does."""

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from pipeline.data.prepared.corpus import PreparedCorpus
from pipeline.data.prepared.orders import TrainingCorpus
from pipeline.model.weights import first_not_finite
from pipeline.monitoring.epoch_clock import EpochClock
from pipeline.pairs.locations import TrainingLocation, describe_line

WINDOW = 20
MOST_LINES = 10


class Diverged(Exception):
    """The weights are worth nothing any more.

    Args:
        epoch: Epochs completed before.
        step: Steps completed in the epoch before the one that did it.
        reason: What was seen.
        steps: Over how many steps, this one the last.
    """

    def __init__(self, epoch: int, step: int, reason: str, steps: int = 1) -> None:
        super().__init__(reason)
        self.epoch, self.step, self.steps = epoch, step, steps


class WatchDivergence(keras.callbacks.Callback):
    """Looks at every batch's loss and gradient.

    A model that knows nothing and says so has a loss of ln(vocabulary) per symbol. A training has diverged when a
    loss or a gradient is no finite number, when a loss is above four times that, or when the mean of 20 batches is
    above twice that, or above it after having been below half of it.

    Args:
        vocabulary_size: Of the target.
        clock: Has the epoch and its steps.
        losses: Those of the last batches before, 20 at most.
        has_learnt: Whether the mean was ever below half.
    """

    def __init__(
        self, vocabulary_size: int, clock: EpochClock, losses: Sequence[float] = (), has_learnt: bool = False
    ) -> None:
        super().__init__()
        self.ignorance = math.log(vocabulary_size)
        self.clock = clock
        self.losses, self.has_learnt = deque(losses, maxlen=WINDOW), has_learnt

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look.

        Raises:
            Diverged: See above.
        """
        logs = logs or {}
        loss, gradient_norm = float(logs["batch_loss"]), float(logs.get("gradient_norm", 0.0))
        epoch, step = self.clock.epoch, self.clock.step - 1
        if not math.isfinite(loss):
            raise Diverged(epoch, step, f"the loss is {loss}")
        if not math.isfinite(gradient_norm):
            raise Diverged(epoch, step, f"the norm of the gradient is {gradient_norm}")
        if loss > 4 * self.ignorance:
            raise Diverged(epoch, step, self._describe(loss))
        self.losses.append(loss)
        mean = sum(self.losses) / len(self.losses)
        if len(self.losses) == WINDOW:
            self.has_learnt |= mean < self.ignorance / 2
            if mean > self.ignorance * (1 if self.has_learnt else 2):
                raise Diverged(epoch, step, self._describe(mean), WINDOW)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at what the last step made of the weights, before anybody decodes or saves them.

        Raises:
            Diverged: They are no finite numbers.
        """
        place = first_not_finite([np.asarray(weight) for weight in self.model.weights])
        if place is not None:
            name = self.model.weights[place].path
            raise Diverged(epoch, self.clock.step - 1, f"{name} holds numbers that are not finite")

    def _describe(self, loss: float) -> str:
        return f"the loss has grown to {loss:.3g} per symbol, {self.ignorance:.3g} is that of pure guessing"


def describe_pairs(corpus: TrainingCorpus, indices: np.ndarray, location: TrainingLocation) -> str:
    """Where the pairs of a batch stand in the training files, the first few of them."""
    if isinstance(corpus, PreparedCorpus):
        shown = ", ".join(corpus.describe(indices[:MOST_LINES].tolist()))
    else:
        places = sorted((int(corpus.corpora[index]), int(corpus.lines[index])) for index in indices)
        shown = ", ".join(describe_line(line, number, location) for number, line in places[:MOST_LINES])
    return shown + (f" and {len(indices) - MOST_LINES} more" if len(indices) > MOST_LINES else "")
