"""Samples against exact probabilities, and that they depend on nothing but source and seed."""

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import chisquare

from pipeline.search.constraints import constrain
from pipeline.search.greedy import greedy_search
from pipeline.search.options import SearchOptions
from pipeline.search.penalties import Coverage
from pipeline.search.result import SearchResult
from pipeline.search.sampling import Draws, _gumbel, _mix, sample_search, source_keys
from tests.layer_contract import assert_close
from tests.quick_cases import quick
from tests.toy_network import END, PAD, SOURCE, Restrictions, ToyNetwork

NETWORK = ToyNetwork(5)
MANY = 20_000


def keys(count: int, seed: int = 1) -> tf.Tensor:
    """Of as many sources of one symbol."""
    return source_keys(seed, tf.range(count)[:, None], tf.ones([count], tf.int32))


def sample(rows: list[int], limits: list[int], of: tf.Tensor, samples: int, *arguments: Any, **more: Any) -> Any:
    run = tf.function(
        lambda state, memory, limits, of: sample_search(
            NETWORK.step, state, memory, limits, Draws(of, samples, *arguments), SearchOptions(**more)
        )
    )
    found = run(*NETWORK.start(rows), tf.constant(limits, tf.int32), of)
    return SearchResult(*(part.numpy() for part in found))


def said(result: SearchResult) -> list[list[tuple[int, ...]]]:
    """Symbols of all outputs of every input, without the end symbol."""
    return [
        [tuple(row[: length - 1].tolist()) for row, length in zip(*of_input, strict=True)]
        for of_input in zip(result.tokens, result.lengths, strict=True)
    ]


def probabilities(row: int, kept: Restrictions, temperature: float) -> dict[tuple[int, ...], float]:
    """Exactly, of all outputs."""
    found: dict[tuple[int, ...], float] = {}

    def go_on(so_far: tuple[int, ...], probability: float) -> None:
        allowed = kept.next_symbols(so_far)
        weights = np.exp(NETWORK.follow(row, (*so_far, END))[0][-1][allowed] / temperature)
        for symbol, share in zip(allowed, weights / weights.sum(), strict=True):
            if symbol == END:
                found[so_far] = probability * share
            else:
                go_on((*so_far, symbol), probability * share)

    go_on((), 1.0)
    return found


