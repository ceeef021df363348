"""What every layer must keep to, whatever it computes.

A layer's tests describe it by a `LayerCase` and run every check of `CONTRACT` on it:

    @pytest.mark.parametrize("check", CONTRACT, ids=name_of)
    @pytest.mark.parametrize("case", CASES, ids=name_of)
    def test_contract(case, check, tmp_path):
        check(case, tmp_path)
"""

import inspect
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

TOLERANCES = {"float32": 1e-5, "float64": 1e-9}


def call(layer: keras.layers.Layer, *inputs: Any) -> Any:
    return layer(*inputs)


class LayerCase(NamedTuple):
    """A layer and something to use it on."""

    name: str
    make: Callable[..., keras.layers.Layer]
    """Takes `dtype`."""
    inputs: list[np.ndarray]
    """What it is used on, `[batch, ...]`; the layer must be differentiable in the first."""
    full_precision: tuple[bool, ...]
    """Which of the outputs stay float32 when the layer computes in half precision."""
    use: Callable[..., Any] = call
    """Takes the layer and the inputs, arrays or symbolic tensors, any mask of them as None; gives a list or tuple."""
    masked: int = 0
    """Which of the inputs the mask among them belongs to."""

    def outputs(self, layer: keras.layers.Layer, inputs: Any = None, **more: Any) -> list[Any]:
        return list(self.use(layer, *(self.inputs if inputs is None else inputs), **more))


def with_an_empty_row(inputs: list[np.ndarray]) -> list[np.ndarray]:
    """The same and, as the last row of each, one that the mask closes as a whole."""
    return [np.concatenate([array, array[:1] & False if array.dtype == bool else array[:1]]) for array in inputs]


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
    case.outputs(layer)
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


def model_of(case: LayerCase, layer: keras.layers.Layer, times: int = 1, implicit: bool = False) -> keras.Model:
    """The layer in a functional model, all axes but the last unknown, a trainable layer before it.

    Used several times, it is shared. An implicit mask is one that Keras attaches to what it belongs to.
    """
    inputs = [
        keras.Input(
            [*([None] * (array.ndim - 2)), array.shape[-1]] if array.dtype != bool else [None], dtype=array.dtype
        )
        for array in case.inputs
    ]
    outputs = []
    for _ in range(times):
        before = keras.layers.Dense(case.inputs[0].shape[-1], dtype=layer.dtype_policy)(inputs[0])
        given = [before, *inputs[1:]]
        if implicit:
            mask = next(index for index, array in enumerate(case.inputs) if array.dtype == bool)
            given[case.masked] = Attach(dtype=layer.dtype_policy)(given[case.masked], given[mask])
            given[mask] = None
        outputs += case.outputs(layer, given)
    return keras.Model(inputs, outputs)


@keras.saving.register_keras_serializable(package="tests")
class Attach(keras.layers.Layer):
    """Attaches a mask, as `keras.layers.Embedding` does."""

    def call(self, inputs: Any, mask: Any) -> Any:
        return inputs

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return previous_mask

    def __call__(self, inputs: Any, mask: Any) -> Any:
        return super().__call__(inputs, mask=mask)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config()}


def configuration_makes_the_same_layer(case: LayerCase, _: Path) -> None:
    layer = case.make(dtype="float32")
    again = type(layer).from_config(json.loads(json.dumps(layer.get_config())))
    equal(again.get_config(), layer.get_config())
    # What both left out would be equal too.
    own = inspect.signature(type(layer)).parameters.keys() - inspect.signature(keras.layers.Layer).parameters.keys()
    equal(own - set(layer.get_config()), set())
    case.outputs(layer)
    case.outputs(again)
    equal([weight.path for weight in again.weights], [weight.path for weight in layer.weights])
    randomize(layer)
    again.set_weights(layer.get_weights())
    for actual, expected in zip(arrays(case.outputs(again)), arrays(case.outputs(layer)), strict=True):
        np.testing.assert_array_equal(actual, expected)


def symbolic_outputs_are_like_eager_ones(case: LayerCase, _: Path) -> None:
    layer = case.make(dtype="float32")
    symbolic = case.outputs(layer, [keras.Input(batch_shape=array.shape, dtype=array.dtype) for array in case.inputs])
    eager = case.outputs(layer)
    equal([tuple(output.shape) for output in symbolic], [tuple(output.shape) for output in eager])
    equal({output.dtype for output in symbolic}, {"float32"})
    equal({output.dtype.name for output in eager}, {"float32"})


def one_step_of_fit_changes_every_weight(case: LayerCase, _: Path) -> None:
    layer = case.make(dtype="float32")
    model = model_of(case, layer)
    randomize(model)
    train_once(model, case, jit_compile=False)


