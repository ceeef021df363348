"""Greedy search where it is proven to find what a beam finds, held to the beam alone and to all outputs."""

import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from pipeline.search.beam import beam_search
from pipeline.search.constraints import constrain
from pipeline.search.greedy import greedy_search_with_rivals
from pipeline.search.options import SearchOptions
from pipeline.search.proof import prove_first
from pipeline.search.result import SearchResult
from tests.layer_contract import assert_close
from tests.quick_cases import quick
from tests.toy_network import END, PAD, START, ToyNetwork, brute_force

ROWS = 60
LIMITS = [2 + row % 4 for row in range(ROWS)]


def network(sharpness: float, ending: float = 6.0) -> ToyNetwork:
    """The larger, the surer: of its first symbol, and that the end follows."""
    made = ToyNetwork(ROWS)
    made.parts["output"] *= sharpness
    made.parts["embedding"][:, 0] = 10.0
    made.parts["embedding"][START, 0] = -10.0
    made.parts["output"][0] = 0.0
    made.parts["output"][:, [PAD, START]] = 0.0  # which no output has: what they get is lost
    made.parts["output"][0, END] = ending * sharpness
    return made


def search(made: ToyNetwork, options: SearchOptions, beams: int, rows: int = ROWS) -> tuple[SearchResult, list[Any]]:
    """What is found by both, and the rows that went through a beam."""
    asked: list[Any] = []

    def run(state: Any, memory: Any, limits: Any) -> SearchResult:
        def beam(some: Any) -> SearchResult:
            asked.append(some)
            taken = (tf.gather(part, some) for part in (state, memory, limits))
            return beam_search(made.step, *taken, beams, 1, options)

        def greedy() -> tuple[SearchResult, Any]:
            return greedy_search_with_rivals(made.step, state, memory, limits, options)

        widest = options.constraints.widen(limits)
        return prove_first(greedy, beam, widest, options.length_penalty)

    # Not in a graph: so the rows can be looked at.
    state, memory = made.start(slice(0, rows))
    found = run(state, memory, tf.constant(LIMITS[:rows], tf.int32))
    return found, [int(row) for of in asked for row in of]


def by_beam(made: ToyNetwork, options: SearchOptions, beams: int) -> SearchResult:
    return beam_search(made.step, *made.start(), tf.constant(LIMITS, tf.int32), beams, 1, options)


RULES: list[dict[str, int]] = [{}, {"min_length": 1}, {"block_ngrams": 1}]


@pytest.mark.parametrize(
    ("penalty", "beams", "rules"),
    quick(itertools.product([0.0, 1.0], [2, 3], RULES), 1, 3, 5, 8, 9, 11),
    ids=lambda value: str(value),
)
def test_it_is_what_the_beam_finds(penalty: float, beams: int, rules: dict[str, int]) -> None:
    given = {"min_length": 0, "block_ngrams": 0, **rules}
    options = SearchOptions(length_penalty=penalty, constraints=constrain(None, **given))
    open_rows = []
    for sharpness in (0.1, 0.5, 1.5):
        made = network(sharpness)
        found, asked = search(made, options, beams)
        expected = by_beam(made, options, beams)
        np.testing.assert_array_equal(found.lengths, expected.lengths)
        np.testing.assert_array_equal(found.tokens, expected.tokens)
        np.testing.assert_array_equal(found.limited, expected.limited)
        assert_close(found.scores, expected.scores, 1e-5)
        assert_close(found.rank_scores, expected.rank_scores, 1e-5)
        assert_close(found.attention_weights, expected.attention_weights, 1e-5)
        open_rows.append(len(asked))
    # Else one of the two was not tried.
    assert 0 < sum(open_rows) < 3 * ROWS


def test_what_is_proven_is_the_best_of_all_outputs() -> None:
    made = network(3.0)
    found, asked = search(made, SearchOptions(length_penalty=1.0), 2)
    proven = sorted(set(range(ROWS)) - set(asked))
    assert len(proven) > 10
    for row in proven:
        best = brute_force(made, row, LIMITS[row], 1.0)[0]
        assert found.tokens[row, 0, : int(found.lengths[row, 0])].numpy().tolist() == best.sequence


def test_nothing_goes_through_a_beam_where_all_is_proven() -> None:
    _, asked = search(network(1000.0, ending=100.0), SearchOptions(), 3)
    assert asked == []


def test_no_inputs_have_no_outputs() -> None:
    found, asked = search(network(1.0), SearchOptions(), 3, rows=0)
    assert found.tokens.shape[0] == 0
    assert asked == []


def test_what_cannot_be_proven_is_not_followed_to_its_end() -> None:
    made = network(0.1)
    steps = []

    def step(*given: Any) -> Any:
        steps.append(1)
        return made.step(*given)

    greedy_search_with_rivals(step, *made.start(), tf.fill([ROWS], 50))
    assert len(steps) < 5
