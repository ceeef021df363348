"""When a training is saved: at every epoch's end, now and then within, and when it is interrupted."""

import dataclasses
import math
import time
from collections.abc import Sequence
from typing import Any

import keras

from pipeline.evaluation.metrics import objectives
from pipeline.model.weights import METRICS, save_variables, training_variables
from pipeline.monitoring.figures import FigureLog
from pipeline.process.xla_cache import save_cache
from pipeline.runs.checkpoints import TrainingState
from pipeline.settings.configuration import Configuration
from pipeline.training.averaging import AveragedWeights
from pipeline.training.divergence import WatchDivergence
from pipeline.training.ending import is_perfect, why_ended
from pipeline.training.surroundings import Standing, Surroundings
from pipeline.training.together.standing import share_state


class SaveAndStop(keras.callbacks.Callback):
    """Saves, remembers the best epoch by the decoded dev metric, and stops when it no longer gets better, or cannot.

    Of equal values of the metric its second figure decides: on little or hard data the share of wrong outputs stays at
    100 % for a while. Where both are equal the dev loss does. With `train.smoothing` all three are means over the last
    epochs.

    Args:
        surroundings: Where to, and when.
        configuration: How often, the patience and the metric.
        standing: Where the training stands at its start.
        watch: Has the last losses.
        figures: Are written before every checkpoint, with all that leads up to it.
        averaged: What puts the average in the weights' place, if there is one.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        configuration: Configuration,
        standing: Standing,
        watch: WatchDivergence,
        figures: FigureLog,
        averaged: AveragedWeights | None = None,
    ) -> None:
        super().__init__()
        self.surroundings, self.train, self.state = surroundings, configuration.train, standing.state
        self.monitors = objectives(configuration)
        self.watch, self.figures, self.averaged = watch, figures, averaged
        self._metrics, self._saved_at = standing.metrics, time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Bring back the figures of a half epoch, which Keras has just set to zero."""
        for variable, value in zip(self.model.metrics_variables, self._metrics, strict=False):
            variable.assign(value)
        self._metrics = ()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Save now and then; the last step of an epoch leaves it to the epoch's end."""
        clock, asked = self.surroundings.clock, self.surroundings.interruption.number is not None
        if clock.step < clock.steps and (self._is_time() or asked):
            self._save(dataclasses.replace(self.state, step=clock.step, seconds=clock.seconds))

    def _is_time(self) -> bool:
        every, minutes = self.train.checkpoint_steps, self.train.checkpoint_minutes
        if every is not None and self.surroundings.clock.all_steps % every == 0:
            return True
        return minutes is not None and time.monotonic() - self._saved_at >= 60 * minutes

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save; stop if it is time."""
        logs = logs or {}
        value, second = (metric.to_minimize(float(logs[metric.log_name])) for metric in self.monitors)
        loss = float(logs.get("val_loss", float("inf")))
        monitor = self.monitors[0]
        perfect = self.state.perfect + 1 if is_perfect(value, monitor.to_minimize(monitor.perfect)) else 0
        recent = (*self.state.recent, (value, second, loss))[-self.train.smoothing :]
        before = dataclasses.replace(self.state, epoch=epoch + 1, step=0, seconds=0.0, perfect=perfect, recent=recent)
        state = dataclasses.replace(before, averaged=self.averaged is not None and self.averaged.in_model)
        found = means(recent)
        if found < (self.state.best_value, self.state.best_second, self.state.best_loss):
            value, second, loss = found
            state = dataclasses.replace(
                state, best_epoch=epoch + 1, best_value=value, best_second=second, best_loss=loss
            )
        # An epoch that could not be saved cannot be the best one either; who leads knows.
        state = dataclasses.replace(state if self._save(state) else before, averaged=False)
        self.state = share_state(self.surroundings.cluster, state)
        if why_ended(self.state, self.train):
            self.model.stop_training = True

    def _save(self, state: TrainingState) -> bool:
        """Whether it was saved."""
        saved = False
        with self.surroundings.failures.watch("the checkpoint"):
            self.figures.write()
            self.surroundings.board.flush(durably=True)
            state = dataclasses.replace(state, losses=tuple(self.watch.losses), has_learnt=self.watch.has_learnt)
            groups = training_variables(self.model)
            if not state.step:
                del groups[METRICS]
            self.surroundings.checkpoints.save(state, lambda path: save_variables(groups, path))
            saved = True
        if saved:
            self.surroundings.directory.on_saved()
        save_cache()
        # Also after a failure: not again at every step.
        self._saved_at = time.monotonic()
        return saved


def means(rows: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """The mean of every column; of one row its very numbers.

    Example:
        >>> means([(20.0, 5.0), (22.0, 4.0)])
        (21.0, 4.5)
    """
    return tuple(math.fsum(column) / len(rows) for column in zip(*rows, strict=True))
