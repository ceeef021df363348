"""What happens around the epochs: decoding the dev set, pictures, figures, checkpoints, progress."""

import dataclasses
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from pipeline.attention_plot import draw_attention, save_png
from pipeline.averaging import AveragedWeights
from pipeline.errors import TrainingError
from pipeline.evaluation import score_predictions
from pipeline.files import require_room
from pipeline.metrics import BLEU, CHRF, PER, WER, Metric
from pipeline.predictor import Prediction, Predictor
from pipeline.run_directory import Checkpoints, RunDirectory, TrainingState

LOG_EVERY_STEPS = 50
CHECK_EVERY_STEPS = 10
TABLE_ROWS = 20
HDF5_OVERHEAD = 4096  # bytes per variable, generously


class RequireFiniteLoss(keras.callbacks.Callback):
    """Ends a training whose loss is no number any more: no later step can mend it."""

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look now and then.

        Raises:
            TrainingError: The loss is not finite.
        """
        if batch % CHECK_EVERY_STEPS == 0 and logs and not math.isfinite(logs["loss"]):
            step = int(self.model.optimizer.iterations.numpy())
            raise TrainingError(
                f"the loss is not a number any more (step {step}); lower train.learning_rate or train.clip_norm "
                "and train anew with --overwrite"
            )


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
        if self.report:
            self.report(epoch + 1, self.references, predictions)


class DevReport:
    """Writes heat-maps and a table of predictions to TensorBoard, and the heat-maps to the run as well.

    Args:
        run: Where to.
        writer: TensorBoard's writer.
        samples: How many of the dev sources are drawn; they are the same every epoch.
        draws_attention: False for a model that looks nowhere.
    """

    def __init__(
        self, run: RunDirectory, writer: tf.summary.SummaryWriter, samples: int, draws_attention: bool
    ) -> None:
        self.run, self.writer, self.samples, self.draws_attention = run, writer, samples, draws_attention

    def __call__(self, epoch: int, references: dict[str, list[str]], predictions: list[Prediction]) -> None:
        """Report on an epoch; arguments as `DecodedDevMetrics` gives them."""
        sources = list(references)
        chosen = choose_samples(sources, max(self.samples, TABLE_ROWS))
        with self.writer.as_default():
            if self.draws_attention:
                for number, index in enumerate(chosen[: self.samples], 1):
                    self._draw(epoch, number, sources[index], predictions[index])
            rows = [(sources[i], predictions[i], references[sources[i]]) for i in chosen[:TABLE_ROWS]]
            tf.summary.text("dev/predictions", _table(rows), step=epoch)

    def _draw(self, epoch: int, number: int, source: str, prediction: Prediction) -> None:
        text = prediction.texts[0] if prediction.texts else ""
        figure = draw_attention(
            prediction.attention, prediction.source_tokens, prediction.target_tokens, f"{source} → {text}"
        )
        path = self.run.attention / f"{number:02d}.png"
        save_png(figure, path)
        image = tf.image.decode_png(path.read_bytes(), channels=3)[None]
        tf.summary.image(f"attention/{number:02d}", image, step=epoch)


def choose_samples(sources: list[str], count: int) -> list[int]:
    """Indices of `count` sources spread evenly over the list: the same every time."""
    count = min(count, len(sources))
    return [index * len(sources) // count for index in range(count)]


def _table(rows: list[tuple[str, Prediction, list[str]]]) -> str:
    def cell(text: str) -> str:
        return text.replace("|", "\\|").replace("\n", " ")

    lines = ["| source | prediction | references | |", "|---|---|---|---|"]
    for source, prediction, references in rows:
        text = prediction.texts[0] if prediction.texts else ""
        right = "✓" if text in references else "✗"
        lines.append(f"| {cell(source)} | {cell(text)} | {cell(' / '.join(references))} | {right} |")
    return "\n".join(lines)


class FigureLog(keras.callbacks.Callback):
    """Loss, learning rate, speed and error rates, to TensorBoard and to `metrics.jsonl`.

    Args:
        run: Where to.
        writer: TensorBoard's writer.
    """

    def __init__(self, run: RunDirectory, writer: tf.summary.SummaryWriter) -> None:
        super().__init__()
        self.run, self.writer = run, writer

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self._began = time.perf_counter()
        self._trained = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the running loss and the learning rate now and then."""
        self._trained = time.perf_counter() - self._began
        step = int(self.model.optimizer.iterations.numpy())
        if step % LOG_EVERY_STEPS == 0 and logs:
            with self.writer.as_default():
                tf.summary.scalar("step/loss", logs["loss"], step=step)
                tf.summary.scalar("step/learning_rate", learning_rate(self.model), step=step)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the epoch."""
        figures = {name: float(value) for name, value in (logs or {}).items() if name != "val_tokens"}
        figures["tokens_per_second"] = figures.get("tokens", 0.0) / max(self._trained, 1e-9)
        figures["learning_rate"] = learning_rate(self.model)
        with self.writer.as_default():
            for name, value in figures.items():
                tf.summary.scalar(f"epoch/{name}", value, step=epoch + 1)
        self.writer.flush()
        seconds = round(time.perf_counter() - self._began, 2)
        self.run.append_metrics({"epoch": epoch + 1, **figures, "seconds": seconds})


def learning_rate(model: keras.Model) -> float:
    """The learning rate of the next step."""
    return float(np.asarray(model.optimizer.learning_rate))


class CheckpointAndStop(keras.callbacks.Callback):
    """Saves every epoch, remembers the best by the decoded dev metric, and stops when it no longer falls.

    Args:
        checkpoints: Where to.
        patience: Epochs without a better value before stopping; None never stops.
        state: Where the training stands at its start.
        monitors: The metric, and what decides between equal values of it: on little or hard data the share of
            wrong outputs stays at 100 % for a while.
        averaged: What puts the average in the weights' place, if there is one.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        patience: int | None,
        state: TrainingState,
        monitors: tuple[Metric, Metric] = (WER, PER),
        averaged: AveragedWeights | None = None,
    ) -> None:
        super().__init__()
        self.checkpoints, self.patience, self.state, self.monitors = checkpoints, patience, state, monitors
        self.averaged = averaged
        self._base: int | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the step at which the epoch began; it may be one that was interrupted."""
        self._base = self._iterations() - self.state.step

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save; stop if it is time."""
        value, second = (metric.to_minimize(float((logs or {})[metric.log_name])) for metric in self.monitors)
        better = (value, second) < (self.state.best_value, self.state.best_second)
        state = TrainingState(
            epoch=epoch + 1,
            best_epoch=epoch + 1 if better else self.state.best_epoch,
            best_value=value if better else self.state.best_value,
            best_second=second if better else self.state.best_second,
            averaged=self._is_averaged(),
            random=random_states(self.model),
        )
        self.checkpoints.save(state, self._save_weights)
        self.state, self._base = state, None
        if self.patience is not None and self.state.epoch - self.state.best_epoch >= self.patience:
            self.model.stop_training = True

    def save_interrupted(self) -> None:
        """Save in the middle of an epoch, or after its last step, where the training was interrupted."""
        step = 0 if self._base is None else self._iterations() - self._base
        if step > self.state.step:
            state = dataclasses.replace(
                self.state, step=step, averaged=self._is_averaged(), random=random_states(self.model)
            )
            self.checkpoints.save(state, self._save_weights)

    def _is_averaged(self) -> bool:
        return self.averaged is not None and self.averaged.in_model

    def _iterations(self) -> int:
        return int(self.model.optimizer.iterations.numpy())

    def _save_weights(self, path: Path) -> None:
        # HDF5 kills the process when the disk fills up under it.
        variables = [*self.model.variables, *self.model.optimizer.variables]
        size = sum(HDF5_OVERHEAD + math.prod(variable.shape) * variable.value.dtype.size for variable in variables)
        require_room(self.checkpoints.directory, size)
        self.model.save_weights(path)


