"""The line that shows how far a training has come, and how long it will take."""

import time
from collections.abc import Sequence
from typing import Any

import keras
from tqdm import tqdm

from pipeline.errors import count_of
from pipeline.evaluation.metrics import BLEU, CHRF, PER, WER, Metric
from pipeline.monitoring.epoch_clock import EpochClock, TimeLeft
from pipeline.process.messages import message_stream, progress_bar


class Progress(keras.callbacks.Callback):
    """A line per epoch: steps, tokens per second, time left, then the figures.

    Args:
        epochs: Epochs of the whole training.
        clock: Has the epoch's steps and time.
        shapes: Of batches; the first step of each compiles it.
        objectives: Metrics that are shown beside those that are always.
    """

    def __init__(self, epochs: int, clock: EpochClock, shapes: int, objectives: Sequence[Metric] = ()) -> None:
        super().__init__()
        self.epochs, self.clock, self.shapes = epochs, clock, shapes
        self.metrics = dict.fromkeys((WER, PER, BLEU, CHRF, *objectives))
        self.time_left = TimeLeft(shapes)
        self._since = 0.0
        self._bar = tqdm(disable=True)

    def close(self) -> None:
        """Take the bar away, so that what is printed next has a line of its own."""
        self._bar.close()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Open the bar."""
        name, steps = f"epoch {epoch + 1}/{self.epochs}", {"total": self.clock.steps, "initial": self.clock.step}
        self._bar = progress_bar(**steps, desc=name, unit="step")
        if self._left() is None:
            self._bar.set_postfix_str(f"compiling {count_of(self.shapes, 'batch shape')}, once", refresh=True)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Time the step."""
        self._since = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        now = time.perf_counter()
        self.time_left.add_step(now - self._since)
        self._since = now
        self._bar.update()
        if logs and batch % 10 == 9:
            speed, left = float(logs["tokens"]) / self.clock.seconds, self._left()
            rest = "compiling" if left is None else f"{_clock(left)} left in all"
            self._bar.set_postfix_str(f"loss {float(logs['loss']):.3f}, {speed:,.0f} tokens/s, {rest}", refresh=False)

    def _left(self) -> float | None:
        steps = self.epochs * self.clock.steps - self.clock.all_steps
        return self.time_left.of(steps, self.epochs - self.clock.epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Close the bar, write the figures."""
        self.time_left.add_epoch(time.perf_counter() - self._since)
        self.close()
        logs = logs or {}
        names = ["loss", "val_loss", *(metric.log_name for metric in self.metrics)]
        figures = ", ".join(f"{name} {float(logs[name]):.3f}" for name in names if name in logs)
        if logs.get("val_limited"):
            figures += f", {count_of(int(logs['val_limited']), 'output')} ended by the search's limit"
        print(
            f"epoch {epoch + 1}/{self.epochs} ({self.clock.seconds:.0f} s): {figures}",
            file=message_stream(),
            flush=True,
        )


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
