import dataclasses
import itertools
import time

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.batches import (
    PlannedBatch,
    TrainingOrder,
    fill_batch,
    plan_pass,
    training_batches,
    validation_batches,
)
from pipeline.data.lessons import Lessons
from pipeline.data.planning.buckets import Bucket, assign_buckets, plan_buckets
from pipeline.data.tokenized_corpus import TokenizedCorpus
from pipeline.model.losses import token_cross_entropy
from pipeline.text.symbols import END, PAD, START

LENGTHS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=60)


def make_corpus(lengths: list[tuple[int, int]]) -> TokenizedCorpus:
    """Every pair has ids of its own, pair i's source and target beginning with 10 + i; 2 closes them."""

    def ids(side: int) -> np.ndarray:
        rows = [[10 + index] * (pair[side] - 1) + [END] for index, pair in enumerate(lengths)]
        return np.array(list(itertools.chain.from_iterable(rows)), np.int32)

    source_lengths, target_lengths = np.array(lengths, np.int32).T
    lines = np.arange(1, len(lengths) + 1)
    corpora = np.zeros(len(lengths), np.int32)
    return TokenizedCorpus(ids(0), ids(1), source_lengths, target_lengths, lines, {}, {}, corpora)


def random_corpus(count: int, longest: int = 12, seed: int = 0) -> TokenizedCorpus:
    return make_corpus([tuple(pair) for pair in np.random.default_rng(seed).integers(2, longest + 1, (count, 2))])


def arrays(dataset: tf.data.Dataset, count: int) -> list[list[list[list[int]]]]:
    """The first batches as (source, target_inputs, targets), comparable with ==."""
    taken = dataset.take(count).as_numpy_iterator()
    return [[source.tolist(), inputs.tolist(), targets.tolist()] for (source, inputs), targets in taken]


# Shapes


def least_cost(lengths: list[int], buckets: int) -> int:
    """Padded symbols of the best boundaries there are, found by trying all."""
    distinct = sorted(set(lengths))
    choices = itertools.chain.from_iterable(
        itertools.combinations(distinct[:-1], count) for count in range(min(buckets, len(distinct)))
    )
    return min(cost(lengths, [*choice, distinct[-1]]) for choice in choices)


def cost(lengths: list[int], boundaries: list[int]) -> int:
    return sum(min(boundary for boundary in boundaries if boundary >= length) for length in lengths)


@settings(max_examples=150, deadline=None)
@given(LENGTHS, st.integers(1, 5))
def test_no_boundaries_pad_less(lengths: list[tuple[int, int]], buckets: int):
    sources = [source for source, _ in lengths]
    boundaries = [bucket.source_length for bucket in plan_buckets(make_corpus(lengths), buckets, 64)]
    assert len(boundaries) <= buckets
    assert cost(sources, boundaries) == least_cost(sources, buckets)


@settings(max_examples=150, deadline=None)
@given(LENGTHS, st.integers(1, 5), st.integers(12, 200))
def test_shapes(lengths: list[tuple[int, int]], buckets: int, batch_tokens: int):
    corpus = make_corpus(lengths)
    planned = plan_buckets(corpus, buckets, batch_tokens)
    sources, targets, _ = zip(*planned, strict=True)
    assert list(sources) == sorted(set(sources))
    assert list(targets) == sorted(targets)
    # The last one holds everything, and not more than that.
    assert (sources[-1], targets[-1]) == tuple(np.max(lengths, axis=0))
    for bucket in planned:
        longer = max(bucket.source_length, bucket.target_length)
        assert bucket.rows * longer <= batch_tokens
        assert (bucket.rows + 8 if bucket.rows >= 8 else bucket.rows + 1) * longer > batch_tokens
        assert bucket.rows < 8 or bucket.rows % 8 == 0
    assert set(assign_buckets(corpus, planned)) == set(range(len(planned)))


