"""Where in an epoch a training stands, and how long the epoch has taken."""

import time
from typing import Any

import keras


class EpochClock(keras.callbacks.Callback):
    """The steps and the time that an epoch has taken so far, those before an interruption included.

    Args:
        steps: Batches of an epoch.
        first_step: How many of them the first epoch has done before.
        seconds: What these took.
    """

    def __init__(self, steps: int, first_step: int = 0, seconds: float = 0.0) -> None:
        super().__init__()
        self.steps, self._first = steps, (first_step, seconds)
        self._before, self._began = 0.0, time.perf_counter()
        self.epoch = 0
        """The one that runs, from 0."""
        self.step = 0
        """Batches of it that are done."""
        self.trained = 0.0
        """Seconds up to the last of them."""

    @property
    def all_steps(self) -> int:
        """Batches of the whole training that are done. The optimizer's own count leaves out those it skips."""
        return self.epoch * self.steps + self.step

    @property
    def seconds(self) -> float:
        """Seconds up to now."""
        return self._before + time.perf_counter() - self._began

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start."""
        (self.step, self._before), self._first = self._first, (0, 0.0)
        self.epoch, self._began = epoch, time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count, and remember when the steps ended."""
        self.step += 1
        self.trained = self.seconds
