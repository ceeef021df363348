"""Attention that only moves forward: a step by hand, the contract of every layer."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from layers import MonotonicAttention
from layers.attention.monotonic import LEAST, advance, explain, shares
from layers.emissions import mix
from tests.layer_contract import CONTRACT, LayerCase, arrays, assert_close, name_of, randomize

RANDOM = np.random.default_rng(0)
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
MEMORY = RANDOM.normal(size=(3, 4, 6))
QUERY = RANDOM.normal(size=(3, 7))


def project_and_look(attention: MonotonicAttention, memory: Any, query: Any, mask: Any) -> tuple[Any, Any]:
    return attention(query, attention.project_memory(memory), memory, mask)


CASE = LayerCase(
    "monotonic",
    lambda dtype: MonotonicAttention(5, dtype=dtype, name="attention"),
    [MEMORY.astype("float32"), QUERY.astype("float32"), MASK],
    (False, True),
    project_and_look,
)


@pytest.mark.parametrize("check", CONTRACT, ids=name_of)
def test_contract(check: Callable[..., None], tmp_path: Path):
    check(CASE, tmp_path)


def test_a_step_by_hand():
    # Two places further is as likely as nothing else but for what fits: 1 · 2, 3 · 1, 5 · 1 from the first place.
    fits, jumps = np.array([[1.0, 3.0, 5.0, 0.0]]), np.array([[2.0, 1.0]])
    from_first, from_second = np.array([2, 3, 5, 0]) / 10, np.array([0, 6, 5, 0]) / 11
    assert_close(advance(np.array([[1.0, 0, 0, 0]]), fits, jumps), [from_first], 1e-12)
    assert_close(advance(np.array([[0.25, 0.75, 0, 0]]), fits, jumps), [from_first / 4 + from_second * 3 / 4], 1e-12)


def test_what_fits_is_its_score_and_that_of_the_jump():
    attention = MonotonicAttention(5, jumps=3, dtype="float64")
    project_and_look(attention, MEMORY, QUERY, MASK)
    randomize(attention)
    before = np.array([[0.5, 0.5, 0, 0], [0.1, 0.2, 0.3, 0.4], [1.0, 0, 0, 0]])
    keys = attention.project_memory(MEMORY)
    context, weights = arrays(attention(QUERY, keys, MEMORY, MASK, alignment=before))
    scores = np.tanh((QUERY @ attention.query_projection.kernel)[:, None] + keys) @ attention.score_vector.numpy()
    jumps = QUERY @ attention.jump_projection.kernel.numpy() + attention.jump_projection.bias.numpy()
    for row, length in enumerate(MASK.sum(axis=1)):
        expected = np.zeros(4)
        for start in range(length):
            ends = range(start, length)
            likely = [math.exp(scores[row, end] + jumps[row, min(end - start, 2)]) for end in ends]
            expected[start:length] += before[row, start] * np.array(likely) / sum(likely)
        assert_close(weights[row], expected, 1e-9)
    assert (weights[~MASK] == 0).all()
    assert_close(context, np.einsum("bs,bsm->bm", weights, MEMORY), 1e-12)


def test_nothing_goes_back():
    attention = MonotonicAttention(5)
    project_and_look(attention, MEMORY, QUERY, MASK)
    randomize(attention)
    before = np.array([[0, 0, 1, 0], [0, 0.5, 0.5, 0], [1, 0, 0, 0]], "float32")
    _, weights = arrays(attention(QUERY, attention.project_memory(MEMORY), MEMORY, MASK, alignment=before))
    assert (weights[0, :2] == 0).all()
    assert weights[1, 0] == 0
    assert_close(weights.sum(axis=1), np.ones(3), 1e-6)


def test_shares_are_never_too_small_to_divide_by():
    assert_close(shares(np.array([[0.0, -1000.0, math.log(0.5)]])), [[1.0, math.exp(LEAST), 0.5]], 1e-12)


def test_a_place_that_explains_the_symbol_gains_and_the_mixture_is_their_sum():
    alignment, emissions = np.array([[0.25, 0.75, 0.0]]), np.log([[[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]]])
    first = np.array([0.225, 0.075, 0]) / 0.3
    assert_close(explain(alignment, emissions[..., 0]), [first], 1e-12)
    assert_close(np.exp(mix(alignment, emissions)), [[0.3, 0.7]], 1e-12)


def test_no_jumps_are_refused():
    with pytest.raises(ValueError, match="jumps must be at least 1, got 0"):
        MonotonicAttention(5, jumps=0)
