"""The figures of steps and epochs, to TensorBoard and to `metrics.jsonl`."""

from typing import Any

import keras
import numpy as np

from pipeline.monitoring.board import Board
from pipeline.monitoring.epoch_clock import EpochClock
from pipeline.monitoring.write_failures import WriteFailures
from pipeline.runs.directory import RunDirectory

LOG_EVERY_STEPS = 50
NOT_OF_THE_EPOCH = {"val_tokens", "batch_loss", "gradient_norm", "asked"}


class FigureLog(keras.callbacks.Callback):
    """Loss, learning rate, speed and error rates, to TensorBoard and to `metrics.jsonl`.

    Args:
        run: Where to.
        board: TensorBoard's files.
        clock: Has the epoch's time.
        failures: What happens when they cannot be written.
    """

    def __init__(self, run: RunDirectory, board: Board, clock: EpochClock, failures: WriteFailures) -> None:
        super().__init__()
        self.run, self.board, self.clock, self.failures = run, board, clock, failures
        self._unwritten: list[dict[str, float]] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the running loss, the gradient and the learning rate now and then."""
        step = self.clock.all_steps
        if step % LOG_EVERY_STEPS == 0 and logs:
            figures = {"loss": logs["loss"], "learning_rate": learning_rate(self.model)}
            if "gradient_norm" in logs:
                figures["gradient_norm"] = logs["gradient_norm"]
            self.board.step(figures, step)
            with self.failures.watch("TensorBoard's curves"):
                self.board.flush()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the epoch."""
        figures = {name: float(value) for name, value in (logs or {}).items() if name not in NOT_OF_THE_EPOCH}
        figures["tokens_per_second"] = figures.get("tokens", 0.0) / max(self.clock.trained, 1e-9)
        figures["learning_rate"] = learning_rate(self.model)
        self.board.epoch(figures, epoch + 1)
        self._unwritten.append({"epoch": epoch + 1, **figures, "seconds": round(self.clock.seconds, 2)})
        with self.failures.watch("the figures"):
            self.write()

    def write(self) -> None:
        """Write what could not be written before, if there is any.

        Raises:
            OSError: Nor can it be now.
        """
        while self._unwritten:
            self.run.append_metrics(self._unwritten[0])
            del self._unwritten[0]


def learning_rate(model: keras.Model) -> float:
    """The learning rate of the next step."""
    return float(np.asarray(model.optimizer.learning_rate))