def test_one_long_target_does_not_widen_a_bucket():
    corpus = make_corpus([(4, 5)] * 99 + [(4, 12)] + [(9, 12)] * 5)
    small, large = plan_buckets(corpus, 2, 48)
    assert small == Bucket(4, 5, 8)
    assert (large.source_length, large.target_length) == (9, 12)
    assert assign_buckets(corpus, [small, large]).tolist() == [0] * 99 + [1] * 6


def test_assignment_takes_the_first_that_holds_both_sides():
    buckets = [Bucket(3, 4, 1), Bucket(5, 4, 1), Bucket(9, 9, 1)]
    corpus = make_corpus([(3, 4), (4, 4), (3, 5), (9, 9), (10, 1), (1, 10)])
    assert assign_buckets(corpus, buckets).tolist() == [0, 1, 2, 2, 3, 3]


# Epochs


@settings(max_examples=50, deadline=None)
@given(LENGTHS, st.integers(1, 4), st.integers(0, 3), st.integers(0, 3))
def test_every_pair_once_an_epoch(lengths: list[tuple[int, int]], buckets: int, seed: int, epoch: int):
    corpus = make_corpus(lengths)
    planned = plan_buckets(corpus, buckets, 30)
    assigned = assign_buckets(corpus, planned)
    batches = plan_pass(assigned, planned, seed, epoch)
    assert sorted(np.concatenate([batch.indices for batch in batches])) == list(range(len(corpus)))
    for bucket, indices, _ in batches:
        assert 1 <= len(indices) <= bucket.rows
        assert all(planned[assigned[index]] == bucket for index in indices)
    # No more batches than needed, so equally many in every epoch.
    needed = [-(-int((assigned == index).sum()) // bucket.rows) for index, bucket in enumerate(planned)]
    assert len(batches) == sum(needed)


def test_the_order_depends_on_seed_and_epoch_alone():
    corpus = random_corpus(200)
    buckets = plan_buckets(corpus, 3, 64)
    assigned = assign_buckets(corpus, buckets)

    def order(seed: int, epoch: int) -> list[list[int]]:
        np.random.seed(seed + epoch)  # it must not matter
        return [batch.indices.tolist() for batch in plan_pass(assigned, buckets, seed, epoch)]

    assert order(1, 0) == order(1, 0)
    orders = [order(1, 0), order(1, 1), order(2, 0), order(0, 1)]
    assert all(first != second for first, second in itertools.combinations(orders, 2))
    # Not only the batches are shuffled, what stands in them is too.
    assert {frozenset(batch) for batch in orders[0]}.isdisjoint({frozenset(batch) for batch in orders[1]})
    # Nor are the buckets one after the other.
    shapes = [batch.bucket for batch in plan_pass(assigned, buckets, 1, 0)]
    assert len(list(itertools.groupby(shapes))) > 2 * len(buckets)


# Weights


def mixed_corpus(counts: list[int], weights: tuple[float, ...], longest: int = 12) -> TokenizedCorpus:
    """Corpora of random pairs, one after the other."""
    corpus = random_corpus(sum(counts), longest)
    return dataclasses.replace(corpus, corpora=np.repeat(np.arange(len(counts)), counts), weights=weights)


def plan(corpus: TokenizedCorpus, buckets: list[Bucket], number: int, seed: int = 1) -> list[PlannedBatch]:
    return plan_pass(assign_buckets(corpus, buckets), buckets, seed, number, corpus.corpora, corpus.weights)


def had(batches: list[PlannedBatch], pairs: int) -> np.ndarray:
    """How often each pair is in the batches."""
    return np.bincount(np.concatenate([batch.indices for batch in batches]), minlength=pairs)


def test_weights_of_one_change_nothing():
    corpus = mixed_corpus([70, 50, 80], (1.0, 1.0, 1.0))
    buckets = plan_buckets(corpus, 3, 64)
    for number in range(3):
        before = plan_pass(assign_buckets(corpus, buckets), buckets, 1, number)
        for ours, theirs in zip(plan(corpus, buckets, number), before, strict=True):
            assert ours.bucket == theirs.bucket
            assert ours.indices.tolist() == theirs.indices.tolist()


def test_the_batches_of_a_pass_never_change():
    # What an interrupted training has had: another order would go on with other batches.
    assigned = np.array([0, 1, 0, 1, 0, 0, 1])
    batches = plan_pass(assigned, [Bucket(2, 2, 3), Bucket(4, 4, 2)], 1, 5)
    assert [batch.indices.tolist() for batch in batches] == [[4], [3], [1, 6], [2, 0, 5]]
    weighted = plan_pass(assigned, [Bucket(2, 2, 3), Bucket(4, 4, 2)], 1, 5, np.array([0, 0, 0, 1, 1, 1, 1]), (2, 0.5))
    assert [batch.indices.tolist() for batch in weighted] == [[2, 5], [1], [1, 3], [0, 0, 2]]


def test_a_half_and_then_the_other_half():
    corpus = mixed_corpus([40], (0.5,), longest=2)
    buckets = plan_buckets(corpus, 1, 64)
    first, second, third = (had(plan(corpus, buckets, number), 40) for number in range(3))
    assert first.tolist() == third.tolist() == (1 - second).tolist()
    assert first.sum() == 20
    # A random one.
    assert 0 < first[:20].sum() < 20
    other = had(plan(corpus, buckets, 0, seed=2), 40)
    assert other.tolist() not in (first.tolist(), second.tolist())


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.floats(0.05, 3.5)), min_size=1, max_size=3),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_passes_have_every_pair_as_often_as_its_weight_says(parts: list[tuple[int, float]], buckets: int, seed: int):
    counts, weights = zip(*parts, strict=True)
    corpus = mixed_corpus(list(counts), weights)
    planned = plan_buckets(corpus, buckets, 30)
    assigned = assign_buckets(corpus, planned)
    passes = [plan(corpus, planned, number, seed) for number in range(8)]
    # As many batches of each shape, and as many pairs in them.
    assert len({tuple(sorted((*batch.bucket, len(batch.indices)) for batch in batches)) for batches in passes}) == 1
    counted = np.array([had(batches, len(corpus)) for batches in passes])
    for place, weight in enumerate(weights):
        for bucket in range(len(planned)):
            cell = counted[:, (corpus.corpora == place) & (assigned == bucket)]
            if not cell.size:
                continue
            assert set(cell.ravel().tolist()) <= {int(weight), int(weight) + 1}
            # No pair falls behind another, after however many passes.
            assert max(np.ptp(cell[:number].sum(axis=0)) for number in range(1, 9)) <= 1
            assert abs(cell[0].sum() - weight * cell.shape[1]) <= 1