def random_states(model: keras.Model) -> list[list[int]]:
    """The states of dropout's generators, which Keras does not save with the weights."""
    return [np.asarray(generator).tolist() for generator in _generators(model)]


def restore_random_states(model: keras.Model, states: list[list[int]]) -> None:
    """Put the generators back to where `random_states` found them."""
    for generator, state in zip(_generators(model), states, strict=False):
        generator.assign(state)


def _generators(model: keras.Model) -> list[keras.Variable]:
    others = {id(variable) for variable in [*model.weights, *model.metrics_variables]}
    return [variable for variable in model.variables if id(variable) not in others]


class Progress(keras.callbacks.Callback):
    """A line per epoch on stderr: steps, tokens per second, time left, then the figures.

    Args:
        epochs: Epochs of the whole training.
        steps_per_epoch: Batches of an epoch.
    """

    def __init__(self, epochs: int, steps_per_epoch: int) -> None:
        super().__init__()
        self.epochs, self.steps_per_epoch = epochs, steps_per_epoch
        self._bar = tqdm(disable=True)

    def close(self) -> None:
        """Take the bar away, so that what is printed next has a line of its own."""
        self._bar.close()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the clock of the whole training."""
        self._began, self._first = time.perf_counter(), int(self.model.optimizer.iterations.numpy())

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Open the bar."""
        self._epoch_began = time.perf_counter()
        name = f"epoch {epoch + 1}/{self.epochs}"
        self._bar = tqdm(total=self.steps_per_epoch, desc=name, unit="step", file=sys.stderr, leave=False)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        self._bar.update()
        if logs and batch % 10 == 9:
            speed = float(logs["tokens"]) / (time.perf_counter() - self._epoch_began)
            done = int(self.model.optimizer.iterations.numpy())
            rate = (time.perf_counter() - self._began) / max(1, done - self._first)
            left = rate * (self.epochs * self.steps_per_epoch - done)
            self._bar.set_postfix_str(
                f"loss {float(logs['loss']):.3f}, {speed:,.0f} tokens/s, {_clock(left)} left in all", refresh=False
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Close the bar, write the figures."""
        self.close()
        logs = logs or {}
        names = ["loss", "val_loss", *(metric.log_name for metric in (WER, PER, BLEU, CHRF))]
        figures = ", ".join(f"{name} {float(logs[name]):.3f}" for name in names if name in logs)
        seconds = time.perf_counter() - self._epoch_began
        print(f"epoch {epoch + 1}/{self.epochs} ({seconds:.0f} s): {figures}", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
