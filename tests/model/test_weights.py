"""Variables in files, and the mean of checkpoints' weights by hand."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.model.sequence_to_sequence import SequenceToSequence, build_model
from pipeline.model.weights import (
    GENERATORS,
    METRICS,
    OPTIMIZER,
    WEIGHTS,
    load_mean_weights,
    load_variables,
    load_weights,
    read_variables,
    save_variables,
    training_variables,
)
from pipeline.settings.model import ModelConfiguration
from pipeline.training.optimization import compile_model
from tests.tiny_task import tiny_configuration

SMALL = ModelConfiguration(units=4, embedding_units=4, fast=False)


def save_filled(folder: Path, values: list[float], configuration: ModelConfiguration = SMALL) -> list[Path]:
    """Checkpoints of one value each, times the number of the variable."""
    model, paths = build_model(configuration, 6, 6), []
    for number, value in enumerate(values):
        for factor, variable in enumerate(model.weights, 1):
            variable.assign(np.full(variable.shape, factor * value))
        paths.append(folder / f"{number}.safetensors")
        save_variables({WEIGHTS: model.weights}, paths[-1])
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


# Files


def compiled(seed: int) -> SequenceToSequence:
    configuration = tiny_configuration({}, model={"units": 4, "fast": False}, train={"ema_momentum": 0.5, "seed": seed})
    return compile_model(configuration, (9, 9), 10)


def test_everything_comes_back(tmp_path: Path):
    """Every bit of every variable, whatever else was built in the process before."""
    first, second = compiled(1), compiled(2)
    for number, variable in enumerate(variable for group in training_variables(first).values() for variable in group):
        variable.assign(np.random.default_rng(number).uniform(0, 1000, variable.shape).astype(variable.dtype))
    groups = training_variables(first)
    assert {name: bool(variables) for name, variables in groups.items()} == dict.fromkeys(
        (WEIGHTS, OPTIMIZER, GENERATORS, METRICS), True
    )
    counted = {id(variable) for variables in groups.values() for variable in variables}
    assert counted == {id(v) for v in [*first.variables, *first.optimizer.variables, *first.metrics_variables]}
    path = tmp_path / "variables.safetensors"
    save_variables(groups, path)
    load_variables(training_variables(second), path)
    for name, variables in training_variables(second).items():
        for ours, theirs in zip(variables, groups[name], strict=True):
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_only_what_is_asked_for_is_loaded(tmp_path: Path):
    first, second = compiled(1), compiled(2)
    path = tmp_path / "variables.safetensors"
    save_variables(training_variables(first), path)
    before = [np.array(variable) for variable in second.optimizer.variables]
    load_weights(second, path)
    np.testing.assert_array_equal(np.asarray(second.weights[0]), np.asarray(first.weights[0]))
    for variable, value in zip(second.optimizer.variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), value)
    assert list(read_variables({METRICS: first.metrics_variables}, path)) == [METRICS]


def test_damaged_weights_say_what_to_do(tmp_path: Path):
    model = build_model(SMALL, 6, 6)
    [good] = save_filled(tmp_path, [1.0])
    whole = good.read_bytes()
    load_weights(model, good)
    before = [np.array(variable) for variable in model.weights]
    message = r"the weights cannot be loaded .*delete that checkpoint's folder"
    for content in (b"", b"nonsense", whole[: len(whole) // 2], whole[8:], None):
        good.unlink() if content is None else good.write_bytes(content)
        with pytest.raises(DataError, match=message) as caught:
            load_weights(model, good)
        assert str(good) in str(caught.value)
        assert "\n" not in str(caught.value)
    good.write_bytes(whole)
    for other in (dataclasses.replace(SMALL, units=6), dataclasses.replace(SMALL, cell="lstm")):
        with pytest.raises(DataError, match=r"the weights cannot be loaded \(its weights have other shapes"):
            load_weights(build_model(other, 6, 6), good)
    for variable, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("load", [load_weights, lambda model, path: load_mean_weights(model, [path, path])])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float, load: Any):
    model = build_model(SMALL, 6, 6)
    variable = model.weights[-1]
    before = [np.asarray(weight) for weight in model.weights]
    variable.assign(np.full(variable.shape, value))
    save_variables({WEIGHTS: model.weights}, tmp_path / "x.safetensors")
    variable.assign(before[-1])
    message = rf"x\.safetensors: the weights cannot be loaded \({variable.path} holds numbers that are not finite"
    with pytest.raises(DataError, match=message):
        load(model, tmp_path / "x.safetensors")
    np.testing.assert_equal([np.asarray(weight) for weight in model.weights], before)