def test_an_epoch_of_weighted_corpora_has_as_many_steps_each_time():
    corpus = mixed_corpus([50, 60, 40], (2.0, 0.3, 1.0))
    buckets = plan_buckets(corpus, 3, 64)
    dataset, steps = stream(corpus, buckets, seed=1)
    batches = arrays(dataset, 3 * steps)
    firsts = [row[0] - 10 for batch in batches[steps : 2 * steps] for row in batch[2] if any(row)]
    assert np.bincount(firsts, minlength=150).tolist() == had(plan(corpus, buckets, 1), 150).tolist()
    later, _ = stream(corpus, buckets, seed=1, epoch=1)
    assert arrays(later, 2 * steps) == batches[steps:]


# Filling


def test_fill():
    corpus = make_corpus([(3, 2), (1, 4), (4, 1)])
    (source, inputs), targets = fill_batch(corpus, PlannedBatch(Bucket(4, 5, 4), np.array([2, 0, 1])))
    assert source.tolist() == [[12, 12, 12, END], [10, 10, END, PAD], [END, PAD, PAD, PAD], [END, PAD, PAD, PAD]]
    assert targets.tolist() == [
        [END, PAD, PAD, PAD, PAD],
        [10, END, PAD, PAD, PAD],
        [11, 11, 11, END, PAD],
        [PAD, PAD, PAD, PAD, PAD],
    ]
    assert inputs.tolist() == [[START, *row[:-1]] for row in targets.tolist()]
    assert {array.dtype for array in (source, inputs, targets)} == {np.dtype(np.int32)}


