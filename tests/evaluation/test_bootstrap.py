"""Bootstrap intervals of figures that are sums."""

import numpy as np
import pytest

from pipeline.evaluation.bootstrap import Interval, bootstrap
from pipeline.evaluation.error_rates import per_of, wer_of


def test_as_items_that_are_drawn_one_by_one():
    chance = np.random.default_rng(3)
    wrong = (chance.random(400) < 0.3).astype(np.int64)
    counts = np.column_stack([wrong, wrong * 2, np.full(400, 6), np.ones(400, np.int64)])
    found = bootstrap(counts, wer_of)
    drawn = [wer_of(counts[chance.integers(0, 400, 400)].sum(axis=0)) for _ in range(2000)]
    assert found.value == wer_of(counts.sum(axis=0))
    assert [found.low, found.high] == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=1.0)
    # The same samples of the same rows: PER is a third of WER here.
    assert [3 * bound for bound in bootstrap(counts, per_of)] == pytest.approx(found)


def test_what_never_changes_has_no_width():
    assert bootstrap(np.array([[0, 0, 3, 1]] * 9), wer_of) == Interval(0.0, 0.0, 0.0)
    assert bootstrap(np.zeros((0, 4), np.int64), wer_of) == Interval(0.0, 0.0, 0.0)
