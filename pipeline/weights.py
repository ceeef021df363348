"""From checkpoints to the weights of a model: those of one, or the mean of those of several."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.errors import DataError
from pipeline.model import SequenceToSequence


def load_weights(model: SequenceToSequence, path: Path) -> None:
    """Load a checkpoint's weights, and its optimizer if the model is compiled and its optimizer built.

    Raises:
        DataError: The file is damaged or belongs to another model.
    """
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(
            f"{path}: the weights cannot be loaded ({reason}); delete that checkpoint's folder to use the one before"
        ) from error


def load_mean_weights(model: SequenceToSequence, paths: Sequence[Path]) -> None:
    """Give a model the mean of the weights of several checkpoints:

        weights = (weights of the first + … + weights of the last) / number of checkpoints

    variable by variable, summed in float64. One checkpoint at a time is in memory, besides the sums.

    Args:
        model: Not compiled; it ends up with the mean.
        paths: At least one file of weights.

    Raises:
        DataError: A file is damaged or belongs to another model.
    """
    sums = [np.zeros(variable.shape) for variable in model.weights]
    for path in paths:
        load_weights(model, path)
        for total, variable in zip(sums, model.weights, strict=True):
            total += np.asarray(variable)
    for total, variable in zip(sums, model.weights, strict=True):
        variable.assign(total / len(paths))
