"""Batches of a prepared corpus: what is in them, and that any number of workers, from any step on, has the same."""

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pipeline.cluster.cluster import ALONE, Cluster
from pipeline.data.batches import training_batches
from pipeline.data.planning.buckets import plan_buckets, plan_counted
from pipeline.data.prepared.corpus import PreparedCorpus, open_prepared
from pipeline.data.prepared.lane_order import LaneOrder, plan_for_lanes
from pipeline.data.prepared.orders import make_order
from pipeline.errors import DataError, UsageError
from pipeline.text.symbols import END, PAD, START
from pipeline.text.vocabulary import load_vocabularies
from pipeline.training.divergence import MOST_LINES, describe_pairs
from tests.data.test_batches import make_corpus
from tests.tiny_corpus import FILES, PAIRS, prepare_tiny


class OneOf(Cluster):
    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    return open_prepared(prepare_tiny(tmp_path_factory.mktemp("lanes"), lanes=4))


@pytest.fixture
def order(corpus: PreparedCorpus) -> LaneOrder:
    return LaneOrder(corpus, plan_for_lanes(corpus, 2, 200), seed=1)


def words_of(corpus: PreparedCorpus, batch: tuple[tuple[np.ndarray, np.ndarray], np.ndarray]) -> list[tuple[str, str]]:
    """The pairs of a batch as strings, empty rows left out."""
    source, target = (vocabulary.symbols for vocabulary in load_vocabularies(corpus.manifest.folder / "vocabulary"))
    (sources, _), targets = batch
    found = []
    for source_ids, target_ids in zip(sources.tolist(), targets.tolist(), strict=True):
        if target_ids[0] != PAD:
            ends = source_ids.index(END), target_ids.index(END)
            assert not any(source_ids[ends[0] + 1 :])
            assert not any(target_ids[ends[1] + 1 :])
            strings = [source[symbol] for symbol in source_ids[: ends[0]]]
            found.append(("".join(strings), "".join(target[symbol] for symbol in target_ids[: ends[1]])))
        else:
            assert source_ids == [END] + [PAD] * (len(source_ids) - 1)
    return found


def test_a_pass_has_every_pair_once(order: LaneOrder):
    corpus = order.corpus
    for number in (0, 1):
        batches = itertools.islice(order.fill(number, 0, ALONE), order.steps)
        pairs = [pair for batch in batches for pair in words_of(corpus, batch)]
        assert all(source == target[::-1] for source, target in pairs)
        assert len(pairs) == len(set(pairs)) == len(corpus)
    dev = (corpus.manifest.folder / "dev.source").read_text().split()
    assert len(corpus) + len(dev) == FILES * PAIRS
    assert not set(dev) & {source for source, _ in pairs}


def test_passes_and_seeds_have_other_orders(order: LaneOrder):
    def sources(of: LaneOrder, epoch: int) -> list[str]:
        return [source for source, _ in words_of(of.corpus, next(of.fill(epoch, 0, ALONE)))]

    other = LaneOrder(order.corpus, order.buckets, seed=2)
    found = [sources(order, 0), sources(order, 1), sources(other, 0)]
    assert all(sorted(first) != sorted(second) for first, second in itertools.combinations(found, 2))


@pytest.mark.parametrize("size", [2, 4])
def test_workers_together_have_the_batches_of_one(order: LaneOrder, size: int):
    whole = itertools.islice(order.fill(0, 0, ALONE), order.steps + 2)
    shares = [LaneOrder(order.corpus, order.buckets, seed=1).fill(0, 0, OneOf(rank, size)) for rank in range(size)]
    for (inputs, targets), *parts in zip(whole, *shares, strict=False):
        for place in (0, 1):
            np.testing.assert_array_equal(np.concatenate([part[0][place] for part in parts]), inputs[place])
        np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), targets)


