import numpy as np

from pipeline.evaluation.error_rates import error_counts, per_of, wer_of


def test_counts_by_hand():
    counts = error_counts([["a", "b"], ["c"], []], [[["a"], ["a", "b"]], [["d", "c"]], [["x"]]])
    assert counts.tolist() == [[0, 0, 2, 1], [1, 1, 2, 1], [1, 1, 1, 1]]
    totals = counts.sum(axis=0)
    assert (wer_of(totals), per_of(totals)) == (200 / 3, 40.0)


def test_rates_of_sums_are_those_of_all_outputs():
    counts = error_counts(["abc", "x", "yy"], [["abd"], ["x"], ["yyy"]])
    twice = np.array([2, 0, 1]) @ counts  # as a bootstrap sample has them
    assert (wer_of(twice), per_of(twice)) == (100.0, 100 * 3 / 9)


def test_of_nothing():
    nothing = error_counts([], []).sum(axis=0)
    assert (wer_of(nothing), per_of(nothing)) == (0.0, 0.0)