@pytest.mark.parametrize(
    ("temperature", "restrictions"),
    [
        (1.0, {}),
        (0.5, {}),
        (3.0, {}),
        (1.0, {"block_ngrams": 1}),
        (2.0, {"min_length": 1}),
        (1.0, {"prefix": (4,)}),
    ],
)
@pytest.mark.parametrize("row", quick([0, 3], 1))
def test_samples_are_drawn_from_the_models_distribution(row: int, temperature: float, restrictions: dict[str, Any]):
    kept = Restrictions(3, **restrictions)
    expected = probabilities(row, kept, temperature)
    assert sum(expected.values()) == pytest.approx(1)
    prefix = tf.tile([kept.prefix], [MANY // 4, 1]) if kept.prefix else None
    constraints = constrain(prefix, min_length=kept.min_length, block_ngrams=kept.block_ngrams)
    found = sample([row] * (MANY // 4), [3] * (MANY // 4), keys(MANY // 4), 4, 4, temperature, constraints=constraints)
    counted = Counter(itertools.chain.from_iterable(said(found)))
    assert agree(counted, {output: MANY * share for output, share in expected.items()})


def agree(counted: dict[Any, int], expected: dict[Any, float]) -> bool:
    """Whether chance can explain the difference; a right sampler fails one time in a thousand."""
    assert set(counted) <= set(expected)
    # Pearson's approximation wants 5 of each: what is rarer counts together.
    rare = [key for key, count in expected.items() if count < 5]
    pairs = [(counted.get(key, 0), count) for key, count in expected.items() if count >= 5]
    if rare:
        pairs.append((sum(counted.get(key, 0) for key in rare), sum(expected[key] for key in rare)))
    return chisquare(*zip(*pairs, strict=True)).pvalue > 0.001


def test_the_test_tells_another_temperature():
    wanted = {output: MANY * share for output, share in probabilities(0, Restrictions(3), 1.1).items()}
    found = sample([0] * (MANY // 4), [3] * (MANY // 4), keys(MANY // 4), 4, 4)
    assert not agree(Counter(itertools.chain.from_iterable(said(found))), wanted)


def test_the_samples_of_a_source_are_independent_of_each_other():
    shares = probabilities(0, Restrictions(2), 1.0)
    run = sample([0] * MANY, [2] * MANY, keys(MANY), 2, 2)
    # Best first: pairs without their order.
    counted = Counter(tuple(sorted(pair)) for pair in said(run))
    expected: Counter[Any] = Counter()
    for first, second in itertools.product(shares, repeat=2):
        expected[tuple(sorted((first, second)))] += MANY * shares[first] * shares[second]
    assert agree(counted, expected)


def test_a_sample_depends_on_its_source_alone():
    limits, of = [9, 3, 7, 2, 5], keys(5)

    def run(rows: list[int], samples: int = 3) -> list[list[tuple[int, ...]]]:
        return said(sample(rows, [limits[row] for row in rows], tf.gather(of, rows), samples, samples))

    together = run([0, 1, 2, 3, 4])
    assert run([4, 2, 0, 2]) == [together[4], together[2], together[0], together[2]]
    for row in range(5):
        assert run([row]) == [together[row]]
        # More samples are more of them, not others.
        assert not Counter(together[row]) - Counter(run([row], samples=6)[0])


def test_outputs_are_ordered_and_scored_by_the_model():
    coverage = Coverage(0.5, tf.sequence_mask([3, 2, 3, 1, 2], SOURCE))
    found = sample(list(range(5)), [5] * 5, keys(5), 6, 6, 1.5, length_penalty=1.0, coverage=coverage)
    for row, outputs in enumerate(said(found)):
        for rank, output in enumerate(outputs):
            score = NETWORK.log_probability(row, (*output, END))
            assert found.scores[row, rank] == pytest.approx(score, abs=1e-4)
            attention = NETWORK.follow(row, (*output, END))[1].sum(axis=0)[: [3, 2, 3, 1, 2][row]]
            rank_score = score / ((6 + len(output)) / 6) + 0.5 * np.log(np.minimum(attention, 1)).sum()
            assert found.rank_scores[row, rank] == pytest.approx(rank_score, abs=1e-4)
        assert (np.diff(found.rank_scores[row]) <= 0).all()
    fewer = sample(list(range(5)), [5] * 5, keys(5), 6, 2, 1.5, length_penalty=1.0, coverage=coverage)
    assert said(fewer) == [outputs[:2] for outputs in said(found)]


def test_attention_comes_with_its_output():
    found = sample([0, 1], [5, 4], keys(2), 4, 4)
    for row, outputs in enumerate(said(found)):
        for rank, output in enumerate(outputs):
            expected = NETWORK.follow(row, (*output, END))[1]
            assert_close(found.attention_weights[row, rank, : len(output) + 1], expected, 1e-5)
            assert not found.attention_weights[row, rank, len(output) + 1 :].any()


def test_low_temperature_is_greedy():
    rows, limits = list(range(5)), [6, 5, 4, 2, 1]
    found = sample(rows, limits, keys(5), 3, 3, 1e-4)
    greedy = greedy_search(NETWORK.step, *NETWORK.start(rows), tf.constant(limits))
    expected = said(SearchResult(*(part.numpy() for part in greedy)))
    assert said(found) == [outputs * 3 for outputs in expected]
    assert_close(found.scores, np.repeat(greedy.scores, 3, axis=1), 1e-5)


def test_an_empty_batch_and_where_nothing_may_be_said():
    found = sample([], [], keys(0), 3, 2)
    assert found.tokens.shape[:2] == found.scores.shape == found.rank_scores.shape == (0, 2)
    nothing = sample([0, 1], [6, 6], keys(2), 2, 2, constraints=constrain(min_length=4, block_ngrams=1))
    assert (nothing.scores == -np.inf).all()
    assert not nothing.tokens.any()
    assert not nothing.lengths.any()


def test_more_outputs_than_samples_are_refused():
    with pytest.raises(ValueError, match=r"from 1 to samples \(2\)"):
        sample([0], [3], keys(1), 2, 3)


def test_keys_tell_sources_apart_and_know_no_padding():
    sources = [source for length in range(1, 5) for source in itertools.product(range(2, 8), repeat=length)]
    padded = tf.constant([(*source, *[PAD] * (6 - len(source))) for source in sources])
    lengths = tf.constant([len(source) for source in sources])
    of = source_keys(1, padded, lengths).numpy()
    assert len(set(of.tolist())) == len(sources)
    assert not set(of.tolist()) & set(source_keys(2, padded, lengths).numpy().tolist())
    np.testing.assert_array_equal(source_keys(1, padded[:, :4], lengths), of)


def test_mixing_is_that_of_splitmix64():
    # The first numbers of the generator that begins with 1234567, as published with it.
    drawn = [_mix(tf.constant(1234567, tf.uint64), number).numpy() for number in range(5)]
    assert drawn == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_noise_is_finite_and_of_gumbels_distribution():
    assert np.isfinite(_gumbel(tf.constant([0, 2**64 - 1], tf.uint64))).all()
    noise = _gumbel(_mix(tf.constant(0, tf.uint64), tf.range(100_000))).numpy()
    assert noise.mean() == pytest.approx(np.euler_gamma, abs=0.02)
    assert noise.std() == pytest.approx(np.pi / np.sqrt(6), abs=0.02)
