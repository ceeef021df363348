"""The decoder: step by step equals all at once, padding, and what each part adds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from layers import AttentionDecoder
from tests.layer_contract import CONTRACT, TOLERANCES, LayerCase, arrays, assert_close, name_of, randomize
from tests.xla import needs_xla

VOCABULARY, UNITS = 9, 7
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(3, 5, 6))
MEMORY = RANDOM.normal(size=(3, 4, 10))
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
SUMMARY = RANDOM.normal(size=(3, 8))
ARGUMENTS = (INPUTS, MEMORY, MASK, SUMMARY)
KINDS = [(cell, attention) for cell in ("gru", "lstm") for attention in ("bahdanau", "none")]


def case(name: str, **arguments: Any) -> LayerCase:
    def make(dtype: str) -> AttentionDecoder:
        return AttentionDecoder(VOCABULARY, UNITS, **arguments, dtype=dtype, name="decoder")

    inputs = [array if array.dtype == bool else array.astype("float32") for array in ARGUMENTS]
    return LayerCase(name, make, inputs, (True, True))


CASES = [
    case("gru_bahdanau", attention_units=3, readout_units=4, dropout=0.1, seed=3),
    case("plain_gru_bahdanau", fast=False),
    case("lstm_none", cell="lstm", attention="none"),
]


@pytest.mark.parametrize("check", CONTRACT, ids=name_of)
@pytest.mark.parametrize("layer_case", CASES, ids=name_of)
def test_contract(layer_case: LayerCase, check: Callable[..., None], tmp_path: Path):
    check(layer_case, tmp_path)


def decoder(**arguments: Any) -> AttentionDecoder:
    layer = AttentionDecoder(VOCABULARY, UNITS, **{"dtype": "float64", "fast": False, **arguments})
    layer.build(*(array.shape for array in ARGUMENTS))
    return randomize(layer)


def step_by_step(layer: AttentionDecoder) -> tuple[np.ndarray, np.ndarray]:
    given = [array if array.dtype == bool else array.astype(layer.compute_dtype) for array in ARGUMENTS]
    inputs, memory, mask, summary = given
    prepared, state = layer.prepare_memory(memory, mask, summary), layer.initial_state(summary)
    logits, weights = [], []
    for position in range(inputs.shape[1]):
        features, state, looked_at = layer.step(inputs[:, position], state, prepared)
        logits.append(layer.readout(features))
        weights.append(looked_at)
    return np.stack(logits, axis=1), np.stack(weights, axis=1)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("fast", [True, False], ids=["fast", "plain"])
@pytest.mark.parametrize(("cell", "attention"), KINDS)
def test_single_steps_equal_the_teacher_forced_pass(cell: str, attention: str, fast: bool, dtype: str):
    layer = decoder(cell=cell, attention=attention, fast=fast, dtype=dtype)
    logits, weights = layer(*ARGUMENTS)
    assert logits.shape == (3, 5, VOCABULARY)
    assert weights.shape == (3, 5, 4)
    expected_logits, expected_weights = step_by_step(layer)
    assert_close(logits, expected_logits, TOLERANCES[dtype])
    assert_close(weights, expected_weights, TOLERANCES[dtype])


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "plain"])
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_weights_are_exactly_0_on_padding_and_sum_to_1(dtype: str, fast: bool):
    _, weights = arrays(decoder(dtype=dtype, fast=fast)(*ARGUMENTS))
    assert (weights.transpose(0, 2, 1)[~MASK] == 0).all()
    assert (weights.transpose(0, 2, 1)[MASK] > 0).all()
    assert_close(weights.sum(axis=-1), np.ones((3, 5)), 1e-6)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(
    ("cell", "attention", "fast"), [*((*kind, False) for kind in KINDS), ("gru", "bahdanau", True)]
)
def test_padding_changes_nothing(cell: str, attention: str, fast: bool, dtype: str):
    layer = decoder(cell=cell, attention=attention, fast=fast, dtype=dtype)
    inputs, memory = np.full((5, 8, 6), 3.0), np.full((5, 6, 10), -3.0)
    mask, summary = np.zeros((5, 6), bool), np.ones((5, 8))
    inputs[:3, :5], memory[:3, :4], summary[:3] = INPUTS, MEMORY, SUMMARY
    mask[:3, :4], mask[3:, 0] = MASK, True
    (logits, weights), (expected_logits, expected) = (
        arrays(layer(inputs, memory, mask, summary)),
        arrays(layer(*ARGUMENTS)),
    )
    assert_close(logits[:3, :5], expected_logits, TOLERANCES[dtype])
    assert_close(weights[:3, :5, :4], expected, TOLERANCES[dtype])
    assert (weights[:3, :, 4:] == 0).all()


def test_later_inputs_do_not_reach_back():
    layer = decoder()
    changed = INPUTS.copy()
    changed[:, 3] += 1
    before, after = (arrays(layer(inputs, *ARGUMENTS[1:]))[0] for inputs in (INPUTS, changed))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (np.abs(before[:, 3:] - after[:, 3:]).max(axis=(0, 2)) > 1e-3).all()


@pytest.mark.parametrize(("cell", "states"), [("gru", 1), ("lstm", 2)])
def test_bridge(cell: str, states: int):
    layer = decoder(cell=cell)
    initial = arrays(layer.initial_state(SUMMARY))
    assert len(initial) == states
    for bridge, state in zip(layer.bridges, initial, strict=True):
        kernel, bias = bridge.get_weights()
        assert_close(state, np.tanh(SUMMARY @ kernel + bias), 1e-12)


def test_features_of_a_step_are_symbol_state_and_context():
    layer = decoder()
    prepared = layer.prepare_memory(MEMORY, MASK, SUMMARY)
    features, (state,), weights = layer.step(INPUTS[:, 0], layer.initial_state(SUMMARY), prepared)
    context = np.einsum("bs,bsm->bm", weights, MEMORY)
    assert_close(features, np.concatenate([INPUTS[:, 0], state, context], axis=-1), 1e-12)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_attention_is_asked_with_the_state_before_the_symbol(cell: str):
    layer = decoder(cell=cell)
    prepared, state = layer.prepare_memory(MEMORY, MASK, SUMMARY), layer.initial_state(SUMMARY)
    # Of an LSTM's two parts it is h, the first.
    expected = layer.attention(state[0], prepared.keys, MEMORY, MASK)[1]
    for symbol in (INPUTS[:, 0], INPUTS[:, 1]):
        np.testing.assert_array_equal(layer.step(symbol, state, prepared)[2], expected)


def test_fixed_context_is_the_summary_at_every_step():
    layer = decoder(attention="none")
    prepared, state = layer.prepare_memory(MEMORY, MASK, SUMMARY), layer.initial_state(SUMMARY)
    for position in range(2):
        features, state, weights = layer.step(INPUTS[:, position], state, prepared)
        np.testing.assert_array_equal(features[:, -8:], SUMMARY)
        np.testing.assert_array_equal(weights, np.zeros((3, 4)))


def test_readout_by_hand():
    layer = decoder(readout_units=4)
    (hidden_kernel, hidden_bias), (kernel, bias) = (
        part.get_weights() for part in (layer.readout_hidden, layer.output_projection)
    )
    features = np.random.default_rng(1).normal(size=(2, 6 + UNITS + 10))
    expected = np.tanh(features @ hidden_kernel + hidden_bias) @ kernel + bias
    assert_close(layer.readout(features), expected, 1e-12)


def test_dropout_in_training_only():
    layer = decoder(dropout=0.5, seed=1)
    quiet, again, trained = (arrays(layer(*ARGUMENTS, training=mode)) for mode in (False, None, True))
    np.testing.assert_array_equal(quiet[0], again[0])
    assert np.abs(trained[0] - quiet[0]).max() > 1e-3
    # It is in the readout, not in the recurrence.
    np.testing.assert_array_equal(trained[1], quiet[1])


def test_fast_pass_is_the_compiled_one_and_single_steps_never_are():
    inputs = [tf.constant(array) for array in ARGUMENTS]
    fast, plain = decoder(fast=True), decoder(fast=False)
    assert needs_xla(lambda: fast(*inputs))
    assert not needs_xla(lambda: plain(*inputs))
    prepared = fast.prepare_memory(*inputs[1:])
    state = fast.initial_state(inputs[3])
    assert not needs_xla(lambda: fast.readout(fast.step(inputs[0][:, 0], state, prepared)[0]))


@pytest.mark.parametrize(
    ("arguments", "message"), [({"cell": "rnn"}, "cell must be"), ({"attention": "dot"}, "attention must be")]
)
def test_an_unknown_kind_is_refused(arguments: dict[str, str], message: str):
    with pytest.raises(ValueError, match=message):
        AttentionDecoder(VOCABULARY, UNITS, **arguments)
