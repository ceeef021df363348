"""The decoder with exact hard attention: all ways through the source by brute force, the contract of every layer."""

import functools
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from layers import BidirectionalEncoder, MonotonicDecoder, plain_unroll
from layers.attention.monotonic import LEAST
from tests.layer_contract import (
    CONTRACT,
    TOLERANCES,
    LayerCase,
    arrays,
    assert_close,
    assert_gradients_agree,
    name_of,
    randomize,
)
from tests.quick_cases import quick

VOCABULARY, UNITS = 9, 7
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(3, 5, 6))
MEMORY = RANDOM.normal(size=(3, 4, 10))
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
SUMMARY = RANDOM.normal(size=(3, 8))
SYMBOLS = RANDOM.integers(3, VOCABULARY, size=(3, 5)).astype("int32")
ARGUMENTS = (INPUTS, MEMORY, MASK, SUMMARY, SYMBOLS)
# In the second row one symbol stands twice, and what padding holds must not matter.
COPIED = np.array([[3, 4, -1, 5], [5, 3, 5, -1], [8, -1, 3, 4]])
KINDS: list[dict[str, Any]] = [
    {},
    {"cell": "lstm", "layers": 2},
    {"cell": "layer_norm_gru", "attention_units": 3, "readout_units": 4},
    {"cell": "layer_norm_lstm", "layers": 3},
    {"copies": True},
    {"copies": True, "cell": "lstm", "backward": True},
]


def given_to(layer: MonotonicDecoder) -> tuple[np.ndarray, ...]:
    return (*ARGUMENTS, COPIED) if layer.copies else ARGUMENTS


def memory_of(layer: MonotonicDecoder) -> Any:
    return layer.prepare_memory(*ARGUMENTS[1:4], *given_to(layer)[5:])


def case(name: str, **arguments: Any) -> LayerCase:
    def make(dtype: str) -> MonotonicDecoder:
        return MonotonicDecoder(VOCABULARY, UNITS, **arguments, dtype=dtype, name="decoder")

    given = (*ARGUMENTS, COPIED) if "copies" in arguments else ARGUMENTS
    inputs = [array if array.dtype in (bool, np.int32) else array.astype("float32") for array in given]
    return LayerCase(name, make, inputs, (True, True), masked=1)


CASES = [
    case("gru", attention_units=3, readout_units=4, dropout=0.1, seed=3),
    case("lstm", cell="lstm", layers=2, backward=True),
    case("copies", copies=True, dropout=0.1, seed=3),
]


@pytest.mark.parametrize("check", CONTRACT, ids=name_of)
@pytest.mark.parametrize("layer_case", quick(CASES, 2), ids=name_of)
def test_contract(layer_case: LayerCase, check: Callable[..., None], tmp_path: Path):
    check(layer_case, tmp_path)


def decoder(**arguments: Any) -> MonotonicDecoder:
    layer = MonotonicDecoder(VOCABULARY, UNITS, **{"dtype": "float64", **arguments})
    layer.build(*(array.shape for array in given_to(layer)))
    return randomize(layer)


def walk(layer: MonotonicDecoder, symbols: np.ndarray = SYMBOLS) -> tuple[list[Any], list[Any]]:
    """Logits and weights `[target, rows, …]`, step by step."""
    prepared, state = memory_of(layer), layer.initial_state(SUMMARY, MASK)
    logits, weights = [], []
    for position in range(symbols.shape[1]):
        inputs = layer.prepare_inputs(INPUTS[:, position], symbols[:, position])
        hidden, state, looked_at = layer.step(inputs, state, prepared)
        logits.append(layer.readout(hidden).numpy())
        weights.append(looked_at.numpy())
    return logits, weights


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_single_steps_equal_the_teacher_forced_pass(kind: dict[str, Any], dtype: str):
    layer = decoder(dtype=dtype, **kind)
    given = [array if array.dtype in (bool, np.int32) else array.astype(dtype) for array in given_to(layer)]
    logits, weights = arrays(layer(*given))
    hidden, stepped = plain_unroll(layer, *given)
    assert_close(logits, layer.readout(hidden), TOLERANCES[dtype])
    assert_close(weights, stepped, TOLERANCES[dtype])
    assert_close(np.exp(logits).sum(axis=-1), np.ones((3, 5)), 1e-5)


