"""Search against brute force and by hand, with models that are a table or a tiny recurrent network."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from pipeline.penalties import penalize
from pipeline.search import SearchResult, Step, beam_search, greedy_search
from tests.layer_contract import assert_close

PAD, START, END = 0, 1, 2
OTHERS = (3, 4, 5)
VOCABULARY = 6
LIMITS = [4, 4, 3, 2, 1]


class Network:
    """A tanh recurrent network with random weights, in the graph and in NumPy."""

    def __init__(self, rows: int) -> None:
        random = np.random.default_rng(0)
        draw = {"embedding": (6, 4), "recurrent": (4, 4), "output": (4, 6), "memory": (rows, 4)}
        self.parts = {name: random.normal(size=shape).astype("float32") * 1.5 for name, shape in draw.items()}

    def step(self, tokens: Any, state: Any, memory: Any) -> tuple[Any, Any, Any]:
        beams = tf.shape(tokens)[0] // tf.maximum(tf.shape(memory)[0], 1)
        memory = tf.repeat(memory, beams, axis=0)
        state = tf.tanh(state @ self.parts["recurrent"] + tf.gather(self.parts["embedding"], tokens) + memory)
        return state @ self.parts["output"], state, tf.nn.softmax(state[:, :3])

    def start(self, rows: Any = slice(None)) -> tuple[tf.Tensor, tf.Tensor]:
        memory = tf.constant(self.parts["memory"][rows])
        return tf.zeros_like(memory), memory

    def log_probability(self, row: int, sequence: tuple[int, ...]) -> float:
        state, previous, total = np.zeros(4), START, 0.0
        for symbol in sequence:
            state = np.tanh(
                state @ self.parts["recurrent"] + self.parts["embedding"][previous] + self.parts["memory"][row]
            )
            logits = state @ self.parts["output"]
            total += logits[symbol] - np.log(np.exp(logits).sum())
            previous = symbol
        return total


NETWORK = Network(len(LIMITS))


class Hypothesis(NamedTuple):
    penalized: float
    score: float
    sequence: list[int]


def brute_force(row: int, limit: int, length_penalty: float) -> list[Hypothesis]:
    """Every output within the limit, best first."""
    found = []
    for others in range(limit):
        for sequence in itertools.product(OTHERS, repeat=others):
            score = NETWORK.log_probability(row, (*sequence, END))
            found.append(Hypothesis(score / ((6 + others) / 6) ** length_penalty, score, [*sequence, END]))
    return sorted(found, reverse=True)


def search(
    step: Step, state: Any, memory: Any, limits: list[int], *beam: Any, function: Callable[..., Any] = beam_search
) -> SearchResult:
    """In the graph, as it is exported."""
    run = tf.function(lambda state, memory, limits: function(step, state, memory, limits, *beam))
    return SearchResult(*(part.numpy() for part in run(state, memory, tf.constant(limits, tf.int32))))


def greedy(step: Step, state: Any, memory: Any, limits: list[int]) -> SearchResult:
    return search(step, state, memory, limits, function=greedy_search)


def sequences(result: SearchResult) -> list[list[list[int]]]:
    return [
        [row[:length].tolist() for row, length in zip(*of_input, strict=True)]
        for of_input in zip(result.tokens, result.lengths, strict=True)
    ]


def assert_row_equal(actual: SearchResult, row: int, expected: SearchResult, expected_row: int) -> None:
    """Equal but for the padding that other rows make necessary."""
    np.testing.assert_array_equal(actual.lengths[row], expected.lengths[expected_row])
    assert sequences(actual)[row] == sequences(expected)[expected_row]
    assert_close(actual.scores[row], expected.scores[expected_row], 1e-5)
    for rank, length in enumerate(actual.lengths[row]):
        ours, theirs = (
            result.attention_weights[index, rank, :length]
            for result, index in ((actual, row), (expected, expected_row))
        )
        assert_close(ours, theirs, 1e-6)


# With a beam of 3^(4 - 1) open hypotheses and all ended ones nothing is ever dropped.
WIDE, N_BEST = 64, 5


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 3.0])
def test_a_wide_beam_is_brute_force(length_penalty: float):
    result = search(NETWORK.step, *NETWORK.start(), LIMITS, WIDE, N_BEST, length_penalty)
    assert result.tokens.shape[:2] == (len(LIMITS), N_BEST)
    for row, limit in enumerate(LIMITS):
        expected = brute_force(row, limit, length_penalty)[:N_BEST]
        assert sequences(result)[row][: len(expected)] == [hypothesis.sequence for hypothesis in expected]
        assert_close(result.scores[row, : len(expected)], [hypothesis.score for hypothesis in expected], 1e-4)
        # Limits 2 and 1 leave fewer outputs than asked for.
        assert len(expected) == {1: 1, 2: 4}.get(limit, N_BEST)
        assert (result.scores[row, len(expected) :] == -np.inf).all()
        assert (result.lengths[row, len(expected) :] == 0).all()
        assert (result.tokens[row, len(expected) :] == PAD).all()
        assert (result.attention_weights[row, len(expected) :] == 0).all()


def test_length_penalty_changes_the_order():
    # Else the penalised brute force would test nothing that the unpenalised does not.
    best = [
        [brute_force(row, limit, penalty)[0].sequence for row, limit in enumerate(LIMITS)] for penalty in (0.0, 3.0)
    ]
    assert best[0] != best[1]


@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 3.0])
def test_a_beam_of_1_is_greedy(length_penalty: float):
    limits = [6, 5, 4, 2, 1]
    expected = greedy(NETWORK.step, *NETWORK.start(), limits)
    actual = search(NETWORK.step, *NETWORK.start(), limits, 1, 1, length_penalty)
    for row in range(len(limits)):
        assert_row_equal(actual, row, expected, row)


def test_greedy_takes_the_best_symbol_each_time():
    result = greedy(NETWORK.step, *NETWORK.start(), [6] * 5)
    for row, [found] in enumerate(sequences(result)):
        for length in range(1, len(found) + 1):
            prefix = tuple(found[: length - 1])
            allowed = (END,) if length == 6 else (END, *OTHERS)
            best = max(allowed, key=lambda symbol: NETWORK.log_probability(row, (*prefix, symbol)))
            assert found[length - 1] == best
        assert result.scores[row, 0] == pytest.approx(NETWORK.log_probability(row, tuple(found)), abs=1e-4)


@pytest.mark.parametrize("beam", [None, (3, 3, 0.0), (3, 2, 1.0)], ids=str)
def test_an_input_does_not_depend_on_the_rest_of_its_batch(beam: tuple[Any, ...] | None):
    # One function for any number of rows, as in an export.
    rows_of_4 = tf.TensorSpec([None, 4])

    @tf.function(input_signature=[rows_of_4, rows_of_4, tf.TensorSpec([None], tf.int32)])
    def searched(state: Any, memory: Any, limits: Any) -> SearchResult:
        arguments = (NETWORK.step, state, memory, limits)
        return beam_search(*arguments, *beam) if beam else greedy_search(*arguments)

    def run(rows: list[int], limits: list[int]) -> SearchResult:
        return SearchResult(*(part.numpy() for part in searched(*NETWORK.start(rows), tf.constant(limits))))

    limits = [9, 3, 7, 2, 5]
    together, turned = run([0, 1, 2, 3, 4], limits), run([4, 3, 2, 1, 0], limits[::-1])
    for row in range(5):
        alone = run([row], [limits[row]])
        assert_row_equal(alone, 0, together, row)
        assert_row_equal(turned, 4 - row, together, row)


def table(probabilities: dict[tuple[int, ...], dict[int, float]]) -> tuple[Step, tf.Tensor, tf.Variable]:
    """A model that is a table from what was said to what may come next; it counts its calls.

    What the table leaves out has probability 1e-9 each. The state holds what was said, as digits.
    """
    keys = [code_of(said) for said in probabilities]
    rows = np.full((len(keys), VOCABULARY), 1e-9)
    for row, wanted in zip(rows, probabilities.values(), strict=True):
        row[list(wanted)] = list(wanted.values())
    calls = tf.Variable(0)

    def step(tokens: Any, said: Any, memory: Any) -> tuple[Any, Any, Any]:
        calls.assign_add(1)
        said = said * 10 + tokens
        found = tf.equal(said[:, None], tf.constant(keys, tf.int32))
        logits = tf.matmul(tf.cast(found, tf.float32), tf.constant(np.log(rows), tf.float32))
        return logits, said, tf.cast(said[:, None] + memory, tf.float32)

    return step, tf.constant([0]), calls


def code_of(said: tuple[int, ...]) -> int:
    return int("".join(str(symbol) for symbol in (START, *said)))


GARDEN_PATH = {
    (): {3: 0.6, 4: 0.4},
    (3,): {END: 0.28, 3: 0.32, 5: 0.4},
    (4,): {END: 0.9, 5: 0.1},
    (3, 3): {END: 1.0},
    (3, 5): {END: 1.0},
    (4, 5): {END: 1.0},
}


def run_table(
    probabilities: dict[tuple[int, ...], dict[int, float]], limit: int, *beam: Any
) -> tuple[SearchResult, int]:
    step, state, calls = table(probabilities)
    memory = tf.zeros([1, 1], tf.int32)
    result = search(step, state, memory, [limit], *beam) if beam else greedy(step, state, memory, [limit])
    return result, int(calls)


def test_a_beam_finds_what_greedy_misses():
    found, _ = run_table(GARDEN_PATH, 5)
    assert sequences(found) == [[[3, 5, END]]]
    assert_close(found.scores, [[np.log(0.24)]], 1e-5)
    found, _ = run_table(GARDEN_PATH, 5, 2, 2)
    assert sequences(found) == [[[4, END], [3, 5, END]]]
    assert_close(found.scores, [[np.log(0.36), np.log(0.24)]], 1e-5)


def test_attention_rows_are_those_of_the_hypothesis_they_come_with():
    # The fake attention is what had been said when the symbol was chosen.
    found, _ = run_table(GARDEN_PATH, 5, 5, 4)
    assert sequences(found) == [[[4, END], [3, 5, END], [3, 3, END], [3, END]]]
    expected = [
        [code_of(tuple(hypothesis[:length])) for length in range(len(hypothesis))] for hypothesis in sequences(found)[0]
    ]
    assert expected[1] == [1, 13, 135]
    for rank, codes in enumerate(expected):
        assert found.attention_weights[0, rank, : len(codes), 0].tolist() == codes
        assert (found.attention_weights[0, rank, len(codes) :] == 0).all()


def test_greedy_attention_rows():
    found, _ = run_table(GARDEN_PATH, 5)
    assert found.attention_weights[0, 0, :, 0].tolist() == [1, 13, 135]


END_OR_ON = {(): {END: 0.5, 3: 0.3, 4: 0.2}, (3,): {END: 1.0}, (4,): {END: 1.0}}


@pytest.mark.parametrize(
    ("limit", "beam", "calls", "best"),
    [
        # log 0.5 ended, log 0.3 open: nothing can beat it.
        (50, (3, 1, 0.0), 1, [[END]]),
        # The second best is still to be found.
        (50, (3, 2, 0.0), 2, [[END], [3, END]]),
        # Up to 50 symbols, log 0.3 / (55 / 6) is above log 0.5: it goes on, in vain.
        (50, (3, 1, 1.0), 2, [[END]]),
        # Up to 3 symbols, log 0.3 / (8 / 6) is below it.
        (3, (3, 1, 1.0), 1, [[END]]),
        # A penalty with which going on is not in vain: log 0.3 / (7 / 6)^4 is above log 0.5.
        (3, (3, 1, 4.0), 2, [[3, END]]),
        # The one hypothesis of a beam of 1 has ended.
        (50, (1, 1, 1.0), 1, [[END]]),
    ],
)
def test_stops_when_nothing_open_can_win(limit: int, beam: tuple[Any, ...], calls: int, best: list[list[int]]):
    found, called = run_table(END_OR_ON, limit, *beam)
    assert sequences(found) == [best]
    assert called == calls


def test_greedy_stops_at_the_last_end():
    step, _, calls = table({(): {3: 0.9, END: 0.1}, (3,): {END: 0.8, 3: 0.2}})
    found = greedy(step, tf.constant([0, 0]), tf.zeros([2, 1], tf.int32), [30, 1])
    assert sequences(found) == [[[3, END]], [[END]]]
    assert_close(found.scores, [[np.log(0.72)], [np.log(0.1)]], 1e-5)
    assert found.tokens.tolist() == [[[3, END]], [[END, PAD]]]
    assert found.attention_weights[:, 0, :, 0].tolist() == [[1, 13], [1, 0]]
    assert int(calls) == 2


def endless(tokens: Any, state: Any, memory: Any) -> tuple[Any, Any, Any]:
    """Pad, start and symbol 3 in turns are what it likes best; it would never end."""
    logits = tf.tile(tf.math.log([[0.4, 0.3, 0.01, 0.2, 0.05, 0.04]]), [tf.shape(tokens)[0], 1])
    return logits, state, tf.zeros([tf.shape(tokens)[0], 2])


@pytest.mark.parametrize("beam", [None, (1, 1, 0.0), (2, 1, 1.0), (2, 2, 0.0)], ids=str)
def test_limits_force_the_end(beam: tuple[Any, ...] | None):
    limits, none = [4, 1, 2], tf.zeros([3, 1])
    found = search(endless, none, none, limits, *beam) if beam else greedy(endless, none, none, limits)
    best = sequences(found)
    lengths = found.lengths[:, 0].tolist()
    if beam is None or beam[0] == 1:
        assert lengths == limits
    assert (found.lengths <= np.array(limits)[:, None]).all()
    assert found.tokens.shape[2] == found.lengths.max()
    for row in range(3):
        # Neither pad nor start was ever said; the score is the model's, forced end or not.
        for rank, said in enumerate(best[row]):
            if said:
                assert said[-1] == END
                assert set(said[:-1]) <= set(OTHERS)
                expected = np.log(0.01) + sum(np.log([0.2, 0.05, 0.04][symbol - 3]) for symbol in said[:-1])
                assert found.scores[row, rank] == pytest.approx(expected, abs=1e-4)
    assert best[1][0] == [END]


@pytest.mark.parametrize("beam", [None, (4, 2, 0.7)], ids=str)
def test_an_empty_batch(beam: tuple[Any, ...] | None):
    start = NETWORK.start(slice(0, 0))
    found = search(NETWORK.step, *start, [], *beam) if beam else greedy(NETWORK.step, *start, [])
    n_best = beam[1] if beam else 1
    assert found.tokens.shape == (0, n_best, 0)
    assert found.scores.shape == found.lengths.shape == (0, n_best)
    assert found.attention_weights.shape[:3] == (0, n_best, 0)


def test_state_and_memory_may_be_nests():
    def step(tokens: Any, state: Any, memory: Any) -> tuple[Any, Any, Any]:
        logits, new, weights = NETWORK.step(tokens, state["h"][0], memory[0])
        # The second state holds how many symbols were said; the second memory has three axes.
        return (
            logits,
            {"h": [new], "n": state["n"] + 1},
            weights + 0 * memory[1][:1, 0] + tf.cast(state["n"], tf.float32),
        )

    state, memory = NETWORK.start()
    nest = {"h": [state], "n": tf.zeros([5, 1], tf.int32)}, (memory, tf.ones([5, 2, 3]))
    found, expected = search(step, *nest, LIMITS, 3, 2), search(NETWORK.step, state, memory, LIMITS, 3, 2)
    assert sequences(found) == sequences(expected)
    assert_close(found.scores, expected.scores, 1e-6)
    counted = (found.attention_weights - expected.attention_weights)[..., 0]
    assert_close(counted[found.tokens != PAD], (np.ones((5, 2, 1)) * np.arange(4))[found.tokens != PAD], 1e-5)


def test_half_precision_logits_and_weights_come_out_in_full():
    def step(tokens: Any, state: Any, memory: Any) -> tuple[Any, Any, Any]:
        logits, state, weights = NETWORK.step(tokens, state, memory)
        return tf.cast(logits, tf.bfloat16), state, tf.cast(weights, tf.float64)

    for found in (search(step, *NETWORK.start(), LIMITS, 2), greedy(step, *NETWORK.start(), LIMITS)):
        assert (found.scores.dtype, found.attention_weights.dtype) == (np.float32, np.float32)


def test_penalty_by_hand():
    # ((5 + 7) / 6) ** 2 = 4; a length of 1 is not penalised.
    assert penalize(tf.constant([-8.0, -3.0]), tf.constant([7, 1]), 2.0).numpy().tolist() == [-2, -3]


@pytest.mark.parametrize(("beam_size", "n_best"), [(2, 3), (2, 0)])
def test_impossible_n_best_is_refused(beam_size: int, n_best: int):
    with pytest.raises(ValueError, match=r"from 1 to beam_size \(2\)"):
        beam_search(NETWORK.step, *NETWORK.start(), tf.constant(LIMITS), beam_size, n_best)


def test_greedy_ends_at_its_limits_when_the_model_gives_no_numbers():
    def broken(tokens: tf.Tensor, state: tf.Tensor, memory: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return tf.fill([tf.shape(tokens)[0], 6], float("nan")), state, tf.ones([tf.shape(tokens)[0], 2])

    search = tf.function(lambda limits: greedy_search(broken, tf.zeros([2, 1]), tf.zeros([2, 1]), limits))
    assert search(tf.constant([3, 5])).tokens.shape[-1] <= 5
