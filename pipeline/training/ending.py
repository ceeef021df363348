"""When a training ends, and why; and its end when somebody asks for it."""

from typing import Any

import keras

from pipeline.cluster.cluster import Cluster
from pipeline.monitoring.epoch_clock import EpochClock
from pipeline.process.interruption import Interruption
from pipeline.runs.checkpoints import TrainingState
from pipeline.settings.train import TrainConfiguration

EPOCHS, PATIENCE, PERFECT = "epochs", "patience", "perfect"
# A metric that is right to the last output need not be exactly 100 in floating point.
_ALMOST = 1e-6


def why_ended(state: TrainingState, train: TrainConfiguration) -> str | None:
    """Why a training that stands there is over; None if it is not.

    Example:
        >>> why_ended(TrainingState(epoch=6, best_epoch=4), TrainConfiguration(epochs=9, patience=2))
        'patience'
    """
    if train.perfect_epochs is not None and state.perfect >= train.perfect_epochs:
        return PERFECT
    if state.epoch >= train.epochs:
        return EPOCHS
    # What the last epochs are for is still to come.
    since = max(state.best_epoch, train.epochs - train.risk_epochs if train.risk_epochs else 0)
    if train.patience is not None and state.epoch - since >= train.patience:
        return PATIENCE
    return None


def describe_end(state: TrainingState, train: TrainConfiguration, metric: str) -> str:
    """The same in words.

    Example:
        >>> describe_end(TrainingState(epoch=6, best_epoch=4), TrainConfiguration(epochs=9, patience=2), "WER")
        'ended after epoch 6 of 9: no better one for 2 epochs (train.patience)'
    """
    reasons: dict[str | None, str] = {
        PATIENCE: f": no better one for {train.patience} epochs (train.patience)",
        PERFECT: f": {metric} was perfect in {train.perfect_epochs} epochs running (train.perfect_epochs)",
    }
    return f"ended after epoch {state.epoch} of {train.epochs}{reasons.get(why_ended(state, train), '')}"


def is_perfect(value: float, best: float) -> bool:
    """Whether a figure, smaller where it is better, cannot get any better than it is."""
    return value <= best + _ALMOST


class AskToEnd(keras.callbacks.Callback):
    """Ends all who train together at the same step, when one of them was asked to end.

    Args:
        interruption: What remembers the signal.
        cluster: To which it is told before a step, with whose gradient it comes to the others.
    """

    def __init__(self, interruption: Interruption, cluster: Cluster) -> None:
        super().__init__()
        self.interruption, self.cluster = interruption, cluster

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Tell."""
        if self.interruption.heard is not None:
            self.cluster.ask()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Heed what all have heard now."""
        if self.cluster.size > 1 and float((logs or {}).get("asked", 0.0)):
            self.interruption.heed()


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
