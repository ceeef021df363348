"""Attention: values computed by hand, exact zeros on padding, the contract of every layer."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from layers import BahdanauAttention, FixedContext, LuongAttention, MultiHeadBahdanauAttention
from layers.attention.weights import masked_softmax
from tests.layer_contract import CONTRACT, TOLERANCES, LayerCase, arrays, assert_close, name_of, randomize
from tests.quick_cases import quick

RANDOM = np.random.default_rng(0)
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
MEMORY = RANDOM.normal(size=(3, 4, 6))
QUERY = RANDOM.normal(size=(3, 7))


def project_and_look(attention: keras.layers.Layer, memory: Any, query: Any, mask: Any) -> tuple[Any, Any]:
    """What a decoder does: keys of the memory, then a look at it, by each head at its part of it."""
    values = attention.split_memory(memory) if attention.heads > 1 else memory
    return attention(query, attention.project_memory(memory), values, mask)


LOOK_INPUTS = [MEMORY.astype("float32"), QUERY.astype("float32"), MASK]
KINDS: dict[str, Callable[..., keras.layers.Layer]] = {
    "bahdanau": lambda dtype: BahdanauAttention(5, dtype=dtype, name="attention"),
    "multi_head": lambda dtype: MultiHeadBahdanauAttention(6, 3, dtype=dtype, name="attention"),
    "luong_general": lambda dtype: LuongAttention(7, dtype=dtype, name="attention"),
    "luong_dot": lambda dtype: LuongAttention(6, "dot", dtype=dtype, name="attention"),
    "fixed": lambda dtype: FixedContext(dtype=dtype, name="attention"),
}
CASES = [LayerCase(name, make, LOOK_INPUTS, (False, True), project_and_look) for name, make in KINDS.items()]
# Its query has the memory's size.
CASES[3] = CASES[3]._replace(inputs=[LOOK_INPUTS[0], LOOK_INPUTS[1][:, :6], MASK])


@pytest.mark.parametrize("check", CONTRACT, ids=name_of)
@pytest.mark.parametrize("case", quick(CASES, 0, 1, 3), ids=name_of)
def test_contract(case: LayerCase, check: Callable[..., None], tmp_path: Path):
    check(case, tmp_path)


@pytest.mark.parametrize(
    "layer",
    [BahdanauAttention(5), MultiHeadBahdanauAttention(6, 2), LuongAttention(4, "dot"), FixedContext()],
    ids=["bahdanau", "multi_head", "luong", "fixed"],
)
def test_configuration_of_the_bare_layer(layer: keras.layers.Layer):
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def look(attention: keras.layers.Layer, query: Any, memory: Any, mask: Any) -> list[np.ndarray]:
    return arrays(attention(query, attention.project_memory(memory), memory, np.asarray(mask)))


def hand_set(query_kernel: Any, memory_kernel: Any, memory_bias: Any, score_vector: Any) -> BahdanauAttention:
    attention = BahdanauAttention(len(score_vector), dtype="float64")
    query_units, memory_units = len(query_kernel), len(memory_kernel)
    look(attention, np.zeros((1, query_units)), np.zeros((1, 2, memory_units)), [[True] * 2])
    attention.query_projection.kernel.assign(query_kernel)
    attention.memory_projection.kernel.assign(memory_kernel)
    attention.memory_projection.bias.assign(memory_bias)
    attention.score_vector.assign(score_vector)
    return attention


def test_one_quarter_three_quarters():
    # Scores v tanh(0) = 0 and v tanh(1) = ln 3, so weights 1/4 and 3/4; the padded 100 has no part in it.
    attention = hand_set([[0.0]], [[1.0]], [0.0], [math.log(3) / math.tanh(1)])
    context, weights = look(attention, np.ones((1, 1)), np.array([[[0.0], [1.0], [100.0]]]), [[True, True, False]])
    assert_close(weights, [[0.25, 0.75, 0.0]], 1e-12)
    assert_close(context, [[0.75]], 1e-12)


def test_query_bias_and_every_unit_take_part():
    attention = hand_set([[1.0, 0.0], [0.5, -1.0]], [[1.0, 2.0]], [0.25, -0.5], [2.0, -3.0])
    query, memory = [0.3, -0.4], [0.0, 1.0, -2.0]
    scores = [
        2 * math.tanh(0.3 - 0.2 + value + 0.25) - 3 * math.tanh(0.4 + 2 * value - 0.5) for value in memory
    ]  # W query = [0.3 - 0.4 / 2, 0.4]
    total = sum(math.exp(score) for score in scores)
    expected = [math.exp(score) / total for score in scores]
    context, weights = look(attention, np.array([query]), np.array(memory)[None, :, None], [[True] * 3])
    assert_close(weights, [expected], 1e-12)
    assert_close(context, [[expected[1] - 2 * expected[2]]], 1e-12)


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_weights_are_exactly_0_on_padding_and_sum_to_1(dtype: str):
    attention = BahdanauAttention(5, dtype=dtype)
    look(attention, QUERY, MEMORY, MASK)
    _, weights = look(randomize(attention, scale=3), QUERY, MEMORY, MASK)
    assert (weights[~MASK] == 0).all()
    assert (weights[MASK] > 0).all()
    assert_close(weights.sum(axis=1), np.ones(3), 1e-6)


def test_what_stands_on_padding_does_not_matter():
    attention = BahdanauAttention(5)
    look(attention, QUERY, MEMORY, MASK)
    randomize(attention)
    other = np.where(MASK[:, :, None], MEMORY, 1e4)
    for actual, expected in zip(look(attention, QUERY, other, MASK), look(attention, QUERY, MEMORY, MASK), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_a_row_without_symbols_has_weights_and_context_0():
    attention = BahdanauAttention(5)
    context, weights = look(attention, QUERY, MEMORY, MASK & [[True], [False], [True]])
    assert (weights[1] == 0).all()
    assert (context[1] == 0).all()
    assert_close(weights.sum(axis=1), [1, 0, 1], 1e-6)


def test_no_units_are_refused():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        BahdanauAttention(0)


def test_fixed_context_is_the_summary_and_looks_nowhere():
    summary = MEMORY[:, :1]
    fixed = FixedContext(dtype="float64")
    keys = fixed.project_memory(MEMORY)
    context, weights = arrays(fixed(QUERY, keys, summary, MASK))
    assert keys.shape == (3, 4, 0)
    np.testing.assert_array_equal(context, MEMORY[:, 0])
    np.testing.assert_array_equal(weights, np.zeros((3, 4)))
    _, apart = arrays(fixed(QUERY, keys, summary, MASK, heads_apart=True))
    np.testing.assert_array_equal(apart, np.zeros((3, 1, 4)))


def test_masked_softmax_by_hand():
    scores = np.array([[0.0, math.log(3), 50.0], [5.0, 5.0, 5.0], [-1e4, 9.0, 9.0]], "float32")
    mask = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 0]], bool)
    weights = np.asarray(masked_softmax(scores, mask))
    assert_close(weights, [[0.25, 0.75, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], 1e-6)
    assert (weights[~mask] == 0).all()


@pytest.mark.parametrize(("given", "result"), [("bfloat16", "float32"), ("float16", "float32"), ("float64", "float64")])
def test_masked_softmax_is_never_in_half_precision(given: str, result: str):
    scores = keras.ops.zeros((1, 300), given)
    weights = masked_softmax(scores, np.ones((1, 300), bool))
    assert weights.dtype.name == result
    assert_close(weights, np.full((1, 300), 1 / 300), 1e-6)


# Luong


def test_general_scores_by_hand():
    attention = LuongAttention(1, dtype="float64")
    look(attention, np.zeros((1, 1)), np.zeros((1, 2, 1)), [[True] * 2])
    attention.memory_projection.kernel.assign([[2.0]])
    # Scores query · 2 h: 0 and ln 3 for h = 0 and ln(3) / 2 with query 1.
    memory = np.array([[[0.0], [math.log(3) / 2]]])
    context, weights = look(attention, np.ones((1, 1)), memory, [[True, True]])
    assert_close(weights, [[0.25, 0.75]], 1e-12)
    assert_close(context, [[0.75 * math.log(3) / 2]], 1e-12)


@pytest.mark.parametrize("score", ["dot", "general"])
def test_luong_refuses_other_sizes(score: str):
    with pytest.raises(ValueError, match="the query must have 5 units, got 7"):
        LuongAttention(5, score).build(QUERY.shape, None, MEMORY.shape)


def test_dot_refuses_another_memory():
    with pytest.raises(ValueError, match="the memory must have 7 units, got 6"):
        LuongAttention(7, "dot").build(QUERY.shape, None, MEMORY.shape)


def test_unknown_score():
    with pytest.raises(ValueError, match="score must be one of"):
        LuongAttention(7, "cosine")


# Several heads


def test_one_head_is_bahdanaus_attention():
    one, many = BahdanauAttention(5, dtype="float64"), MultiHeadBahdanauAttention(5, 1, dtype="float64")
    look(one, QUERY, MEMORY, MASK)
    look(many, QUERY, MEMORY, MASK)
    many.set_weights(randomize(one).get_weights())
    for actual, expected in zip(look(many, QUERY, MEMORY, MASK), look(one, QUERY, MEMORY, MASK), strict=True):
        assert_close(actual, expected, 1e-12)


def test_every_head_has_weights_and_values_of_its_own():
    # Two heads of a unit each: the first scores 0 and ln 3, the second ln 3 and 0.
    attention = MultiHeadBahdanauAttention(2, 2, dtype="float64")
    attention.build((None, 1), None, (None, None, 2))
    attention.query_projection.kernel.assign(np.zeros((1, 2)))
    attention.memory_projection.kernel.assign(np.eye(2))
    attention.memory_projection.bias.assign(np.zeros(2))
    attention.score_vector.assign([math.log(3) / math.tanh(1)] * 2)
    memory = np.array([[[0.0, 1.0], [1.0, 0.0]]])
    values = np.array([[[1.0], [10.0], [100.0], [1000.0]]])  # first position's heads, then the second's
    context, weights = arrays(
        attention(np.ones((1, 1)), attention.project_memory(memory), values, np.array([[True, True]]))
    )
    assert_close(context, [[0.25 * 1 + 0.75 * 10 + 0.75 * 100 + 0.25 * 1000]], 1e-12)
    assert_close(weights, [[0.5, 0.5]], 1e-12)


def test_heads_must_divide_units():
    with pytest.raises(ValueError, match=r"heads must divide units \(5\), got 2"):
        MultiHeadBahdanauAttention(5, 2)
