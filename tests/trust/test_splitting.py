"""A list split by accuracy: what is cleared, what is left to look at, and what is said of it."""

import json

import numpy as np

from pipeline.trust.splitting import AnswerSplitter
from tests.trust.test_confidence import make_calibration, make_prediction


def make_splitter(confidences: list[float], **options: object) -> AnswerSplitter:
    splitter = AnswerSplitter(make_calibration(), **options)
    for number, sure in enumerate(confidences, 1):
        splitter.add(number, f"word{number}", make_prediction([np.log(0.5), -3.0])._replace(confidence=sure))
    return splitter


def test_the_surest_are_cleared_in_their_order_and_the_least_sure_come_first():
    splitter = make_splitter([0.4, 0.99, 0.6, 0.97])
    splitter.add_fault(5, "a\tb", "it holds a TAB")
    splitter.add_fault(6, "  ", "the line is empty")
    splitter.add(7, "silent", make_prediction([]))
    found = splitter.split(0.95)
    assert [one.number for one in found.cleared] == [2, 4]
    assert [one.number for one in found.queue] == [5, 7, 1, 3]
    assert found.cleared[0].pair() == "word2\tT0"
    assert found.queue[0].row() == "a b\t\t0.0000"
    assert found.queue[2].row() == "word1\tT0\t0.4000\tT1"


def test_what_is_promised_is_said_with_its_interval():
    found = make_splitter([0.98] * 50 + [0.2]).split(0.97)
    assert (found.known, found.known_right) == (100, 95)
    low, high = found.interval
    assert low < found.expected < high
    said = found.describe(0.97)
    assert "50 of 51 lines are cleared, 1 are left" in said
    assert f"{low:.2f} to {high:.2f} %" in said


def test_nothing_that_can_be_cleared_is_said():
    assert "none of 2 lines can be cleared" in make_splitter([0.5, 0.4]).split(0.99).describe(0.99)
    assert make_splitter([]).split(0.5).queue == []


def test_json_has_the_confidence():
    [one] = make_splitter([0.9], as_json=True, n_best=2).split(0.5).cleared
    told = json.loads(one.json)
    assert (told["confidence"], len(told["predictions"])) == (0.9, 2)
    assert "attention" not in told
