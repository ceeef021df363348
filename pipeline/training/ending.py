"""When a training ends, and why."""

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
    if train.patience is not None and state.epoch - state.best_epoch >= train.patience:
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
