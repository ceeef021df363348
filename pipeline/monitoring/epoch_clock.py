"""Where in an epoch a training stands, how long the epoch has taken, and how long the rest will take."""

import heapq
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


class TimeLeft:
    """How long the rest takes: so many steps as fast as those so far, but for the slowest, and what follows an epoch.

    The first step of a batch shape compiles it and takes hundreds of times as long as the next: as many of the slowest
    steps as there are shapes do not count.

    Args:
        shapes: Of batches.

    Example:
        >>> left = TimeLeft(shapes=1)
        >>> for seconds in (60.0, 0.5, 0.5, 0.5, 0.5, 0.5):
        ...     left.add_step(seconds)
        >>> left.of(steps=10, epochs=1)
        5.0
    """

    ENOUGH = 5

    def __init__(self, shapes: int) -> None:
        self._slowest = [0.0] * shapes
        self._seconds, self._steps = 0.0, 0
        self._after: float | None = None

    def add_step(self, seconds: float) -> None:
        """Another step."""
        # What leaves the slowest, or never was one of them, counts.
        self._seconds += heapq.heappushpop(self._slowest, seconds)
        self._steps += 1

    def add_epoch(self, seconds: float) -> None:
        """What took time between the last step of an epoch and the next epoch: decoding, pictures, saving.

        The first time, that compiles, too.
        """
        self._after = seconds if self._after is None else min(self._after, seconds)

    def of(self, steps: int, epochs: int) -> float | None:
        """Seconds that so many steps in so many epochs take; None as long as nothing tells.

        Args:
            steps: Those that are left.
            epochs: Those that have not ended.
        """
        counted = self._steps - len(self._slowest)
        return None if counted < self.ENOUGH else self._seconds / counted * steps + (self._after or 0.0) * epochs