def test_empty_rows_count_for_nothing():
    corpus = make_corpus([(3, 2), (2, 4)])
    _, targets = fill_batch(corpus, PlannedBatch(Bucket(4, 5, 4), np.arange(2)))
    random = np.random.default_rng(0)
    logits = random.normal(size=(4, 5, 20)).astype(np.float32)
    total, tokens = token_cross_entropy(targets, logits, 0.1)
    assert tokens == 6
    logits[2:] = random.normal(size=(2, 5, 20)) * 100
    np.testing.assert_equal(token_cross_entropy(targets, logits, 0.1)[0].numpy(), total.numpy())
    logits[1, 3] += random.normal(size=20)  # whereas a real symbol counts
    assert token_cross_entropy(targets, logits, 0.1)[0] != total


def test_what_a_teacher_says_stands_at_its_symbols():
    corpus = make_corpus([(3, 2), (1, 4), (4, 1)])
    symbols = np.arange(14, dtype=np.int32).reshape(7, 2)
    corpus = dataclasses.replace(corpus, lessons=Lessons(symbols, (symbols / 16).astype(np.float32)))
    inputs, (targets, found, probabilities) = fill_batch(corpus, PlannedBatch(Bucket(4, 5, 4), np.array([2, 0, 1])))
    plain = fill_batch(dataclasses.replace(corpus, lessons=None), PlannedBatch(Bucket(4, 5, 4), np.array([2, 0, 1])))
    np.testing.assert_equal((inputs, targets), plain)
    assert found.tolist() == [
        [[12, 13], [0, 0], [0, 0], [0, 0], [0, 0]],
        [[0, 1], [2, 3], [0, 0], [0, 0], [0, 0]],
        [[4, 5], [6, 7], [8, 9], [10, 11], [0, 0]],
        [[0, 0]] * 5,
    ]
    assert (found.dtype, probabilities.dtype) == (np.int32, np.float32)
    np.testing.assert_array_equal(probabilities, found / np.float32(16))
    [streamed] = training_batches(TrainingOrder(corpus, [Bucket(4, 5, 3)], 1)).take(1).as_numpy_iterator()
    expected = fill_batch(corpus, TrainingOrder(corpus, [Bucket(4, 5, 3)], 1).batch(0, 0))
    np.testing.assert_equal(streamed, expected)
    assert validation_batches(corpus, [Bucket(4, 5, 3)])[1] == 1


# Streams


def stream(
    corpus: TokenizedCorpus, buckets: list[Bucket], seed: int, epoch: int = 0, min_tokens: int = 0
) -> tuple[tf.data.Dataset, int]:
    """The batches from an epoch on, and how many an epoch has."""
    order = TrainingOrder(corpus, buckets, seed, min_tokens)
    return training_batches(order, epoch), order.steps


def test_a_bucket_has_one_shape():
    corpus = random_corpus(150)
    buckets = plan_buckets(corpus, 3, 64)
    dataset, steps = stream(corpus, buckets, seed=1)
    shapes = {tuple(map(len, (batch[0], batch[0][0], batch[1][0], batch[2][0]))) for batch in arrays(dataset, steps)}
    assert shapes == {(rows, source, target, target) for source, target, rows in buckets}


def test_an_epoch_holds_every_symbol_once():
    corpus = random_corpus(150)
    dataset, steps = stream(corpus, plan_buckets(corpus, 3, 64), seed=1)
    batches = arrays(dataset, 3 * steps)
    assert len(batches) == 3 * steps  # it goes on and on
    for epoch in range(3):
        inside = batches[epoch * steps : (epoch + 1) * steps]
        targets = [row for batch in inside for row in batch[2] if any(row)]
        firsts = sorted(row[0] for row in targets)
        assert firsts == list(range(10, 160))
        assert sum(sum(symbol != PAD for symbol in row) for row in targets) == corpus.target_lengths.sum()


