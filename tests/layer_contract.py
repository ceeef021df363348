"""What every layer must keep to, whatever it computes.

A layer's tests describe it by a `LayerCase` and run every check of `CONTRACT` on it:

    @pytest.mark.parametrize("check", CONTRACT, ids=name_of)
    @pytest.mark.parametrize("case", CASES, ids=name_of)
    def test_contract(case, check, tmp_path):
        check(case, tmp_path)
"""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

TOLERANCES = {"float32": 1e-5, "float64": 1e-9}


class LayerCase(NamedTuple):
    """A layer and something to call it with."""

    name: str
    make: Callable[..., keras.layers.Layer]
    """Takes `dtype`."""
    inputs: list[np.ndarray]
    """The positional arguments of the call, `[batch, ...]`; the layer must be differentiable in the first."""
    full_precision: tuple[bool, bool]
    """Which of the two outputs stay float32 when the layer computes in half precision."""


def name_of(value: Any) -> str:
    return value.name if isinstance(value, LayerCase) else value.__name__


def randomize(layer: Any, seed: int = 0, scale: float = 0.5) -> Any:
    """Random values for all weights, biases included: a bias of 0 would hide a forgotten one."""
    random = np.random.default_rng(seed)
    for weight in layer.weights:
        # Seeds of dropout are among a layer's weights too.
        if "float" in str(weight.dtype):
            weight.assign(random.normal(size=weight.shape) * scale)
    return layer


def made(case: LayerCase, dtype: str = "float32") -> keras.layers.Layer:
    """The layer, built by a call, with random weights."""
    layer = case.make(dtype=dtype)
    layer(*case.inputs)
    return randomize(layer)


def arrays(outputs: Any) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(output) for output in outputs]


def assert_close(actual: Any, expected: Any, tolerance: float) -> None:
    np.testing.assert_allclose(np.asarray(actual), np.asarray(expected), rtol=tolerance, atol=tolerance)


def assert_gradients_agree(actual: Any, expected: Any, dtype: str) -> None:
    """Outputs and gradients of two ways to compute the same, relative to the largest value of each tensor."""
    tolerance = {"float32": 1e-4, "float64": 1e-8}[dtype]
    for ours, theirs in zip(keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True):
        # At a single position some gradients are exactly 0.
        largest = np.abs(theirs).max() or 1
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * largest)


# pytest explains the `assert`s of test modules only; this explains itself.
equal = np.testing.assert_equal


def model_of(case: LayerCase, layer: keras.layers.Layer) -> keras.Model:
    """The layer in a functional model, all axes but the last unknown, a trainable layer before it."""
    inputs = [
        keras.Input(
            [*([None] * (array.ndim - 2)), array.shape[-1]] if array.dtype != bool else [None], dtype=array.dtype
        )
        for array in case.inputs
    ]
    before = keras.layers.Dense(case.inputs[0].shape[-1], dtype=layer.dtype_policy)(inputs[0])
    return keras.Model(inputs, list(layer(before, *inputs[1:])))


def configuration_makes_the_same_layer(case: LayerCase, _: Path) -> None:
    layer = case.make(dtype="float32")
    again = type(layer).from_config(json.loads(json.dumps(layer.get_config())))
    equal(again.get_config(), layer.get_config())
    # What both left out would be equal too.
    equal(set(inspect.signature(type(layer)).parameters) - {"kwargs"} - set(layer.get_config()), set())
    layer(*case.inputs)
    again(*case.inputs)
    equal([weight.path for weight in again.weights], [weight.path for weight in layer.weights])
    randomize(layer)
    again.set_weights(layer.get_weights())
    for actual, expected in zip(arrays(again(*case.inputs)), arrays(layer(*case.inputs)), strict=True):
        np.testing.assert_array_equal(actual, expected)


def symbolic_outputs_are_like_eager_ones(case: LayerCase, _: Path) -> None:
    layer = case.make(dtype="float32")
    symbolic = layer(*(keras.KerasTensor(array.shape, dtype=array.dtype) for array in case.inputs))
    eager = layer(*case.inputs)
    equal([tuple(output.shape) for output in symbolic], [tuple(output.shape) for output in eager])
    equal([output.dtype for output in symbolic], ["float32", "float32"])
    equal([output.dtype.name for output in eager], ["float32", "float32"])


def one_step_of_fit_changes_every_weight(case: LayerCase, _: Path) -> None:
    layer = case.make(dtype="float32")
    model = model_of(case, layer)
    randomize(model)
    random = np.random.default_rng(1)
    targets = [random.normal(size=output.shape).astype("float32") for output in layer(*case.inputs)]
    before = [array.copy() for array in model.get_weights()]
    model.compile(keras.optimizers.SGD(0.1), loss=["mse", "mse"], jit_compile=False)
    assert np.isfinite(model.train_on_batch(case.inputs, targets)).all()
    for weight, old in zip(model.weights, before, strict=True):
        new = weight.numpy()
        assert np.isfinite(new).all(), weight.path
        assert weight.trainable, weight.path
        assert (new != old).any(), weight.path


def saved_and_loaded_gives_equal_outputs(case: LayerCase, folder: Path) -> None:
    model = randomize(model_of(case, case.make(dtype="float32")))
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    for actual, expected in zip(arrays(loaded(case.inputs)), arrays(model(case.inputs)), strict=True):
        np.testing.assert_array_equal(actual, expected)


def half_precision_is_half_where_it_may_be(case: LayerCase, _: Path) -> None:
    layer = made(case, "mixed_bfloat16")
    outputs = layer(*case.inputs)
    wanted = ["float32" if full else "bfloat16" for full in case.full_precision]
    equal([output.dtype.name for output in outputs], wanted)
    equal({weight.dtype for weight in layer.trainable_weights} - {"float32"}, set())
    expected = arrays(made(case)(*case.inputs))
    for output, single in zip(outputs, expected, strict=True):
        assert_close(keras.ops.cast(output, "float32"), single, 0.1)


def double_precision_is_double_throughout(case: LayerCase, _: Path) -> None:
    layer = made(case, "float64")
    equal({weight.dtype for weight in layer.trainable_weights} - {"float64"}, set())
    outputs = layer(*case.inputs)
    equal([output.dtype.name for output in outputs], ["float64", "float64"])
    for output, single in zip(arrays(outputs), arrays(made(case)(*case.inputs)), strict=True):
        assert_close(output, single, TOLERANCES["float32"])


CONTRACT = [
    configuration_makes_the_same_layer,
    symbolic_outputs_are_like_eager_ones,
    one_step_of_fit_changes_every_weight,
    saved_and_loaded_gives_equal_outputs,
    half_precision_is_half_where_it_may_be,
    double_precision_is_double_throughout,
]
