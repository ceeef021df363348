"""What happens around the epochs: decoding the dev set, figures, progress, the end when asked to."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from pipeline.errors import count_of
from pipeline.evaluation.evaluate import score_predictions
from pipeline.evaluation.metrics import BLEU, CHRF, PER, WER
from pipeline.monitoring.board import Board
from pipeline.monitoring.epoch_clock import EpochClock, TimeLeft
from pipeline.monitoring.write_failures import WriteFailures
from pipeline.prediction.predictor import Prediction, Predictor
from pipeline.process.interruption import Interruption
from pipeline.process.messages import message_stream, progress_bar
from pipeline.runs.directory import RunDirectory

LOG_EVERY_STEPS = 50
NOT_OF_THE_EPOCH = {"val_tokens", "batch_loss", "gradient_norm"}


class DecodedDevMetrics(keras.callbacks.Callback):
    """Decodes the dev set after every epoch: sets its figures (`val_wer`, `val_bleu`) for the callbacks that follow.

    Args:
        predictor: Runs the model that is being trained.
        references: Dev sources with their references.
        report: Called with the epoch (from 1), the sources, their references and the predictions.
    """

    def __init__(
        self,
        predictor: Predictor,
        references: dict[str, list[str]],
        report: Callable[[int, dict[str, list[str]], list[Prediction]], None] | None = None,
    ) -> None:
        super().__init__()
        self.predictor, self.references, self.report = predictor, references, report

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Decode, score, report."""
        predictions = self.predictor.predict(list(self.references))
        scores = score_predictions(predictions, list(self.references.values()), self.predictor.text)
        if logs is not None:
            logs.update({f"val_{name}": value for name, value in scores.figures.items()})
            logs["val_limited"] = sum(prediction.limited for prediction in predictions)
        if self.report:
            self.report(epoch + 1, self.references, predictions)


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


class Progress(keras.callbacks.Callback):
    """A line per epoch: steps, tokens per second, time left, then the figures.

    Args:
        epochs: Epochs of the whole training.
        clock: Has the epoch's steps and time.
        shapes: Of batches; the first step of each compiles it.
    """

    def __init__(self, epochs: int, clock: EpochClock, shapes: int) -> None:
        super().__init__()
        self.epochs, self.clock, self.shapes = epochs, clock, shapes
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
            said = "compiling" if left is None else f"{_clock(left)} left in all"
            self._bar.set_postfix_str(f"loss {float(logs['loss']):.3f}, {speed:,.0f} tokens/s, {said}", refresh=False)

    def _left(self) -> float | None:
        steps = self.epochs * self.clock.steps - self.clock.all_steps
        return self.time_left.of(steps, self.epochs - self.clock.epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Close the bar, write the figures."""
        self.time_left.add_epoch(time.perf_counter() - self._since)
        self.close()
        logs = logs or {}
        names = ["loss", "val_loss", *(metric.log_name for metric in (WER, PER, BLEU, CHRF))]
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


class EndWhenAsked(keras.callbacks.Callback):
    """Ends a training at the end of a step or of an epoch; the callbacks before it have saved.

    Args:
        interruption: What remembers the signal.
        clock: Has the epoch's steps.
    """

    def __init__(self, interruption: Interruption, clock: EpochClock) -> None:
        super().__init__()
        self.interruption, self.clock = interruption, clock

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """End, unless the epoch is about to: its figures are still to come.

        Raises:
            Interrupted: It was asked to.
        """
        if self.clock.step < self.clock.steps:
            self.interruption.end_if_asked()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """End.

        Raises:
            Interrupted: It was asked to.
        """
        self.interruption.end_if_asked()
