"""When a training is saved: at every epoch's end, now and then within, and when it is interrupted."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from pipeline.evaluation.metrics import Metric
from pipeline.model.weights import METRICS, save_variables, training_variables
from pipeline.monitoring.epoch_clock import EpochClock
from pipeline.monitoring.write_failures import WriteFailures
from pipeline.process.interruption import Interruption
from pipeline.runs.checkpoints import Checkpoints, TrainingState
from pipeline.settings.train import TrainConfiguration
from pipeline.training.averaging import AveragedWeights
from pipeline.training.divergence import WatchDivergence
from pipeline.training.ending import is_perfect, why_ended


class SaveAndStop(keras.callbacks.Callback):
    """Saves, remembers the best epoch by the decoded dev metric, and stops when it no longer gets better, or cannot.

    Args:
        checkpoints: Where to.
        train: How often, and the patience.
        state: Where the training stands at its start.
        monitors: The metric, and what decides between equal values of it: on little or hard data the share of
            wrong outputs stays at 100 % for a while. Where both are equal the dev loss decides.
        clock: Has the epoch's steps and time.
        watch: Has the last losses.
        flush: Writes the figures and curves that lead up to a checkpoint, before it.
        interruption: Asks for a checkpoint in the middle of an epoch.
        failures: What happens when it cannot be written.
        metrics: The figures of the half epoch that the training begins with.
        averaged: What puts the average in the weights' place, if there is one.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        train: TrainConfiguration,
        state: TrainingState,
        monitors: tuple[Metric, Metric],
        clock: EpochClock,
        watch: WatchDivergence,
        flush: Callable[[], None],
        interruption: Interruption,
        failures: WriteFailures,
        metrics: Sequence[np.ndarray] = (),
        averaged: AveragedWeights | None = None,
    ) -> None:
        super().__init__()
        self.checkpoints, self.train, self.state = checkpoints, train, state
        self.monitors, self.clock, self.watch, self.flush = monitors, clock, watch, flush
        self.interruption, self.failures, self.averaged = interruption, failures, averaged
        self._metrics, self._saved_at = metrics, time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Bring back the figures of a half epoch, which Keras has just set to zero."""
        for variable, value in zip(self.model.metrics_variables, self._metrics, strict=False):
            variable.assign(value)
        self._metrics = ()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Save now and then; the last step of an epoch leaves it to the epoch's end."""
        step = self.clock.step
        if step < self.clock.steps and (self._is_time() or self.interruption.number is not None):
            self._save(dataclasses.replace(self.state, step=step, seconds=self.clock.seconds))

    def _is_time(self) -> bool:
        every, minutes = self.train.checkpoint_steps, self.train.checkpoint_minutes
        if every is not None and self.clock.all_steps % every == 0:
            return True
        return minutes is not None and time.monotonic() - self._saved_at >= 60 * minutes

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save; stop if it is time."""
        logs = logs or {}
        value, second = (metric.to_minimize(float(logs[metric.log_name])) for metric in self.monitors)
        loss = float(logs.get("val_loss", float("inf")))
        monitor = self.monitors[0]
        perfect = self.state.perfect + 1 if is_perfect(value, monitor.to_minimize(monitor.perfect)) else 0
        before = dataclasses.replace(self.state, epoch=epoch + 1, step=0, seconds=0.0, perfect=perfect)
        state = dataclasses.replace(before, averaged=self.averaged is not None and self.averaged.in_model)
        if (value, second, loss) < (self.state.best_value, self.state.best_second, self.state.best_loss):
            state = dataclasses.replace(
                state, best_epoch=epoch + 1, best_value=value, best_second=second, best_loss=loss
            )
        # An epoch that could not be saved cannot be the best one either.
        self.state = dataclasses.replace(state if self._save(state) else before, averaged=False)
        if why_ended(self.state, self.train):
            self.model.stop_training = True

    def _save(self, state: TrainingState) -> bool:
        """Whether it was saved."""
        saved = False
        with self.failures.watch("the checkpoint"):
            self.flush()
            state = dataclasses.replace(state, losses=tuple(self.watch.losses), has_learnt=self.watch.has_learnt)
            groups = training_variables(self.model)
            if not state.step:
                del groups[METRICS]
            self.checkpoints.save(state, lambda path: save_variables(groups, path))
            saved = True
        # Also after a failure: not again at every step.
        self._saved_at = time.monotonic()
        return saved
