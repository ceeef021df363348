"""Dropout: what it drops, how much, and that its random numbers are its own."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from layers.dropout.kinds import Dropout, SymbolDropout
from tests.layer_contract import CONTRACT, LayerCase, name_of

ONES = np.ones((101, 33, 7), "float32")


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.9])
def test_drops_the_share_and_keeps_the_mean(rate: float):
    outputs = Dropout(rate, seed=1)(ONES, training=True).numpy()
    share = float(np.mean(outputs == 0))
    rounded = round(rate * 256) / 256
    # Five standard errors.
    assert abs(share - rounded) < 5 * (rate * (1 - rate) / ONES.size) ** 0.5
    assert np.unique(outputs[outputs != 0]) == pytest.approx(1 / (1 - rounded), rel=1e-6)
    assert float(outputs.mean()) == pytest.approx((1 - share) / (1 - rounded), rel=1e-3)


@pytest.mark.parametrize("rate", [0.0001, 0.9999])
def test_a_rate_is_never_rounded_to_nothing_or_all(rate: float):
    share = float(np.mean(Dropout(rate, seed=1)(ONES, training=True).numpy() == 0))
    assert 0 < share < 1


def test_neighbours_are_independent():
    kept = Dropout(0.5, seed=1)(np.ones(200_001, "float32"), training=True).numpy() > 0
    for distance in (1, 2, 3, 4, 5, 8):
        agree = np.mean(kept[:-distance] == kept[distance:])
        assert abs(agree - 0.5) < 5 * 0.5 / len(kept) ** 0.5


@pytest.mark.parametrize("training", [False, None])
def test_does_nothing_outside_training(training: bool | None):
    assert (Dropout(0.9, seed=1)(ONES, training=training).numpy() == ONES).all()


def test_edges_of_the_rate():
    assert (Dropout(0.0)(ONES, training=True).numpy() == ONES).all()
    assert (Dropout(1.0, seed=1)(ONES, training=True).numpy() == 0).all()
    with pytest.raises(ValueError, match="rate"):
        Dropout(1.5)


@pytest.mark.parametrize("shape", [(0,), (1,), (3,), (0, 4), (5, 3, 1)])
def test_any_shape(shape: tuple[int, ...]):
    assert Dropout(0.5, seed=1)(np.ones(shape, "float32"), training=True).shape == shape


def test_the_seed_decides_and_every_call_differs():
    first, same, other = Dropout(0.5, seed=1), Dropout(0.5, seed=1), Dropout(0.5, seed=2)
    drawn = first(ONES, training=True).numpy()
    assert (drawn == same(ONES, training=True).numpy()).all()
    assert (drawn != other(ONES, training=True).numpy()).any()
    assert (drawn != first(ONES, training=True).numpy()).any()


def test_in_a_graph_every_call_differs_too():
    layer = Dropout(0.5, seed=1)
    call = tf.function(lambda inputs: layer(inputs, training=True))
    assert (call(ONES).numpy() != call(ONES).numpy()).any()


def test_gradient_passes_where_the_value_does():
    inputs, layer = tf.constant(ONES), Dropout(0.5, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
    assert (tape.gradient(outputs, inputs).numpy() == outputs.numpy()).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_keeps_the_dtype(dtype: str):
    assert Dropout(0.5, seed=1, dtype=dtype)(ONES, training=True).dtype.name == dtype


def test_config_round_trip():
    layer = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(Dropout(0.3, seed=4, name="dropout"))
    )
    assert isinstance(layer, Dropout)
    assert (layer.rate, layer.seed, layer.name) == (0.3, 4, "dropout")
    assert layer.get_config() == Dropout(0.3, seed=4, name="dropout").get_config()


EMBEDDED = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
MAY_BE_DROPPED = np.arange(5) < np.array([[5], [3], [1]])
# Twice the same output: Keras gives a list of one as what is in it.
SYMBOLS = LayerCase(
    "symbols",
    lambda dtype: SymbolDropout(0.3, seed=1, dtype=dtype),
    [EMBEDDED, MAY_BE_DROPPED],
    (False, False),
    lambda layer, inputs, mask, **more: [layer(inputs, mask=mask, **more)] * 2,
)


@pytest.mark.parametrize("check", CONTRACT, ids=name_of)
def test_contract_of_symbol_dropout(check: Callable[[LayerCase, Path], None], tmp_path: Path):
    check(SYMBOLS, tmp_path)


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_whole_symbols_are_dropped_each_for_itself(rate: float):
    ones = np.ones((211, 101, 3), "float32")
    outputs = SymbolDropout(rate, seed=1)(ones, training=True).numpy()
    assert (outputs == outputs[:, :, :1]).all()
    dropped = outputs[:, :, 0] == 0
    # Five standard errors.
    assert abs(dropped.mean() - rate) < 5 * (rate * (1 - rate) / dropped.size) ** 0.5
    assert outputs[~dropped] == pytest.approx(1 / (1 - rate), rel=1e-6)
    for axis in (0, 1):
        agree = np.mean(np.diff(dropped.astype(int), axis=axis) == 0)
        assert agree == pytest.approx(rate**2 + (1 - rate) ** 2, abs=0.02)


def test_what_may_not_be_dropped_passes_as_it_is():
    layer = SymbolDropout(0.5, seed=1)
    outputs = layer(np.repeat(EMBEDDED, 50, axis=0), mask=np.repeat(MAY_BE_DROPPED, 50, axis=0), training=True).numpy()
    kept, others = np.repeat(MAY_BE_DROPPED, 50, axis=0), np.repeat(EMBEDDED, 50, axis=0)
    assert (outputs[~kept] == others[~kept]).all()
    assert set(np.unique(np.round(outputs[kept] / others[kept], 5))) == {0.0, 2.0}


def test_symbol_dropout_is_nothing_outside_training_and_its_seed_decides():
    assert (SymbolDropout(0.5, seed=1)(EMBEDDED).numpy() == EMBEDDED).all()
    assert (SymbolDropout(0.0)(EMBEDDED, training=True).numpy() == EMBEDDED).all()
    first, same = SymbolDropout(0.5, seed=1), SymbolDropout(0.5, seed=1)
    drawn = [layer(EMBEDDED, training=True).numpy() for layer in (first, same, first)]
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[0] != drawn[2]).any()
