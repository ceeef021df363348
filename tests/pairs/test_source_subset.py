"""Which sources are held out: exactly so many, by the same rule in every process."""

import os
import pickle
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.pairs import source_subset
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.source_subset import hash_source, hold_out


def make_pairs(sources: Iterable[object]) -> list[Pair]:
    return [Pair(str(source), "x", line) for line, source in enumerate(sources, 1)]


def test_hash_never_changes():
    # A change here would move everyone's held-out sources.
    assert hash_source("abc", 1) == 8057509961613683261
    assert hash_source("abc", 2) == 4896233988481585716
    assert hash_source("été", 1) == 18357836158506858445


def test_hash_is_the_same_in_other_processes():
    code = "from pipeline.pairs.source_subset import hash_source; print(hash_source('abc', 1))"
    for python_seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": python_seed}
        command = [sys.executable, "-c", code]
        output = subprocess.check_output(command, env=environment, cwd=Path(__file__).parents[2], text=True)
        assert int(output) == 8057509961613683261


@pytest.mark.parametrize("count", [1, 2, 37, 299])
def test_count_is_exact_and_takes_the_smallest_hashes(count: int):
    pairs = make_pairs([*range(300), *range(0, 300, 7), *range(300)])
    held_out = hold_out(iter(pairs), count, seed=3)
    dev = {pair.source for pair in pairs if held_out.contains(pair.source)}
    assert dev == set(sorted(map(str, range(300)), key=lambda source: hash_source(source, 3))[:count])


def test_count_does_not_depend_on_order_or_repetition():
    pairs = make_pairs(range(100))
    shuffled = random.Random(0).sample(pairs * 3, 300)
    assert hold_out(pairs, 10.0, seed=1) == hold_out(shuffled, 10, seed=1)


@pytest.mark.parametrize(
    ("share", "distinct", "held"), [(0.05, 300, 15), (0.5, 301, 150), (0.9, 11, 10), (0.01, 20, 1)]
)
def test_a_share_is_exact(share: float, distinct: int, held: int):
    pairs = make_pairs([*range(distinct), *range(0, distinct, 3)])
    for seed in range(10):
        rule = hold_out(iter(pairs), share, seed)
        assert len({pair.source for pair in pairs if rule.contains(pair.source)}) == held


def test_a_share_of_more_sources_than_are_sorted_at_once(monkeypatch: pytest.MonkeyPatch):
    expected = hold_out(make_pairs(range(1000)), 0.1, 1)
    monkeypatch.setattr(source_subset, "_CHUNK", 3)
    assert hold_out(make_pairs([*range(500), *range(1000)]), 0.1, 1) == expected


def test_a_share_that_is_not_counted_does_not_depend_on_the_other_sources():
    pairs = make_pairs(range(1000)), make_pairs(range(500, 3000))
    before, after = (hold_out(some, 0.1, 1, counted=False) for some in pairs)
    assert before == after
    assert sum(before.contains(str(source)) for source in range(3000)) / 3000 == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("share", [1e-30, 0.05, 0.5, 0.999999])
@pytest.mark.parametrize("distinct", [2, 3, 5])
def test_share_of_a_tiny_corpus_leaves_both_sides_something(share: float, distinct: int):
    for seed in range(20):
        held_out = hold_out(make_pairs(range(distinct)), share, seed)
        sides = Counter(held_out.contains(str(source)) for source in range(distinct))
        assert sides[True] >= 1
        assert sides[False] >= 1


def test_seed_chooses():
    pairs = make_pairs(range(1000))
    rules = [hold_out(pairs, 10, seed) for seed in (1, 1, 2)]
    chosen = [{pair.source for pair in pairs if rule.contains(pair.source)} for rule in rules]
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]


@pytest.mark.parametrize(("dev_size", "distinct"), [(3, 3), (4, 3), (1, 1), (1, 0), (0.5, 1), (0.05, 0)])
def test_nothing_left_to_train_on(dev_size: float, distinct: int):
    pairs = make_pairs([*range(distinct), *range(distinct)])
    with pytest.raises(DataError, match=rf"data\.dev_size: cannot hold out \d+ of {distinct} distinct"):
        hold_out(pairs, dev_size, seed=1)


def test_held_out_can_go_to_another_process():
    held_out = hold_out(make_pairs(range(10)), 3, seed=1)
    assert pickle.loads(pickle.dumps(held_out)) == held_out
