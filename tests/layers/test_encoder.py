"""The encoder: what it gives at which position, padding, residual layers, and no XLA outside training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from layers import BidirectionalEncoder, FeatureMemory
from tests.layer_contract import CONTRACT, TOLERANCES, LayerCase, arrays, assert_close, name_of, randomize
from tests.quick_cases import quick
from tests.xla import needs_xla

UNITS, FEATURES = 5, 6
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
INPUTS = np.random.default_rng(0).normal(size=(3, 4, FEATURES))
# Of features: embedded symbols, memory, summary, and which are features.
BESIDE = [
    INPUTS.astype("float32"),
    *(np.random.default_rng(1).normal(size=size).astype("float32") for size in ((3, 4, UNITS), (3, UNITS))),
    np.array([[0, 1, 1, 0], [0, 0, 1, 0], [1, 0, 0, 1]], bool),
]
CELLS = ("gru", "lstm", "layer_norm_gru", "layer_norm_lstm")


def case(name: str, **arguments: Any) -> LayerCase:
    def make(dtype: str) -> BidirectionalEncoder:
        return BidirectionalEncoder(UNITS, **arguments, dtype=dtype, name="encoder")

    return LayerCase(name, make, [INPUTS.astype("float32"), MASK], (False, False))


CASES = [
    case("gru", layers=2, dropout=0.1, seed=3),
    case("plain_gru", layers=1, fast=False),
    case("lstm", layers=1, cell="lstm"),
    LayerCase("features", lambda dtype: FeatureMemory(dtype=dtype), BESIDE, (False, False)),
]


@pytest.mark.parametrize("check", CONTRACT, ids=name_of)
@pytest.mark.parametrize("layer_case", quick(CASES, 0, 3), ids=name_of)
def test_contract(layer_case: LayerCase, check: Callable[..., None], tmp_path: Path):
    check(layer_case, tmp_path)


def encoder(**arguments: Any) -> BidirectionalEncoder:
    layer = BidirectionalEncoder(UNITS, **{"dtype": "float64", **arguments})
    layer(INPUTS, MASK)
    return randomize(layer)


@pytest.mark.parametrize("cell", CELLS)
def test_summary_is_the_last_forward_and_the_first_backward_state(cell: str):
    memory, summary = arrays(encoder(cell=cell)(INPUTS, MASK))
    for row, length in enumerate([3, 4, 1]):
        assert_close(summary[row, :UNITS], memory[row, length - 1, :UNITS], 1e-12)
        assert_close(summary[row, UNITS:], memory[row, 0, UNITS:], 1e-12)


def test_each_direction_sees_its_own_side_only():
    layer = encoder()
    changed = INPUTS.copy()
    changed[1, 2] += 1
    before, after = (arrays(layer(inputs, MASK))[0][1] for inputs in (INPUTS, changed))
    forward, backward = np.split(np.abs(after - before) > 1e-6, 2, axis=-1)
    assert forward.any(axis=-1).tolist() == [False, False, True, True]
    assert backward.any(axis=-1).tolist() == [True, True, True, False]


def test_one_unit_by_hand():
    # Both biases 0, the recurrent kernel 0: z = σ(x), n = tanh(x), s = z s_prev + (1 - z) n.
    layer = BidirectionalEncoder(1, dtype="float64")
    inputs, mask = np.array([[[0.5], [-1.0]]]), np.ones((1, 2), bool)
    layer(inputs, mask)
    layer.set_weights([np.array([[1.0, 1, 1]]), np.zeros((1, 3)), np.zeros((2, 3))] * 2)
    (a, m), (b, n) = ((1 / (1 + np.exp(-x)), np.tanh(x)) for x in (0.5, -1.0))
    memory, summary = arrays(layer(inputs, mask))
    forward_first, backward_last = (1 - a) * m, (1 - b) * n
    forward_last, backward_first = b * forward_first + (1 - b) * n, a * backward_last + (1 - a) * m
    assert_close(memory, [[[forward_first, backward_first], [forward_last, backward_last]]], 1e-12)
    assert_close(summary, [[forward_last, backward_first]], 1e-12)


@pytest.mark.parametrize("training", quick([False, True], 1))
@pytest.mark.parametrize("cell", CELLS)
def test_memory_is_exactly_0_on_padding(cell: str, training: bool):
    layer = encoder(cell=cell, layers=2, dropout=0.5, seed=1)
    memory, _ = arrays(layer(INPUTS, MASK, training=training))
    assert (memory[~MASK] == 0).all()
    assert (memory[MASK] != 0).any(axis=-1).all()


def test_a_second_layer_that_says_nothing_changes_nothing():
    # A GRU whose weights are all 0 stays at 0; the residual then is the first layer's output.
    one, two = encoder(layers=1), encoder(layers=2)
    first = two.recurrent_layers[0]
    first.set_weights(one.get_weights())
    for weight in two.recurrent_layers[1].weights:
        weight.assign(tf.zeros_like(weight))
    (memory, _), (expected, _) = arrays(two(INPUTS, MASK)), arrays(one(INPUTS, MASK))
    np.testing.assert_array_equal(memory, expected)


@pytest.mark.parametrize("cell", CELLS)
def test_later_layers_are_added_to_what_they_read(cell: str):
    layer = encoder(layers=3, cell=cell)
    hidden, states = INPUTS, []
    for index, part in enumerate(layer.recurrent_layers):
        outputs, *states = part(hidden, mask=MASK)
        hidden = outputs if index == 0 else hidden + outputs
    memory, summary = layer(INPUTS, MASK)
    assert_close(memory, hidden, 1e-12)
    assert_close(summary, np.concatenate([states[0], states[len(states) // 2]], axis=-1), 1e-12)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_looking_up_gives_what_the_embeddings_give(cell: str, layers: int):
    layer = encoder(cell=cell, layers=layers)
    symbols, ids = (
        np.random.default_rng(1).normal(size=(7, FEATURES)),
        np.array([[3, 1, 6, 0], [2, 2, 5, 4], [1, 6, 6, 6]]),
    )
    found = layer.look_up(layer.tabulate(symbols), ids, MASK)
    for part, expected in zip(arrays(found), arrays(layer(symbols[ids], MASK)), strict=True):
        assert_close(part, expected, 1e-12)


@pytest.mark.parametrize(
    "arguments", [{"cell": "layer_norm_gru"}, {"fast": False}, {"dtype": "mixed_bfloat16"}], ids=str
)
def test_no_tables_where_no_recurrence_is_hand_written(arguments: dict[str, Any]):
    assert encoder(**arguments).tabulate(np.zeros((7, FEATURES))) is None


@pytest.mark.parametrize("dtype", quick(TOLERANCES, 0))
@pytest.mark.parametrize("cell", CELLS)
def test_padding_changes_nothing(cell: str, dtype: str):
    layer = encoder(cell=cell, layers=2, dtype=dtype)
    padded = np.full((5, 6, FEATURES), 7.0)
    padded[:3, :4] = INPUTS
    mask = np.zeros((5, 6), bool)
    mask[:3, :4], mask[3:, 0] = MASK, True
    (memory, summary), (expected, expected_summary) = arrays(layer(padded, mask)), arrays(layer(INPUTS, MASK))
    assert_close(memory[:3, :4], expected, TOLERANCES[dtype])
    assert_close(summary[:3], expected_summary, TOLERANCES[dtype])


def test_dropout_in_training_only():
    layer = encoder(dropout=0.5, seed=1, fast=False)
    quiet, again, trained = (arrays(layer(INPUTS, MASK, training=mode))[0] for mode in (False, None, True))
    np.testing.assert_array_equal(quiet, again)
    dropped = trained[MASK] == 0
    assert 0.2 < dropped.mean() < 0.8
    assert_close(trained[MASK][~dropped], 2 * quiet[MASK][~dropped], 1e-9)


def test_xla_in_training_only():
    layer = encoder(dtype="float32")
    inputs = tf.constant(INPUTS, tf.float32)
    assert needs_xla(lambda: layer(inputs, MASK, training=True))
    assert not needs_xla(lambda: layer(inputs, MASK, training=False))
    assert not needs_xla(lambda: layer(inputs, MASK))


def test_no_xla_when_told_so():
    layer = encoder(dtype="float32", fast=False)
    assert not needs_xla(lambda: layer(tf.constant(INPUTS, tf.float32), MASK, training=True))


def test_padding_on_the_left_is_read_as_on_the_right():
    layer = encoder(cell="lstm", layers=2)
    ids, symbols = np.array([[3, 1, 6, 0]]), np.random.default_rng(1).normal(size=(7, FEATURES))
    right, left = np.array([[True, True, True, False]]), np.array([[False, True, True, True]])
    expected_memory, expected = arrays(layer(symbols[ids], right))
    memory, summary = arrays(layer(symbols[np.roll(ids, 1)], left))
    assert_close(summary, expected, 1e-12)
    assert_close(memory, np.roll(expected_memory, 1, axis=1), 1e-12)
    looked_up = arrays(layer.look_up(layer.tabulate(symbols), np.roll(ids, 1), left))
    assert_close(looked_up[0], memory, 1e-12)
    assert_close(looked_up[1], summary, 1e-12)


def test_a_mask_of_numbers():
    for actual, expected in zip(encoder()(INPUTS, MASK.astype("int32")), encoder()(INPUTS, MASK), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_the_former_name_of_the_mask():
    np.testing.assert_array_equal(encoder()(INPUTS, source_mask=MASK)[0], encoder()(INPUTS, MASK)[0])
    # Models saved then hold the mask's shape.
    again = BidirectionalEncoder(UNITS, dtype="float64")
    again.build_from_config({"shapes_dict": {"inputs_shape": (3, 4, FEATURES), "source_mask_shape": (3, 4)}})
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in encoder().weights]


def test_an_unknown_cell_is_refused():
    with pytest.raises(ValueError, match=r"\['gru', 'layer_norm_gru', 'layer_norm_lstm', 'lstm'\], got 'rnn'"):
        BidirectionalEncoder(UNITS, cell="rnn")


def test_the_source_may_be_of_any_length():
    source = keras.Input([None, FEATURES])
    model = keras.Model(source, list(BidirectionalEncoder(UNITS)(source, keras.ops.any(source != 0, axis=-1))))
    assert [output.shape for output in model.outputs] == [(None, None, 2 * UNITS), (None, 2 * UNITS)]
    for length in (1, 3):
        assert [output.shape for output in model(np.ones((2, length, FEATURES)))] == [(2, length, 10), (2, 10)]


def test_features_stand_in_the_memory_and_their_mean_in_the_summary():
    layer = FeatureMemory()
    layer(*BESIDE)
    randomize(layer)
    kernel, bias = (weight.numpy() for weight in layer.weights)
    inputs, memory, summary, mask = BESIDE
    found = arrays(layer(*BESIDE))
    for row in range(3):
        features = [np.tanh(inputs[row, place] @ kernel + bias) for place in np.flatnonzero(mask[row])]
        assert_close(found[0][row, mask[row]], features, 1e-5)
        assert_close(found[0][row, ~mask[row]], memory[row, ~mask[row]], 1e-6)
        assert_close(found[1][row], summary[row] + np.mean(features, axis=0), 1e-5)


def test_the_order_of_features_is_of_no_account_and_none_change_nothing():
    layer = FeatureMemory()
    inputs, memory, summary, mask = BESIDE
    _, found = layer(*BESIDE)
    swapped = inputs.copy()
    swapped[0, [1, 2]] = inputs[0, [2, 1]]
    assert_close(layer(swapped, memory, summary, mask)[1], found, 1e-6)
    for output, given in zip(layer(inputs, memory, summary, mask & False), (memory, summary), strict=True):
        np.testing.assert_array_equal(output, given)