@pytest.mark.parametrize(
    ("kind", "training"),
    [
        *quick(((KINDS[number], False) for number in range(6)), 4),
        *quick(((KINDS[number], True) for number in (5, 0, 1)), 0),
    ],
)
def test_gradients_equal_those_of_the_steps(kind: dict[str, Any], training: bool):
    layer = decoder(**kind)

    def gradients(run: Callable[..., Any]) -> Any:
        given = [tf.constant(array) for array in given_to(layer)]
        with tf.GradientTape() as tape:
            tape.watch(given[:2])
            outputs = run(*given)
            loss = sum(tf.reduce_sum(tf.sin(output)) for output in outputs)
        return outputs, tape.gradient(loss, [given[0], given[1], *layer.trainable_weights])

    @tf.function(autograph=False)
    def steps(*given: Any) -> tuple[Any, Any]:
        hidden, weights = plain_unroll(layer, *given)
        return layer.readout(hidden), weights

    # In training loops are compiled, with gradients of their own; eagerly too.
    whole = functools.partial(layer, training=training)
    expected = gradients(steps)
    assert_gradients_agree(gradients(whole), expected, "float64")
    if training:
        assert_gradients_agree(gradients(tf.function(whole, autograph=False)), expected, "float64")


def probabilities(logits: np.ndarray, copied: np.ndarray) -> np.ndarray:
    """Of every symbol at every place, one after the other; logits of a gate stand behind those of symbols."""
    generated = np.exp(logits[:, :VOCABULARY])
    generated /= generated.sum(axis=1, keepdims=True)
    for place, gate in enumerate(logits[:, VOCABULARY:]):
        if gate.size and copied[place] >= 0:
            share = 1 / (1 + np.exp(-gate[0]))
            generated[place] *= share
            generated[place, copied[place]] += 1 - share
    return generated


def emissions_and_moves(layer: MonotonicDecoder, row: int) -> tuple[np.ndarray, np.ndarray]:
    """p of every symbol at every place `[target, source, vocabulary]`, P(j | i) `[target, i, j]`, by Keras's layers."""

    state, length = [np.tanh(SUMMARY @ layer.bridges[0].kernel + layer.bridges[0].bias)], MASK[row].sum()
    emitted, moved = [], []
    for position in range(INPUTS.shape[1]):
        output, state = layer.cells[0](INPUTS[:, position], state)
        own, memory = output.numpy()[row], MEMORY[row, :length]
        seen = [np.concatenate([INPUTS[row, position], own, place]) for place in memory]
        hidden = np.tanh(np.array(seen) @ layer.readout_hidden.kernel.numpy() + layer.readout_hidden.bias.numpy())
        logits = hidden @ layer.output_projection.kernel.numpy() + layer.output_projection.bias.numpy()
        emitted.append(probabilities(logits, COPIED[row]))
        attention = layer.attention
        query, keys = own @ attention.query_projection.kernel.numpy(), attention.memory_projection
        matched = np.tanh(query + memory @ keys.kernel.numpy() + keys.bias.numpy())
        scores = matched @ attention.score_vector.numpy()
        jumps = own @ attention.jump_projection.kernel.numpy() + attention.jump_projection.bias.numpy()
        table = np.zeros((length, length))
        for start, end in itertools.combinations_with_replacement(range(length), 2):
            table[start, end] = np.exp(scores[end] + jumps[min(end - start, len(jumps) - 1)])
        moved.append(table / table.sum(axis=1, keepdims=True))
    return np.array(emitted), np.array(moved)


