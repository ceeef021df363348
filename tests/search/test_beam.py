"""Search against brute force and by hand, with models that are a table or a tiny recurrent network."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from pipeline.search.beam import beam_search
from pipeline.search.constraints import constrain
from pipeline.search.greedy import greedy_search
from pipeline.search.options import SearchOptions
from pipeline.search.penalties import Coverage, penalize
from pipeline.search.result import SearchResult, Step
from tests.layer_contract import assert_close
from tests.quick_cases import quick
from tests.toy_network import END, OTHERS, PAD, SOURCE, START, VOCABULARY, Restrictions, ToyNetwork, brute_force

LIMITS = [4, 4, 3, 2, 1]
NETWORK = ToyNetwork(len(LIMITS))


def search(
    step: Step,
    state: Any,
    memory: Any,
    limits: list[int],
    *beam: Any,
    function: Callable[..., Any] = beam_search,
    **options: Any,
) -> SearchResult:
    """In the graph, as it is exported."""
    sizes, penalty = beam[:2], dict(zip(["length_penalty"], beam[2:], strict=False))
    asked = SearchOptions(**penalty, **options)
    run = tf.function(lambda state, memory, limits: function(step, state, memory, limits, *sizes, options=asked))
    return SearchResult(*(part.numpy() for part in run(state, memory, tf.constant(limits, tf.int32))))


def greedy(step: Step, state: Any, memory: Any, limits: list[int], **options: Any) -> SearchResult:
    return search(step, state, memory, limits, function=greedy_search, **options)


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
    assert_close(actual.rank_scores[row], expected.rank_scores[expected_row], 1e-5)
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
        expected = brute_force(NETWORK, row, limit, length_penalty=length_penalty)[:N_BEST]
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
        [brute_force(NETWORK, row, limit, length_penalty=penalty)[0].sequence for row, limit in enumerate(LIMITS)]
        for penalty in (0.0, 3.0)
    ]
    assert best[0] != best[1]


@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 3.0])
def test_a_beam_of_1_is_greedy(length_penalty: float):
    limits = [6, 5, 4, 2, 1]
    expected = greedy(NETWORK.step, *NETWORK.start(), limits, length_penalty=length_penalty)
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
        return beam_search(*arguments, *beam[:2], SearchOptions(beam[2])) if beam else greedy_search(*arguments)

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


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_attention_need_not_be_kept(length_penalty: float):
    state, memory = NETWORK.start()
    coverage = Coverage(0.5, tf.ones([len(LIMITS), SOURCE], tf.bool))
    common = (NETWORK.step, state, memory, tf.constant(LIMITS))
    for find, more in ((greedy_search, ()), (beam_search, (3, 2))):
        for asked in (None, coverage):
            kept = find(*common, *more, SearchOptions(length_penalty, asked))
            found = find(*common, *more, SearchOptions(length_penalty, asked, keep_attention=False))
            for name in ("tokens", "scores", "lengths", "rank_scores"):
                np.testing.assert_array_equal(getattr(found, name), getattr(kept, name))
            # Greedy search needs it for the penalty.
            assert (found.attention_weights is None) == (find is beam_search or asked is None)


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


# What may be asked of a search, and prefixes for every row.

SOURCE_LENGTHS = [3, 2, 3, 1, 2]
PREFIXES = [(4,), (), (5, 5), (3, 3, 4), (5,)]
ASKED: list[dict[str, Any]] = [
    {"coverage": 0.7},
    {"coverage": 2.0, "length_penalty": 1.5},
    {"block_ngrams": 1},
    {"block_ngrams": 2},
    {"block_ngrams": 3},
    {"min_length": 2},
    {"min_length": 3, "block_ngrams": 1},
    {"prefix": PREFIXES},
    {"prefix": PREFIXES, "block_ngrams": 1},
    {"prefix": PREFIXES, "block_ngrams": 2, "min_length": 3, "coverage": 1.0, "length_penalty": 0.5},
]


def options(asked: dict[str, Any], rows: Any = slice(None)) -> dict[str, Any]:
    """As the search functions take it."""
    prefix = asked.get("prefix")
    if prefix is not None:
        prefix = tf.constant(np.array([(*given, PAD, PAD, PAD)[:3] for given in prefix], np.int32)[rows])
    weight, mask = asked.get("coverage"), tf.sequence_mask(SOURCE_LENGTHS, SOURCE)[rows]
    return {
        "length_penalty": asked.get("length_penalty", 0.0),
        "coverage": Coverage(weight, mask) if weight else None,
        "constraints": constrain(
            prefix, min_length=asked.get("min_length", 0), block_ngrams=asked.get("block_ngrams", 0)
        ),
    }


def of_row(asked: dict[str, Any], row: int) -> dict[str, Any]:
    """As `brute_force` takes it."""
    given = {**asked, "prefix": asked["prefix"][row]} if "prefix" in asked else asked
    return {**given, "source_length": SOURCE_LENGTHS[row]}


def restrictions(asked: dict[str, Any], row: int, limit: int) -> Restrictions:
    given = of_row(asked, row)
    return Restrictions(limit, **{name: given[name] for name in Restrictions._fields[1:] if name in given})


# With a beam of 3^(5 - 1) open hypotheses and all ended ones nothing is ever dropped.
LONGER, ALL = [5, 4, 3, 2, 1], 256


@pytest.mark.parametrize("asked", quick(ASKED, 1, 6, 9), ids=str)
def test_a_beam_of_all_outputs_is_brute_force_whatever_is_asked(asked: dict[str, Any]):
    every = search(NETWORK.step, *NETWORK.start(), LONGER, ALL, ALL, **options(asked))
    # One is enough to stop early.
    best = search(NETWORK.step, *NETWORK.start(), LONGER, ALL, 1, **options(asked))
    for row, limit in enumerate(LONGER):
        expected = brute_force(NETWORK, row, limit, **of_row(asked, row))
        assert sequences(best)[row] == [expected[0].sequence]
        assert best.rank_scores[row, 0] == pytest.approx(expected[0].penalized, abs=1e-4)
        found = sequences(every)[row]
        assert sorted(filter(None, found)) == sorted(hypothesis.sequence for hypothesis in expected)
        by_sequence = {tuple(hypothesis.sequence): hypothesis for hypothesis in expected}
        for rank, sequence in enumerate(found[: len(expected)]):
            assert every.scores[row, rank] == pytest.approx(by_sequence[tuple(sequence)].score, abs=1e-4)
            assert every.rank_scores[row, rank] == pytest.approx(by_sequence[tuple(sequence)].penalized, abs=1e-4)
        assert (np.diff(every.rank_scores[row, : len(expected)]) <= 0).all()
        assert (every.rank_scores[row, len(expected) :] == -np.inf).all()


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_what_is_asked_changes_the_outputs(asked: dict[str, Any]):
    # Else brute force would test nothing that it does not without.
    found = [
        [hypothesis.sequence for hypothesis in brute_force(NETWORK, 0, 5, **given)] for given in (of_row(asked, 0), {})
    ]
    assert found[0] != found[1]


def test_both_definitions_of_what_may_be_said_agree():
    for asked in ASKED:
        for row, limit in enumerate([5, 4, 3, 2, 1]):
            kept = restrictions(asked, row, limit)
            reached, open_ones = set(), [()]
            while open_ones:
                said = open_ones.pop()
                for symbol in kept.next_symbols(said):
                    reached.add(said) if symbol == END else open_ones.append((*said, symbol))
            found = brute_force(NETWORK, row, limit, **of_row(asked, row))
            assert reached == {tuple(hypothesis.sequence[:-1]) for hypothesis in found}


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_greedy_takes_the_best_of_what_is_allowed_and_so_does_a_beam_of_1(asked: dict[str, Any]):
    limits = [7, 6, 5, 2, 1]
    result = greedy(NETWORK.step, *NETWORK.start(), limits, **options(asked))
    beam = search(NETWORK.step, *NETWORK.start(), limits, 1, 1, **options(asked))
    for row, limit in enumerate(limits):
        said: tuple[int, ...] = ()
        kept, found = restrictions(asked, row, limit), sequences(result)[row][0]
        while END not in said and kept.next_symbols(said):
            logs = NETWORK.follow(row, (*said, END))[0][-1]
            said = (*said, max(kept.next_symbols(said), key=lambda symbol: logs[symbol]))
        assert found == (list(said) if END in said else [])
        assert_row_equal(beam, row, result, row)
        if found:
            assert result.scores[row, 0] == pytest.approx(NETWORK.log_probability(row, said), abs=1e-4)


def test_where_nothing_may_be_said_there_is_no_output():
    # Three symbols, each once, make no output of four.
    asked = {"min_length": 4, "block_ngrams": 1}
    assert brute_force(NETWORK, 0, 6, **asked) == []
    limits = [6, 6, 4, 2, 1]
    for found in (
        greedy(NETWORK.step, *NETWORK.start(), limits, **options(asked)),
        search(NETWORK.step, *NETWORK.start(), limits, 1, **options(asked)),
        search(NETWORK.step, *NETWORK.start(), limits, 3, **options(asked)),
    ):
        assert found.lengths[:, 0].tolist()[:2] == [0, 0]
        assert (found.scores[:2, 0] == -np.inf).all()
        assert (found.rank_scores[:2, 0] == -np.inf).all()
        assert not found.tokens[:2].any()
        assert not found.attention_weights[:2].any()
        # A limit leaves no room for so many, the end comes all the same.
        assert found.lengths[2:, 0].tolist() == limits[2:]


@pytest.mark.parametrize("beam", [None, (3, 2)], ids=str)
@pytest.mark.parametrize("asked", quick(ASKED, 4, 9), ids=str)
def test_what_is_asked_does_not_depend_on_the_rest_of_the_batch(asked: dict[str, Any], beam: tuple[int, int] | None):
    limits = [9, 3, 7, 2, 5]

    def run(rows: slice) -> SearchResult:
        arguments = (NETWORK.step, *NETWORK.start(rows), limits[rows])
        return search(*arguments, *beam, **options(asked, rows)) if beam else greedy(*arguments, **options(asked, rows))

    together, turned, empty = run(slice(None)), run(slice(None, None, -1)), run(slice(0, 0))
    for row in range(5):
        assert_row_equal(turned, 4 - row, together, row)
    assert_row_equal(run(slice(1, 2)), 0, together, 1)
    assert empty.rank_scores.shape == (0, beam[1] if beam else 1)


@pytest.mark.parametrize("block_ngrams", [1, 2, 3])
def test_no_ngram_twice_however_long_the_output(block_ngrams: int):
    limits, asked = [60, 60, 60, 60, 60], {"block_ngrams": block_ngrams, "min_length": 3 ** (block_ngrams - 1)}

    # The last symbol first, then all the others again and again: it would never end.
    def endless(tokens: Any, state: Any, memory: Any) -> tuple[Any, Any, Any]:
        logits, state, weights = NETWORK.step(tokens, state, memory)
        return logits - 20 * tf.one_hot(END, VOCABULARY), state, weights

    found = search(endless, *NETWORK.start(), limits, 4, 2, **options(asked))
    lengths = []
    for said in itertools.chain.from_iterable(sequences(found)):
        grams = [tuple(said[first : first + block_ngrams]) for first in range(len(said) - block_ngrams + 1)]
        assert len(set(grams)) == len(grams)
        lengths.append(len(said))
    # There are three symbols, so 3 ** n n-grams and not one more.
    assert 3 ** (block_ngrams - 1) < max(lengths) <= 3**block_ngrams + block_ngrams


@pytest.mark.parametrize(("weight", "calls", "best"), [(0.01, 1, [END]), (0.1, 2, [3, END])])
def test_stops_when_nothing_open_can_win_even_if_it_looks_at_all_of_the_source(
    weight: float, calls: int, best: list[int]
):
    # The end at once has not looked at one of the positions: log 0.5 + b log 1e-6 is -0.83 for b = 0.01, and -2.07
    # for b = 0.1, where log 0.3 = -1.2 can still beat it.
    step, state, called = table(END_OR_ON)

    def looks_at_its_position(tokens: Any, state: Any, memory: Any) -> tuple[Any, Any, Any]:
        logits, state, _ = step(tokens, state, memory)
        return logits, state, tf.one_hot(tf.minimum(state, 10) // 10, 2)

    coverage = Coverage(weight, tf.ones([1, 2], tf.bool))
    found = search(looks_at_its_position, state, tf.zeros([1, 1], tf.int32), [50], 3, 1, coverage=coverage)
    assert (sequences(found), int(called)) == ([[best]], calls)
    expected = np.log(0.3) if calls == 2 else np.log(0.5) + weight * np.log(1e-6)
    assert_close(found.rank_scores, [[expected]], 1e-5)


def test_without_attention_coverage_changes_nothing():
    def blind(tokens: Any, state: Any, memory: Any) -> tuple[Any, Any, Any]:
        logits, state, weights = NETWORK.step(tokens, state, memory)
        return logits, state, tf.zeros_like(weights)

    found = search(blind, *NETWORK.start(), LIMITS, 3, 2, **options({"coverage": 1.0}))
    expected = search(blind, *NETWORK.start(), LIMITS, 3, 2)
    for actual, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(actual, wanted)
    alone = greedy(blind, *NETWORK.start(), LIMITS, **options({"coverage": 1.0}))
    np.testing.assert_array_equal(alone.rank_scores, alone.scores)


def test_rank_scores_are_scores_without_penalties():
    found = search(NETWORK.step, *NETWORK.start(), LIMITS, 3, 2)
    np.testing.assert_array_equal(found.rank_scores, found.scores)
    found = greedy(NETWORK.step, *NETWORK.start(), LIMITS, length_penalty=2.0)
    assert_close(found.rank_scores, found.scores / ((5 + found.lengths) / 6) ** 2, 1e-6)


@pytest.mark.parametrize("how", ["greedy", "beam of 1", "beam of 4"])
def test_outputs_that_their_limit_ended_are_flagged(how: str):
    """Where the limit leaves the end symbol alone, and the model finds another one more probable there."""
    flags: set[bool] = set()
    for limit in (1, 2, 3, 4, 6):
        limits = [limit] * len(LIMITS)
        if how == "greedy":
            found = greedy(NETWORK.step, *NETWORK.start(), limits)
        else:
            found = search(NETWORK.step, *NETWORK.start(), limits, int(how[-1]), min(2, int(how[-1])))
        for row, outputs in enumerate(sequences(found)):
            for rank, sequence in enumerate(outputs):
                logs, _ = NETWORK.follow(row, tuple(sequence))
                expected = len(sequence) == limit and logs[-1].argmax() != END
                assert found.limited[row, rank] == expected, (limit, row, sequence)
                flags.add(expected)
    assert flags == {True, False}
