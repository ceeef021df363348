"""The decoder: step by step equals all at once, padding, and what each part adds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from layers import AttentionDecoder
from tests.kinds import DECODERS, FAST_DECODERS
from tests.layer_contract import CONTRACT, TOLERANCES, LayerCase, arrays, assert_close, name_of, randomize
from tests.quick_cases import quick
from tests.xla import needs_xla

VOCABULARY, UNITS = 9, 7
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(3, 5, 6))
MEMORY = RANDOM.normal(size=(3, 4, 10))
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
SUMMARY = RANDOM.normal(size=(3, 8))
ARGUMENTS = (INPUTS, MEMORY, MASK, SUMMARY)


def kind_name(value: Any) -> str:
    return "-".join(value) if isinstance(value, dict) else str(value)


def case(name: str, **arguments: Any) -> LayerCase:
    def make(dtype: str) -> AttentionDecoder:
        return AttentionDecoder(VOCABULARY, UNITS, **arguments, dtype=dtype, name="decoder")

    inputs = [array if array.dtype == bool else array.astype("float32") for array in ARGUMENTS]
    return LayerCase(name, make, inputs, (True, True), masked=1)


CASES = [
    case("gru_bahdanau", attention_units=3, readout_units=4, dropout=0.1, seed=3),
    case("plain_gru_bahdanau", fast=False),
    case("lstm_none", cell="lstm", attention="none"),
    case("gru_heads", attention="multi_head_bahdanau", attention_units=6, attention_heads=2),
    case("lstm_luong", cell="lstm", attention="luong_general"),
    case("conditional", cell="conditional_gru"),
    case("conditional_with_all", cell="conditional_gru", coverage=True, layers=3, input_feeding=True),
    case("normalized", cell="layer_norm_lstm", layers=2),
    case("normalized_gru", cell="layer_norm_gru"),
]


@pytest.mark.parametrize("check", CONTRACT, ids=name_of)
@pytest.mark.parametrize("layer_case", quick(CASES, 0, 6), ids=name_of)
def test_contract(layer_case: LayerCase, check: Callable[..., None], tmp_path: Path):
    check(layer_case, tmp_path)


def decoder(**arguments: Any) -> AttentionDecoder:
    heads = {"attention_units": 6, "attention_heads": 2} if "multi" in arguments.get("attention", "") else {}
    layer = AttentionDecoder(VOCABULARY, UNITS, **{"dtype": "float64", "fast": False, **heads, **arguments})
    layer.build(*(array.shape for array in ARGUMENTS))
    return randomize(layer)


def step_by_step(layer: AttentionDecoder) -> tuple[np.ndarray, np.ndarray]:
    given = [array if array.dtype == bool else array.astype(layer.compute_dtype) for array in ARGUMENTS]
    inputs, memory, mask, summary = given
    prepared, state = layer.prepare_memory(memory, mask, summary), layer.initial_state(summary, mask)
    logits, weights = [], []
    for position in range(inputs.shape[1]):
        hidden, state, looked_at = layer.step(layer.prepare_inputs(inputs[:, position]), state, prepared)
        logits.append(layer.readout(hidden))
        weights.append(looked_at)
    return np.stack(logits, axis=1), np.stack(weights, axis=1)


PASSES: list[Any] = [(*kind, False, "float64") for kind in DECODERS]
PASSES += [
    case
    for kind in FAST_DECODERS
    for case in quick([(*kind, {}, True, "float64"), (*kind, {}, True, "float32"), (*kind, {}, False, "float32")], 0)
]


@pytest.mark.parametrize(("cell", "attention", "more", "fast", "dtype"), PASSES, ids=kind_name)
def test_single_steps_equal_the_teacher_forced_pass(
    cell: str, attention: str, more: dict[str, Any], fast: bool, dtype: str
):
    layer = decoder(cell=cell, attention=attention, fast=fast, dtype=dtype, **more)
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


@pytest.mark.parametrize("dtype", quick(TOLERANCES, 0))
@pytest.mark.parametrize(("cell", "attention", "more"), [*DECODERS, ("gru", "bahdanau", {"fast": True})], ids=kind_name)
def test_padding_changes_nothing(cell: str, attention: str, more: dict[str, Any], dtype: str):
    layer = decoder(cell=cell, attention=attention, dtype=dtype, **more)
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
    initial = arrays(layer.initial_state(SUMMARY, MASK))
    assert len(initial) == states
    for bridge, state in zip(layer.bridges, initial, strict=True):
        kernel, bias = bridge.get_weights()
        assert_close(state, np.tanh(SUMMARY @ kernel + bias), 1e-12)


def dense(rows: np.ndarray, layer: Any) -> np.ndarray:
    kernel, bias = layer.get_weights()
    return rows @ kernel + bias


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_step_by_hand(cell: str):
    layer = decoder(cell=cell, readout_units=4)
    prepared, state = layer.prepare_memory(MEMORY, MASK, SUMMARY), layer.initial_state(SUMMARY, MASK)
    hidden, new, weights = layer.step(layer.prepare_inputs(INPUTS[:, 0]), state, prepared)
    # What is computed ahead of the step is what Keras's cell and layers do with symbol and context as they are.
    context = np.einsum("bs,bsm->bm", weights, MEMORY)
    output, expected = layer.cell(tf.concat([INPUTS[:, 0], context], axis=-1), state)
    for actual, of_keras in zip(new, expected, strict=True):
        assert_close(actual, of_keras, 1e-12)
    features = np.concatenate([INPUTS[:, 0], output, context], axis=-1)
    assert_close(hidden, dense(features, layer.readout_hidden), 1e-12)
    assert_close(layer.readout(hidden), dense(np.tanh(hidden), layer.output_projection), 1e-12)


def begun(layer: AttentionDecoder) -> tuple[Any, list[Any]]:
    return layer.prepare_memory(MEMORY, MASK, SUMMARY), layer.initial_state(SUMMARY, MASK)


def test_a_conditional_step_by_hand():
    layer = decoder(cell="conditional_gru", readout_units=4)
    prepared, state = begun(layer)
    hidden, (new,), weights = layer.step(layer.prepare_inputs(INPUTS[:, 0]), state, prepared)
    between, _ = layer.cell(INPUTS[:, 0], state)
    assert_close(weights, layer.attention(between, prepared.keys, MEMORY, MASK)[1], 1e-12)
    context = np.einsum("bs,bsm->bm", weights, MEMORY)
    expected, _ = layer.context_cell(context, [between])
    assert_close(new, expected, 1e-12)
    assert_close(hidden, dense(np.concatenate([INPUTS[:, 0], expected, context], axis=-1), layer.readout_hidden), 1e-12)


def test_layers_by_hand():
    layer, first = decoder(layers=3, cell="lstm"), decoder(cell="lstm")
    prepared, state = begun(layer)
    assert len(state) == 6
    hidden, new, weights = layer.step(layer.prepare_inputs(INPUTS[:, 0]), state, prepared)
    context = np.einsum("bs,bsm->bm", weights, MEMORY)
    output, below = layer.cell(tf.concat([INPUTS[:, 0], context], axis=-1), state[:2])
    expected = [*below]
    for cell, own in zip(layer.cells_above, (state[2:4], state[4:6]), strict=True):
        above, after = cell(output, own)
        output, expected = output + above, [*expected, *after]
    for actual, of_keras in zip(new, expected, strict=True):
        assert_close(actual, of_keras, 1e-12)
    assert_close(hidden, dense(np.concatenate([INPUTS[:, 0], output, context], axis=-1), layer.readout_hidden), 1e-12)
    assert len(first.initial_state(SUMMARY, MASK)) == 2


def test_input_feeding_by_hand():
    layer, plain = decoder(input_feeding=True, readout_units=4), decoder(readout_units=4)
    plain.set_weights([weight for weight in layer.get_weights() if weight.shape != layer.feeding.kernel.shape])
    prepared, state = begun(layer)
    inputs = layer.prepare_inputs(INPUTS[:, 0])
    hidden, new, _ = layer.step(inputs, state, prepared)
    # Nothing is fed at first; then tanh of the hidden layer comes where the symbol comes.
    assert_close(hidden, plain.step(inputs, state[:1], prepared)[0], 1e-12)
    assert_close(new[1], np.tanh(hidden), 1e-12)
    again = layer.step(inputs, new, prepared)[0]
    fed = inputs + np.tanh(hidden) @ layer.feeding.kernel.numpy()
    assert_close(again, plain.step(fed, new[:1], prepared)[0], 1e-12)
    assert np.abs(again - plain.step(inputs, new[:1], prepared)[0]).max() > 1e-3


def test_coverage_by_hand():
    layer = decoder(coverage=True)
    prepared, state = begun(layer)
    np.testing.assert_array_equal(state[1], np.zeros((3, 4)))
    seen = np.zeros((3, 4))
    for position in range(3):
        query = state[0] @ layer.attention.query_projection.kernel.numpy()
        matched = query[:, None] + prepared.keys + seen[:, :, None] * layer.attention.coverage_vector.numpy()
        scores = np.where(MASK, np.tanh(matched) @ layer.attention.score_vector.numpy(), -np.inf)
        expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        _, state, weights = layer.step(layer.prepare_inputs(INPUTS[:, position]), state, prepared)
        assert_close(weights, expected, 1e-12)
        seen += expected
        assert_close(state[1], seen, 1e-12)


@pytest.mark.parametrize(("cell", "attention", "more"), DECODERS, ids=kind_name)
def test_several_rows_may_look_at_one_source(cell: str, attention: str, more: dict[str, Any]):
    layer = decoder(cell=cell, attention=attention, **more)
    prepared, state = layer.prepare_memory(MEMORY, MASK, SUMMARY), layer.initial_state(SUMMARY, MASK)
    inputs = layer.prepare_inputs(INPUTS[:, :2].reshape(6, -1))
    twice = [np.repeat(part, 2, axis=0) for part in state]
    together = layer.step(inputs, twice, prepared, beams=2)
    for beam in range(2):
        alone = layer.step(inputs[beam::2], state, prepared)
        for actual, expected in zip(tf.nest.flatten(together), tf.nest.flatten(alone), strict=True):
            assert_close(actual[beam::2], expected, 1e-12)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_attention_is_asked_with_the_state_before_the_symbol(cell: str):
    layer = decoder(cell=cell)
    prepared, state = layer.prepare_memory(MEMORY, MASK, SUMMARY), layer.initial_state(SUMMARY, MASK)
    # Of an LSTM's two parts it is h, the first.
    expected = layer.attention(state[0], prepared.keys, MEMORY, MASK)[1]
    for symbol in (INPUTS[:, 0], INPUTS[:, 1]):
        np.testing.assert_array_equal(layer.step(layer.prepare_inputs(symbol), state, prepared)[2], expected)


def test_fixed_context_is_the_summary_at_every_step():
    layer = decoder(attention="none")
    prepared, state = layer.prepare_memory(MEMORY, MASK, SUMMARY), layer.initial_state(SUMMARY, MASK)
    for position in range(2):
        inputs = layer.prepare_inputs(INPUTS[:, position])
        hidden, new, weights = layer.step(inputs, state, prepared)
        output, expected = layer.cell(tf.concat([INPUTS[:, position], SUMMARY], axis=-1), state)
        assert_close(new[0], expected[0], 1e-12)
        features = np.concatenate([INPUTS[:, position], output, SUMMARY], axis=-1)
        assert_close(hidden, dense(features, layer.readout_hidden), 1e-12)
        np.testing.assert_array_equal(weights, np.zeros((3, 4)))
        state = new


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
    state = fast.initial_state(inputs[3], inputs[2])
    assert not needs_xla(lambda: fast.readout(fast.step(fast.prepare_inputs(inputs[0][:, 0]), state, prepared)[0]))


@pytest.mark.parametrize(
    ("arguments", "message"), [({"cell": "rnn"}, "cell must be"), ({"attention": "dot"}, "attention must be")]
)
def test_an_unknown_kind_is_refused(arguments: dict[str, str], message: str):
    with pytest.raises(ValueError, match=message):
        AttentionDecoder(VOCABULARY, UNITS, **arguments)