@pytest.mark.parametrize("copies", [False, True])
@pytest.mark.parametrize("row", range(3))
def test_it_is_the_sum_over_all_ways_through_the_source(row: int, copies: bool):
    layer = decoder(copies=copies)
    emitted, moved = emissions_and_moves(layer, row)
    logits, weights = walk(layer)
    length = emitted.shape[1]
    # What comes in after the start symbol is what the step before gave out.
    targets = SYMBOLS[row, 1:]
    for steps in range(1, 5):
        ways: dict[int, float] = dict.fromkeys(range(length), 0.0)
        total = 0.0
        for way in itertools.product(range(length), repeat=steps):
            probability = 1.0
            for step, (before, here) in enumerate(itertools.pairwise((0, *way))):
                probability *= moved[step, before, here]
                if step < steps - 1:
                    probability *= emitted[step, here, targets[step]]
            ways[way[-1]] += probability
            total += probability
        alignment = np.array([ways[place] / total for place in range(length)])
        assert_close(weights[steps - 1][row, :length], alignment, 1e-9)
        assert_close(np.exp(logits[steps - 1][row]), alignment @ emitted[steps - 1], 1e-9)


def test_weights_are_exactly_0_on_padding_and_behind():
    layer = decoder()
    # As if every jump were of one place.
    layer.attention.jump_projection.kernel.assign(np.zeros((UNITS, 4)))
    layer.attention.jump_projection.bias.assign([LEAST, 0.0, LEAST, LEAST])
    _, weights = walk(layer)
    stacked = np.stack(weights, axis=1)
    assert (stacked.transpose(0, 2, 1)[~MASK] == 0).all()
    assert_close(stacked.sum(axis=-1), np.ones((3, 5)), 1e-9)
    # One place a step; at the end it stays.
    assert stacked[1].argmax(axis=1).tolist() == [1, 2, 3, 3, 3]


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_padding_changes_nothing(dtype: str):
    layer = decoder(dtype=dtype)
    memory, mask = np.full((3, 6, 10), -3.0), np.zeros((3, 6), bool)
    memory[:, :4], mask[:, :4] = MEMORY, MASK
    logits, weights = arrays(layer(INPUTS, memory, mask, SUMMARY, SYMBOLS))
    expected_logits, expected = arrays(layer(*ARGUMENTS))
    assert_close(logits, expected_logits, TOLERANCES[dtype])
    assert_close(weights[:, :, :4], expected, TOLERANCES[dtype])
    assert (weights[:, :, 4:] == 0).all()


def test_backward_it_goes_through_the_source_from_its_end():
    layer, forward = decoder(backward=True), decoder()
    given = [INPUTS, MEMORY[:, ::-1], MASK[:, ::-1], SUMMARY, SYMBOLS]
    expected_logits, expected = arrays(forward(*given))
    for run in (layer, lambda *arguments: plain_unroll(layer, *arguments)):
        logits, weights = arrays(run(*ARGUMENTS))
        assert_close(logits, expected_logits, 1e-12)
        assert_close(weights, expected[:, :, ::-1], 1e-12)
    # It begins at the last open position.
    state = layer.initial_state(SUMMARY, MASK)
    assert_close(state[1][:, ::-1], [[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]], 0)


@pytest.mark.parametrize("copies", [False, True])
def test_extreme_scores_leave_numbers(copies: bool):
    layer = decoder(dtype="float32", copies=copies)
    layer.attention.score_vector.assign(100 * layer.attention.score_vector)
    layer.attention.jump_projection.kernel.assign(100 * layer.attention.jump_projection.kernel)
    layer.output_projection.kernel.assign(100 * layer.output_projection.kernel)
    given = [array if array.dtype in (bool, np.int32) else np.float32(array) for array in given_to(layer)]
    with tf.GradientTape() as tape:
        logits, weights = layer(*given)
        loss = tf.reduce_sum(logits[:, :, 3])
    assert_close(tf.reduce_sum(weights, axis=-1), np.ones((3, 5)), 1e-5)
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(loss, layer.trainable_weights))