def train_once(model: keras.Model, case: LayerCase, **how: Any) -> None:
    """One step of training, after which every weight is another, and a number."""
    random, inputs = np.random.default_rng(1), with_an_empty_row(case.inputs)
    targets = [random.normal(size=output.shape).astype("float32") for output in arrays(model(inputs))]
    before = [array.copy() for array in model.get_weights()]
    model.compile(keras.optimizers.SGD(0.1), loss=["mse"] * len(targets), **how)
    assert np.isfinite(model.train_on_batch(inputs, targets)).all()
    for weight, old in zip(model.weights, before, strict=True):
        new = weight.numpy()
        assert np.isfinite(new).all(), weight.path
        assert weight.trainable, weight.path
        assert (new != old).any(), weight.path


def saved_and_loaded_answers_the_same(case: LayerCase, folder: Path) -> None:
    model = randomize(model_of(case, case.make(dtype="float32"), times=2, implicit=True))
    for name in ("model.keras", "model.h5"):
        model.save(folder / name)
        answers_the_same(keras.saving.load_model(folder / name), model, case)
    model.save_weights(folder / "model.weights.h5")
    clone = keras.models.clone_model(model)
    clone.load_weights(folder / "model.weights.h5")
    answers_the_same(clone, model, case)


def answers_the_same(other: keras.Model, model: keras.Model, case: LayerCase) -> None:
    # A sublayer that stands beside its owner would have weights of its own.
    equal([type(layer) for layer in other.layers], [type(layer) for layer in model.layers])
    equal([weight.shape for weight in other.weights], [weight.shape for weight in model.weights])
    for actual, expected in zip(arrays(other(case.inputs)), arrays(model(case.inputs)), strict=True):
        np.testing.assert_array_equal(actual, expected)


def a_mask_of_keras_is_taken_and_an_empty_row_is_no_trouble(case: LayerCase, _: Path) -> None:
    inputs, layer = with_an_empty_row(case.inputs), case.make(dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Keras warns where a mask is lost
        model = randomize(model_of(case, layer, implicit=True))
        explicit = model_of(case, layer)
        explicit.set_weights(model.get_weights())
        found = arrays(model(inputs))
    for actual, expected in zip(found, arrays(explicit(inputs)), strict=True):
        assert np.isfinite(actual).all()
        np.testing.assert_array_equal(actual, expected)
    opened = [np.ones_like(array) if array.dtype == bool else array for array in inputs]
    without = [None if array.dtype == bool else array for array in inputs]
    for actual, expected in zip(arrays(case.outputs(layer, without)), arrays(case.outputs(layer, opened)), strict=True):
        np.testing.assert_array_equal(actual, expected)


def half_precision_is_half_where_it_may_be(case: LayerCase, _: Path) -> None:
    layer = made(case, "mixed_bfloat16")
    outputs = case.outputs(layer)
    wanted = ["float32" if full else "bfloat16" for full in case.full_precision]
    equal([output.dtype.name for output in outputs], wanted)
    equal({weight.dtype for weight in layer.trainable_weights} - {"float32"}, set())
    expected = arrays(case.outputs(made(case)))
    for output, single in zip(outputs, expected, strict=True):
        assert_close(keras.ops.cast(output, "float32"), single, 0.1)


def half_precision_is_trained_and_saved(case: LayerCase, folder: Path) -> None:
    model = randomize(model_of(case, case.make(dtype="mixed_float16")))
    equal([output.dtype for output in model.outputs], [output.dtype.name for output in model(case.inputs)])
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    equal([layer.dtype_policy.name for layer in loaded.layers], [layer.dtype_policy.name for layer in model.layers])
    answers_the_same(loaded, model, case)
    train_once(loaded, case, run_eagerly=True)


def double_precision_is_double_throughout(case: LayerCase, _: Path) -> None:
    layer = made(case, "float64")
    equal({weight.dtype for weight in layer.trainable_weights} - {"float64"}, set())
    outputs = case.outputs(layer)
    equal({output.dtype.name for output in outputs}, {"float64"})
    for output, single in zip(arrays(outputs), arrays(case.outputs(made(case))), strict=True):
        assert_close(output, single, TOLERANCES["float32"])


CONTRACT = [
    configuration_makes_the_same_layer,
    symbolic_outputs_are_like_eager_ones,
    one_step_of_fit_changes_every_weight,
    saved_and_loaded_answers_the_same,
    a_mask_of_keras_is_taken_and_an_empty_row_is_no_trouble,
    half_precision_is_half_where_it_may_be,
    half_precision_is_trained_and_saved,
    double_precision_is_double_throughout,
]