def test_a_later_start_is_the_same_as_going_on():
    corpus = random_corpus(150)
    buckets = plan_buckets(corpus, 3, 64)
    whole, steps = stream(corpus, buckets, seed=1)
    batches = arrays(whole, 4 * steps)
    later, same_steps = stream(corpus, buckets, seed=1, epoch=2)
    assert same_steps == steps
    assert arrays(later, 2 * steps) == batches[2 * steps :]
    middle = training_batches(TrainingOrder(corpus, buckets, seed=1), epoch=2, step=3)
    assert arrays(middle, 2 * steps - 3) == batches[2 * steps + 3 :]
    assert batches[:steps] != batches[steps : 2 * steps]
    other, _ = stream(corpus, buckets, seed=2)
    assert arrays(other, steps) != batches[:steps]


def test_an_epoch_of_several_passes_can_be_entered_anywhere():
    corpus = random_corpus(150)
    buckets = plan_buckets(corpus, 3, 64)
    per_pass = TrainingOrder(corpus, buckets, seed=1).steps
    order = TrainingOrder(corpus, buckets, seed=1, min_tokens=100_000)
    assert order.steps > 2 * per_pass
    first = list(itertools.islice(order.batches(), 2 * order.steps))
    for epoch, step in ((0, 0), (0, per_pass), (0, per_pass + 1), (1, 2 * per_pass - 1), (1, order.steps - 1)):
        number = epoch * order.steps + step
        np.testing.assert_equal(order.batch(epoch, step), first[number])
        rest = list(itertools.islice(order.batches(epoch, step), 2 * order.steps - number))
        np.testing.assert_equal(rest, first[number:])


def test_the_largest_batch_comes_first_of_all():
    corpus = random_corpus(150)
    for seed in range(5):
        order = TrainingOrder(corpus, plan_buckets(corpus, 4, 256), seed)
        sizes = [np.prod(batch.bucket) for batch in itertools.islice(order.batches(), 2 * order.steps)]
        assert sizes[0] == max(sizes)


@pytest.mark.parametrize(("share", "passes"), [(0, 1), (1, 1), (1.1, 2), (4, 4)])
def test_an_epoch_of_little_data_is_several_passes(share: float, passes: int):
    corpus = random_corpus(150)
    buckets = plan_buckets(corpus, 3, 64)
    single, steps = stream(corpus, buckets, seed=1)
    room = sum(int(np.prod(np.shape(targets))) for _, targets in single.take(steps))
    enough = int(share * room)
    _, epoch_steps = stream(corpus, buckets, seed=1, min_tokens=enough)
    assert epoch_steps == passes * steps
    later, _ = stream(corpus, buckets, seed=1, epoch=2, min_tokens=enough)
    assert arrays(later, steps) == arrays(single, (2 * passes + 1) * steps)[2 * passes * steps :]


def test_validation_is_one_pass_over_what_fits():
    corpus = make_corpus([(2, 2), (9, 2), (3, 3), (2, 9), (3, 2)])
    dataset, steps = validation_batches(corpus, [Bucket(3, 3, 2)])
    batches = arrays(dataset, 100)
    assert len(batches) == steps == 2
    assert sorted(row[0] for batch in batches for row in batch[2] if any(row)) == [10, 12, 14]
    assert arrays(dataset, 100) == batches
    assert validation_batches(make_corpus([(9, 9)]), [Bucket(3, 3, 2)])[1] == 0


def test_data_alone_is_fast():
    corpus = random_corpus(20_000, longest=30)
    dataset, steps = stream(corpus, plan_buckets(corpus, 6, 2048), seed=1)
    dataset = dataset.take(min(steps, 300))
    tokens = 0
    begin = time.perf_counter()
    for _, targets in dataset:
        tokens += int(np.count_nonzero(targets))
    seconds = time.perf_counter() - begin
    assert tokens / seconds > 100_000


def test_no_autotuning_thread_is_left_to_wait_for():
    corpus = random_corpus(50)
    batches, _ = stream(corpus, plan_buckets(corpus, 2, 64), seed=1)
    assert batches.options().autotune.enabled is False