def test_a_worker_reads_its_own_lanes_alone(corpus: PreparedCorpus, monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []
    monkeypatch.setattr(
        PreparedCorpus, "cells", lambda self, lane, real=PreparedCorpus.cells: asked.append(lane) or real(self, lane)
    )
    order = LaneOrder(corpus, plan_for_lanes(corpus, 2, 200), seed=1)
    for _ in itertools.islice(order.fill(0, 0, OneOf(1, 2)), order.steps):
        pass
    assert sorted(asked) == [2, 3]
    kept = sum(part.nbytes for lane in order._lanes.values() for part in (*lane.cells, *lane.ends))
    assert kept <= 60 * order.counts[2:].sum()


def test_an_order_goes_on_from_any_step(order: LaneOrder):
    whole = list(itertools.islice(order.fill(0, 0, ALONE), 2 * order.steps))
    for step in (1, order.steps - 1, order.steps + 3):
        epoch, inside = divmod(step, order.steps)
        again = LaneOrder(order.corpus, order.buckets, seed=1).fill(epoch, inside, ALONE)
        for (inputs, targets), (expected, wanted) in zip(again, whole[step:], strict=False):
            np.testing.assert_array_equal(inputs[0], expected[0])
            np.testing.assert_array_equal(targets, wanted)


def test_the_largest_batch_comes_first(order: LaneOrder):
    sizes = [batch[0][0].size * batch[1].shape[1] for batch in itertools.islice(order.fill(0, 0, ALONE), order.steps)]
    assert sizes[0] == max(sizes)


def test_epochs_are_whole_passes(corpus: PreparedCorpus):
    order = LaneOrder(corpus, plan_for_lanes(corpus, 2, 200), seed=1, min_tokens=20_000)
    per_pass = int(order.batches_of.sum())
    assert order.passes > 1
    assert order.steps == order.passes * per_pass
    pairs = Counter(
        pair for batch in itertools.islice(order.fill(3, 0, ALONE), order.steps) for pair in words_of(corpus, batch)
    )
    assert set(pairs.values()) == {order.passes}
    # The next epoch begins with the pass after the last one of this.
    first = next(LaneOrder(corpus, order.buckets, seed=1).fill(order.passes, 0, ALONE))
    np.testing.assert_array_equal(next(order.fill(1, 0, ALONE))[1], first[1])


def test_targets_begin_with_the_start_symbol(order: LaneOrder):
    (_, inputs), targets = next(order.fill(0, 0, ALONE))
    assert set(inputs[:, 0]) == {START}
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])


def test_pairs_are_described_by_file_and_line(order: LaneOrder):
    batch, corpus = order.batch(0, 0), order.corpus
    said = corpus.describe(batch.indices[:2].tolist())
    filled = words_of(corpus, next(order.fill(0, 0, ALONE)))
    for place, (source, _) in zip(said, filled, strict=False):
        _, line, _, name = place.split()
        text = (corpus.manifest.folder.parent / "in" / name).read_text().splitlines()[int(line) - 1]
        assert text.split("\t")[0] == source


def test_a_batch_that_diverges_is_described(order: LaneOrder):
    indices = order.batch(0, 1).indices
    said = describe_pairs(order.corpus, indices, "corpus")
    assert said.startswith(order.corpus.describe(indices[:1].tolist())[0])
    assert said.endswith(f" and {len(indices) - MOST_LINES} more")


def test_rows_are_the_same_for_every_lane(corpus: PreparedCorpus):
    assert all(bucket.rows % 4 == 0 for bucket in plan_for_lanes(corpus, 3, 200))
    with pytest.raises(UsageError, match=r"data.batch_tokens: 30 is too small .* 4 lanes .* give 40 or more"):
        plan_for_lanes(corpus, 3, 30)


def test_workers_that_lanes_cannot_be_dealt_to_are_refused(corpus: PreparedCorpus):
    with pytest.raises(UsageError, match=r"4 lanes, which 3 workers cannot share evenly; start 1, 2, 4 workers"):
        make_order(corpus, plan_for_lanes(corpus, 2, 200), 1, workers=3)


def test_a_dataset_streams_a_share(order: LaneOrder):
    [first] = training_batches(order, 1, 2, OneOf(1, 4)).take(1).as_numpy_iterator()
    expected = next(LaneOrder(order.corpus, order.buckets, 1).fill(1, 2, OneOf(1, 4)))
    np.testing.assert_array_equal(first[0][0], expected[0][0])
    np.testing.assert_array_equal(first[1], expected[1])


@pytest.mark.parametrize("buckets", [1, 3])
def test_counts_plan_the_shapes_that_pairs_do(buckets: int):
    chance = np.random.default_rng(1)
    lengths = [(int(s), int(t)) for s, t in chance.integers(1, 13, (200, 2))]
    whole = make_corpus(lengths)
    counted = Counter(zip(whole.source_lengths.tolist(), whole.target_lengths.tolist(), strict=True))
    source, target = (np.array(side) for side in zip(*counted, strict=True))
    found = plan_counted(source, target, np.array(list(counted.values())), buckets, 64)
    assert found == plan_buckets(whole, buckets, 64)


@pytest.mark.parametrize("name", ["index.bin", "shards/00001/target_ids.bin", "lengths.bin", "vocabulary/source.txt"])
def test_what_is_missing_or_short_is_named(tmp_path: Path, name: str):
    folder = prepare_tiny(tmp_path)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1])
    with pytest.raises(DataError, match=rf"{name}: has {len(content) - 1:,} bytes, not {len(content):,}"):
        open_prepared(folder)
    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"{name}: is missing; the same `prepare` command mends it"):
        open_prepared(folder)
