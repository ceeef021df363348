"""Errors and what they are about, of outputs in other symbols than they are compared in."""

from collections import Counter

import numpy as np
import pytest

from pipeline.answering.predictions import Hypothesis, Prediction
from pipeline.answering.symbol_links import END, find_links, gap_before, name_places
from pipeline.evaluation.report import edits
from pipeline.evaluation.report.answers import judge
from pipeline.evaluation.report.confusion import confuse
from pipeline.evaluation.report.edits import ErrorTally
from pipeline.evaluation.test_set import ReferenceSet
from tests.evaluation.report.told_model import SPACE, looking


def output(tokens: list[str], looks: list[list[float]], source: list[str]) -> Prediction:
    weights = np.array(looks, np.float32)
    return Prediction([Hypothesis("", -1.0, [*tokens, "</s>"], weights)], [*source, "</s>"])


def test_parts_of_words_are_summed():
    looks = [[0.5, 0.4, 0.1], [0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.0, 0.0, 1.0]]
    prediction = output(["▁Hu", "nd", "▁da"], looks, ["the", "dog"])
    assert find_links(prediction, ["Hund", "da"]) == [1, 0]


def test_letters_and_their_marks_are_one_symbol_where_they_are_compared():
    looks = [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert find_links(output(["a", "e", "\u0301"], looks, ["x", "y"]), ["a", "é"]) == [0, 1]


@pytest.mark.parametrize("tokens", [["<0xE3>", "a"], ["abc", "d"]])
def test_what_does_not_fit_has_no_links(tokens: list[str]):
    assert find_links(output(tokens, [[1, 0], [1, 0], [0, 1]], ["x"]), ["東"]) is None


def test_of_a_wide_gap_nothing_is_known():
    prediction = Prediction([], [*"abcdefgh", "\tV", "</s>"])
    assert gap_before([0, 6], 1, prediction) == ()
    assert gap_before([None, None], 1, prediction) == ()
    # Behind the last one: up to where features begin.
    assert gap_before([0, 5, 8], 3, prediction) == (6, 7)
    assert gap_before([], 0, Prediction([], ["a", "</s>"])) == (0,)
    assert name_places(prediction, [9]) == END


def test_more_kinds_of_errors_than_are_kept_are_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(edits, "MOST_DISTINCT", 1)
    monkeypatch.setattr(edits, "MOST_SOURCES", 1)
    predictions = [looking("X", "a", [0, 1]), looking("X", "b", [0, 1]), looking("Y", "a", [0, 1])]
    tally = ErrorTally()
    for judged in judge(predictions, ReferenceSet(["a", "b", "a"], [["A"], ["A"], ["A"]], [1, 2, 3]), SPACE):
        tally.add(judged, find_links(judged.prediction, judged.symbols))
    [kept] = tally.ranked()
    assert (kept.written, kept.count, kept.sources) == ("X", 2, Counter(a=1))
    assert (tally.number, tally.others) == (3, 1)


def test_the_picture_has_the_symbols_that_most_errors_are_about():
    predictions = [looking("X", "a", [0, 1])] * 3 + [looking("Y", "a", [0, 1]), looking("A A", "a", [0, 0, 1])]
    tally = ErrorTally()
    for judged in judge(predictions, ReferenceSet(["a"] * 5, [["A"]] * 5, [1] * 5), SPACE):
        tally.add(judged, None)
    found = confuse(tally, most=2)
    assert found.symbols == ["A", "X"]
    # Wanted down, written across; the last row and column are nothing.
    assert found.counts.tolist() == [[0, 3, 0], [0, 0, 0], [1, 0, 0]]
    assert (found.shown, found.all) == (4, 5)
