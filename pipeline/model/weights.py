"""Variables to files and back: the weights of a model, their mean over checkpoints, and all that a training holds.

Files are safetensors: names, shapes and numbers, nothing that could be executed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from pipeline.errors import DataError
from pipeline.files.durable import write_durably
from pipeline.model.sequence_to_sequence import SequenceToSequence

WEIGHTS, OPTIMIZER, GENERATORS, METRICS = "weights", "optimizer", "generators", "metrics"

Groups = dict[str, Sequence[keras.Variable]]


def training_variables(model: SequenceToSequence) -> Groups:
    """Every variable that the next step of a training depends on, or its figures do.

    Args:
        model: Compiled, and its optimizer built.

    Returns:
        By group, in the order in which they are stored.
    """
    metrics = model.metrics_variables
    known = {id(variable) for variable in [*model.weights, *metrics]}
    return {
        WEIGHTS: model.weights,
        OPTIMIZER: model.optimizer.variables,
        # Keras does not count the generators of dropout among the weights.
        GENERATORS: [variable for variable in model.variables if id(variable) not in known],
        METRICS: metrics,
    }


def save_variables(groups: Mapping[str, Sequence[keras.Variable]], path: Path) -> None:
    """Write variables to a file, durably.

    Raises:
        OSError: It cannot be written.
    """
    # Keras numbers some of the names by what was built before in the process: the order is what counts.
    arrays = {
        f"{group}/{number:04d}/{variable.path}": np.asarray(variable)
        for group, variables in groups.items()
        for number, variable in enumerate(variables)
    }
    write_durably(path, save(arrays))


def read_variables(groups: Mapping[str, Sequence[keras.Variable]], path: Path) -> dict[str, list[np.ndarray]]:
    """The values that a file has for the variables, of these groups only.

    Raises:
        DataError: The file is damaged, belongs to another model, or has weights that are no finite numbers: whose
            every answer would be empty.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            names = sorted(file.keys())
            values = {
                group: [file.get_tensor(name) for name in names if name.startswith(f"{group}/")] for group in groups
            }
    except (OSError, SafetensorError, ValueError) as error:
        raise _unusable(path, str(error).strip().splitlines()[0]) from error
    for group, variables in groups.items():
        expected = [tuple(variable.shape) for variable in variables]
        if [value.shape for value in values[group]] != expected:
            raise _unusable(path, f"its {group} have other shapes than this model's")
    place = first_not_finite(values.get(WEIGHTS, []))
    if place is not None:
        raise _not_finite(path, groups[WEIGHTS][place].path)
    return values


def first_not_finite(weights: Sequence[np.ndarray]) -> int | None:
    """Which of them holds what is no finite number; None if none does.

    Example:
        >>> first_not_finite([np.zeros(2), np.array([1.0, np.nan])]), first_not_finite([np.zeros(2)])
        (1, None)
    """
    return next((place for place, weight in enumerate(weights) if not np.isfinite(weight).all()), None)


def _unusable(path: Path, reason: str) -> DataError:
    return DataError(
        f"{path}: the weights cannot be loaded ({reason}); delete that checkpoint's folder to use the one before"
    )


def _not_finite(path: Path, name: str) -> DataError:
    return _unusable(path, f"{name} holds numbers that are not finite, as of a training that diverged")


def load_variables(groups: Mapping[str, Sequence[keras.Variable]], path: Path) -> None:
    """Give variables the values that a file has for them.

    Raises:
        DataError: The file is damaged or belongs to another model; nothing has changed.
    """
    for group, values in read_variables(groups, path).items():
        for variable, value in zip(groups[group], values, strict=True):
            variable.assign(value)


def read_named_weights(path: Path) -> dict[str, np.ndarray]:
    """A checkpoint's weights by the path that their variables had, without a model.

    Raises:
        DataError: The file is damaged, or has weights that are no finite numbers.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            every = sorted(file.keys())
            names = [name for name in every if name.startswith(f"{WEIGHTS}/")]
            values = {name.split("/", 2)[2]: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError, ValueError, IndexError) as error:
        raise _unusable(path, str(error).strip().splitlines()[0]) from error
    place = first_not_finite(list(values.values()))
    if place is not None:
        raise _not_finite(path, list(values)[place])
    return values


def load_weights(model: SequenceToSequence, path: Path) -> None:
    """Load a checkpoint's weights, and them alone.

    Raises:
        DataError: The file is damaged or belongs to another model.
    """
    load_variables({WEIGHTS: model.weights}, path)


def load_mean_weights(model: SequenceToSequence, paths: Sequence[Path]) -> None:
    """Give a model the mean of the weights of several checkpoints:

        weights = (weights of the first + … + weights of the last) / number of checkpoints

    variable by variable, summed in float64. One checkpoint at a time is in memory, besides the sums.

    Args:
        model: It ends up with the mean.
        paths: At least one file of weights.

    Raises:
        DataError: A file is damaged or belongs to another model.
    """
    sums = [np.zeros(variable.shape) for variable in model.weights]
    for path in paths:
        values = read_variables({WEIGHTS: model.weights}, path)[WEIGHTS]
        for total, value in zip(sums, values, strict=True):
            total += value
    for total, variable in zip(sums, model.weights, strict=True):
        variable.assign(total / len(paths))
