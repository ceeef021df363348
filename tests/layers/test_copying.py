"""Copying: the mixture by hand, its gradient, steps against the whole, and what every layer keeps to."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from layers import AttentionDecoder, Copying
from tests.layer_contract import CONTRACT, LayerCase, assert_gradients_agree, name_of, randomize

RANDOM = np.random.default_rng(0)
VOCABULARY = 5
SYMBOLS = [-1, -1, -1, 3, 4, 3, 2]  # by source id: two are copied as 3
SOURCE = np.array([[4, 5, 3, 2], [6, 4, 2, 0]])
OUTPUTS = RANDOM.normal(size=(2, 3, VOCABULARY + 1)) * 2
WEIGHTS = RANDOM.dirichlet(np.ones(4), size=(2, 3))


def mixture(outputs: np.ndarray, weights: np.ndarray, source: np.ndarray) -> np.ndarray:
    """p of every symbol, one after the other."""
    found = np.zeros((*outputs.shape[:2], VOCABULARY))
    for row, position in np.ndindex(*outputs.shape[:2]):
        *logits, gate = outputs[row, position]
        generate = 1 / (1 + np.exp(-gate))
        for place, symbol in enumerate(source[row]):
            if SYMBOLS[symbol] >= 0:
                found[row, position, SYMBOLS[symbol]] += (1 - generate) * weights[row, position, place]
        rest = 1 - found[row, position].sum()
        found[row, position] += rest * np.exp(logits) / np.exp(logits).sum()
    return found


@pytest.mark.parametrize("fast", [True, False])
def test_the_mixture_by_hand(fast: bool):
    layer = Copying(SYMBOLS, fast=fast, dtype="float64")
    expected = mixture(OUTPUTS, WEIGHTS, SOURCE)
    np.testing.assert_allclose(np.exp(layer(OUTPUTS, WEIGHTS, SOURCE)), expected, rtol=1e-12)
    np.testing.assert_allclose(expected.sum(axis=-1), 1)


@pytest.mark.parametrize("fast", [True, False])
def test_gradients_are_the_numerical_ones(fast: bool):
    layer = Copying(SYMBOLS, fast=fast, dtype="float64")
    given = [tf.constant(OUTPUTS), tf.constant(WEIGHTS)]
    found, numerical = tf.test.compute_gradient(lambda *inputs: layer(*inputs, SOURCE), given, delta=1e-5)
    assert_gradients_agree(found, numerical, "float64")


def test_steps_are_the_whole_and_beams_share_their_source():
    layer = Copying(SYMBOLS, dtype="float64")
    whole = layer(OUTPUTS, WEIGHTS, SOURCE).numpy()
    # Positions in the place of the hypotheses of each source.
    rows = layer.mix(OUTPUTS.reshape(6, -1), WEIGHTS.reshape(6, -1), layer.target_ids(SOURCE), beams=3)
    np.testing.assert_allclose(rows, whole.reshape(6, -1), atol=1e-12)


def test_the_share_copied_by_hand():
    layer = Copying(SYMBOLS, dtype="float64")
    generate = 1 / (1 + np.exp(-OUTPUTS[..., -1:]))
    own = np.array([[[SYMBOLS[symbol] == target for target in range(VOCABULARY)] for symbol in row] for row in SOURCE])
    expected = (1 - generate) * (WEIGHTS @ own) / mixture(OUTPUTS, WEIGHTS, SOURCE)
    found = layer.share_copied(OUTPUTS, WEIGHTS, layer.target_ids(SOURCE))
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("gate", [-200.0, -30.0, 0.0, 30.0, 200.0])
@pytest.mark.parametrize("place", range(4))
def test_extremes_are_finite(gate: float, place: int, fast: bool):
    """All attention on one place, which may hold nothing to copy, and a gate that is shut or open."""
    outputs = tf.constant(np.concatenate([OUTPUTS[..., :-1] * 100, np.full((2, 3, 1), gate)], axis=-1), tf.float32)
    weights = tf.one_hot(tf.fill([2, 3], place), 4)
    layer = Copying(SYMBOLS, fast=fast)
    with tf.GradientTape() as tape:
        tape.watch([outputs, weights])
        found = layer(outputs, weights, SOURCE)
        loss = tf.reduce_sum(found)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.exp(found).sum(axis=-1), 1, atol=1e-4)
    for gradient in tape.gradient(loss, [outputs, weights]):
        assert np.isfinite(gradient).all()


def test_without_a_map_ids_are_the_same_and_0_is_padding():
    layer = Copying()
    np.testing.assert_array_equal(layer.target_ids(SOURCE), [[4, 5, 3, 2], [6, 4, 2, -1]])


def test_in_half_precision_it_computes_in_full():
    layer = Copying(SYMBOLS, dtype="mixed_bfloat16")
    found = layer(OUTPUTS.astype("float32"), WEIGHTS.astype("float32"), SOURCE)
    assert found.dtype == "float32"
    np.testing.assert_allclose(np.exp(found), mixture(OUTPUTS, WEIGHTS, SOURCE), rtol=1e-4)


def test_in_a_functional_model_of_ones_own(tmp_path: Path):
    source, target = keras.Input([None], dtype="int32"), keras.Input([None, 3])
    memory = keras.layers.Embedding(len(SYMBOLS), 4)(source)
    decoder = AttentionDecoder(vocabulary_size=VOCABULARY + 1, units=6)
    outputs, weights = decoder(target, memory, None, keras.layers.GlobalAveragePooling1D()(memory))
    model = randomize(keras.Model([source, target], Copying(SYMBOLS)(outputs, weights, source)))
    given = [SOURCE, RANDOM.normal(size=(2, 3, 3)).astype("float32")]
    before = [weight.copy() for weight in model.get_weights()]
    np.testing.assert_allclose(np.exp(model(given)).sum(axis=-1), 1, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(given), model(given))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert np.isfinite(model.train_on_batch(given, np.array([[4, 3, 2], [2, 4, 1]])))
    assert all((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))


def use(layer: Any, outputs: Any, weights: Any, source: Any, mask: Any) -> list[Any]:
    return [layer(outputs, weights, source), layer(outputs, weights, source)]


CASE = LayerCase(
    "copying",
    lambda **options: Copying(SYMBOLS, **options),
    [
        OUTPUTS.astype("float32"),
        WEIGHTS.astype("float32"),
        SOURCE.astype("int32"),
        np.array([[True, True, True], [True, True, False]]),
    ],
    (True, True),
    use,
)


@pytest.mark.parametrize("check", CONTRACT, ids=name_of)
def test_contract(check: Any, tmp_path: Path):
    check(CASE, tmp_path)