def test_the_share_copied_by_hand():
    layer = decoder(copies=True)
    inputs, state = layer.prepare_inputs(INPUTS[:, 0], SYMBOLS[:, 0]), layer.initial_state(SUMMARY, MASK)
    hidden, _, weights = layer.step(inputs, state, memory_of(layer))
    found = layer.share_copied(hidden).numpy()
    for row in range(3):
        length = MASK[row].sum()
        # Without copying only the gate's share is left of what may be copied.
        whole = emissions_and_moves(layer, row)[0][0]
        bias = layer.output_projection.bias
        kept = bias.numpy()
        bias.assign(np.append(kept[:-1], 1e3))
        generated = emissions_and_moves(layer, row)[0][0]
        bias.assign(kept)
        other = np.eye(VOCABULARY)[0][None]  # no symbol of these is copied
        shares = (whole @ other.T) / (generated @ other.T)
        expected = 1 - (weights.numpy()[row, :length] @ (generated * shares)) / (weights.numpy()[row, :length] @ whole)
        assert_close(found[row], expected, 1e-9)
    assert found.max() > 0.05


@pytest.mark.parametrize("kind", [*KINDS[:2], KINDS[-1]], ids=str)
def test_several_rows_may_look_at_one_source(kind: dict[str, Any]):
    layer = decoder(**kind)
    prepared, state = memory_of(layer), layer.initial_state(SUMMARY, MASK)
    first = layer.prepare_inputs(INPUTS[:, 0], SYMBOLS[:, 0])
    state = layer.step(first, state, prepared)[1]
    inputs = layer.prepare_inputs(INPUTS[:, :2].reshape(6, -1), SYMBOLS[:, :2].reshape(6))
    twice = [np.repeat(part, 2, axis=0) for part in state]
    together = layer.step(inputs, twice, prepared, beams=2)
    for beam in range(2):
        alone = layer.step(inputs[beam::2], state, prepared)
        for actual, expected in zip(tf.nest.flatten(together), tf.nest.flatten(alone), strict=True):
            assert_close(actual[beam::2], expected, 1e-12)


def test_dropout_in_training_only():
    layer = decoder(dropout=0.5, seed=1)
    quiet, again, trained = (arrays(layer(*ARGUMENTS, training=mode)) for mode in (False, None, True))
    np.testing.assert_array_equal(quiet[0], again[0])
    assert np.abs(trained[0] - quiet[0]).max() > 1e-3


def test_a_model_of_ones_own(tmp_path: Path):
    source, target = (keras.Input([None], dtype="int32", name=name) for name in ("source", "target"))
    embedding = keras.layers.Embedding(VOCABULARY, 6, mask_zero=True)
    memory, summary = BidirectionalEncoder(4)(embedding(source))
    logits, weights = MonotonicDecoder(VOCABULARY, 5)(embedding(target), memory, summary=summary, symbols=target)
    model = keras.Model([source, target], [logits, weights])
    ids = np.array([[3, 4, 2, 0], [5, 2, 0, 0]]), np.array([[1, 3, 4], [1, 5, 0]])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for actual, expected in zip(arrays(loaded(ids)), arrays(model(ids)), strict=True):
        np.testing.assert_array_equal(actual, expected)
    assert (arrays(model(ids))[1][1, :, 2:] == 0).all()


def test_what_it_needs_is_said():
    shapes = [array.shape for array in ARGUMENTS]
    with pytest.raises(ValueError, match="needs a summary"):
        MonotonicDecoder(9, 7).build(*shapes[:3])
    with pytest.raises(ValueError, match="needs the ids of its inputs"):
        MonotonicDecoder(9, 7).build(*shapes[:4])
    with pytest.raises(ValueError, match="needs the target ids of sources to copy them"):
        MonotonicDecoder(9, 7, copies=True)(*(array.astype("float32") for array in ARGUMENTS[:4]), symbols=SYMBOLS)
    with pytest.raises(ValueError, match="cell must be one of"):
        MonotonicDecoder(9, 7, cell="conditional_gru")
