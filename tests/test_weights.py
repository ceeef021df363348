"""The mean of checkpoints' weights, by hand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pipeline.configuration import ModelConfiguration
from pipeline.errors import DataError
from pipeline.model import SequenceToSequence, build_model
from pipeline.weights import load_mean_weights, load_weights

SMALL = ModelConfiguration(units=4, embedding_units=4, fast=False)


def save_filled(folder: Path, values: list[float], configuration: ModelConfiguration = SMALL) -> list[Path]:
    """Checkpoints of one value each, times the number of the variable."""
    model, paths = build_model(configuration, 6, 6), []
    for number, value in enumerate(values):
        for factor, variable in enumerate(model.weights, 1):
            variable.assign(np.full(variable.shape, factor * value))
        paths.append(folder / f"{number}.weights.h5")
        model.save_weights(paths[-1])
    return paths


def means(model: SequenceToSequence) -> list[float]:
    """The value of each variable over its number."""
    values = [np.unique(np.asarray(variable, "float64")) / factor for factor, variable in enumerate(model.weights, 1)]
    assert all(len(value) == 1 for value in values)
    return [value[0] for value in values]


@pytest.mark.parametrize("values", [[1.0, 2.0, 6.0], [3.0], [-1.5, 7.5]])
def test_by_hand(tmp_path: Path, values: list[float]):
    model = build_model(SMALL, 6, 6)
    load_mean_weights(model, save_filled(tmp_path, values))
    np.testing.assert_allclose(means(model), sum(values) / len(values), rtol=1e-6)


def test_sums_are_exact_enough(tmp_path: Path):
    """In single precision 2 would get lost between the large ones."""
    model = build_model(SMALL, 6, 6)
    load_mean_weights(model, save_filled(tmp_path, [2.0**30, 2.0, -(2.0**30), 2.0]))
    assert means(model) == [1.0] * len(model.weights)


def test_it_does_not_matter_what_the_model_had(tmp_path: Path):
    paths = save_filled(tmp_path, [1.0, 3.0])
    model = build_model(SMALL, 6, 6)
    for _ in range(2):
        load_mean_weights(model, paths)
        np.testing.assert_allclose(means(model), 2.0, rtol=1e-6)


def test_mixed_precision_is_averaged_as_it_is_stored(tmp_path: Path):
    mixed = dataclasses.replace(SMALL, precision="mixed_float16")
    model = build_model(mixed, 6, 6)
    load_mean_weights(model, save_filled(tmp_path, [1.0, 1.0001], mixed))
    np.testing.assert_allclose(means(model), 1.00005, rtol=1e-6)


def test_a_damaged_one_is_named(tmp_path: Path):
    paths = save_filled(tmp_path, [1.0, 2.0])
    paths[1].write_bytes(b"nonsense")
    with pytest.raises(DataError, match=f"{paths[1]}: the weights cannot be loaded"):
        load_mean_weights(build_model(SMALL, 6, 6), paths)
    with pytest.raises(DataError, match=f"{paths[0]}: the weights cannot be loaded"):
        load_weights(build_model(dataclasses.replace(SMALL, units=6), 6, 6), paths[0])
