"""What round trips say of right and wrong."""

import numpy as np
import pytest

from pipeline.answering.predictions import Hypothesis, Prediction, WayBack
from pipeline.commands.main import main
from pipeline.evaluation.evaluate import are_right
from pipeline.evaluation.round_trips import return_figures
from pipeline.settings.text import TextConfiguration


def answer(text: str | None, rank: int | None, sent: bool = True) -> Prediction:
    weights = np.zeros((1, 2), np.float32)
    way = WayBack(["x"], rank) if sent else None
    outputs = [] if text is None else [Hypothesis(text, -1.0, ["</s>"], weights, back=way)]
    return Prediction(outputs, ["x", "</s>"])


def test_those_that_come_back_are_told_from_the_others():
    answers = [answer("a", 1), answer("b", 2), answer("x", 1), answer("x", None), answer(None, None)]
    right = are_right(answers, [["a"], ["c", "b"], ["c"], ["d"], ["e"]], TextConfiguration())
    assert right.tolist() == [True, True, False, False, False]
    figures = return_figures(answers, right)
    # What has no answer is wrong, and does not come back.
    assert figures == {"comes_back": 60.0, "wrong_if_back": pytest.approx(33.3333), "wrong_if_not": 100.0}
    assert return_figures(answers[:1], right[:1]) == {"comes_back": 100.0, "wrong_if_back": 0.0, "wrong_if_not": None}
    assert return_figures([answer("a", None, sent=False)], right[:1]) == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evaluate", "model", "dev", "--round-trip", "--report", "x"], "--round-trip: impossible with --report"),
        (["evaluate", "model", "dev", "--round-trip", __file__], "is a file, and no model"),
        (["predict", "model", "words", "--round-trip", __file__], "is a file, and no model"),
        (["predict", "model", "--round-trip", "--accuracy", "0.9", "--queue", "q.tsv"], "impossible with --accuracy"),
        (["predict", "no/such", __file__, "--round-trip"], "no/such: no such"),
    ],
)
def test_what_does_not_go_together_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert main(words) == 2
    assert said in capsys.readouterr().err
