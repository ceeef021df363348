"""Answers sent back, on models that answer from tables."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.answering.answer_lines import describe, join_answers
from pipeline.answering.attention_page import AttentionPage
from pipeline.answering.lexicon import LexiconPredictor
from pipeline.answering.line_report import Line, LineReport
from pipeline.answering.predictions import Hypothesis, Prediction, Predictions, WayBack, count_returns
from pipeline.answering.round_trip import RoundTripPredictor
from pipeline.settings.text import TextConfiguration
from tests.answering.test_attention_page import read_items

SOUNDS = TextConfiguration(target_tokenizer="space")
LETTERS = TextConfiguration(source_tokenizer="space")


class Table:
    """A model that answers from a table, and remembers what it was asked."""

    n_best, copies_unknown = 3, False

    def __init__(self, answers: dict[str, list[str]], text: TextConfiguration) -> None:
        self.answers, self.text = answers, text
        self.asked: list[list[str]] = []
        self.known = type("Known", (), {"reads_tab": text.feature_separator is not None})

    def predict(self, sources: list[Any], on_progress: Any = None, **options: Any) -> Predictions:
        sources = [source.decode() if isinstance(source, bytes) else source for source in sources]
        self.asked.append(sources)
        return Predictions(self._answer(source) for source in sources)

    def _answer(self, source: str) -> Prediction:
        weights = np.zeros((1, 2), np.float32)
        outputs = [Hypothesis(text, -1.0, ["</s>"], weights, -1.0) for text in self.answers.get(source, [])]
        return Prediction(outputs, ["x", "</s>"])


def both(
    there: dict[str, list[str]],
    back: dict[str, list[str]],
    text: TextConfiguration = SOUNDS,
    back_text: TextConfiguration = LETTERS,
) -> RoundTripPredictor:
    return RoundTripPredictor(Table(there, text), Table(back, back_text))  # type: ignore[arg-type]


def ways(model: RoundTripPredictor, *sources: str | bytes) -> list[list[WayBack | None]]:
    return [[one.back for one in prediction.hypotheses] for prediction in model.predict(list(sources))]


def test_every_answer_is_sent_back_once_and_judged_by_all_that_comes():
    model = both(
        {"two": ["T UW", "T OW"], "too": ["T UW"], "none": []}, {"T UW": ["too", "two", "to"], "T OW": ["toe"]}
    )
    assert ways(model, "two", b"too", "none") == [
        [WayBack(["too", "two", "to"], 2), WayBack(["toe"], None)],
        [WayBack(["too", "two", "to"], 1)],
        [],
    ]
    assert model.back.asked == [["T UW", "T OW"]]  # type: ignore[attr-defined]
    assert count_returns([*model.predict(["two", "too", "none"]), None]) == (2, 2, 1)


def test_forms_that_the_model_reads_alike_come_back():
    lower = TextConfiguration(target_tokenizer="space", lowercase=True)
    model = both({"Cafe\u0301": ["K"], "OX": ["O"]}, {"K": ["café"], "O": ["ox"]}, text=lower)
    assert [way.rank for [way] in ways(model, "Cafe\u0301", "OX") if way] == [1, 1]
    # A way back that alone lowercases cannot bring capitals back.
    model = both({"OX": ["O"]}, {"O": ["ox"]}, back_text=TextConfiguration(source_tokenizer="space", lowercase=True))
    assert ways(model, "OX")[0] == [WayBack(["ox"], 1)]
    assert ways(both({"OX": ["O"]}, {"O": ["ox"]}), "OX")[0] == [WayBack(["ox"], None)]
    spaced = both({"k  a": ["ca"]}, {"ca": ["k a"]}, text=LETTERS, back_text=SOUNDS)
    assert ways(spaced, "k  a")[0] == [WayBack(["k a"], 1)]


def test_what_cannot_be_sent_does_not_come_back():
    model = both({"a": ["", "A\tB"]}, {"": ["a"], "A\tB": ["a"]})
    assert ways(model, "a") == [[WayBack([], None), WayBack([], None)]]
    assert model.back.asked == []  # type: ignore[attr-defined]


def test_features_go_with_the_answers_where_the_way_back_reads_them():
    there = TextConfiguration(feature_separator=";")
    plain = both({"go\tV;PST": ["went"]}, {"went": ["go"]}, text=there, back_text=TextConfiguration())
    assert ways(plain, "go\tV;PST") == [[WayBack(["go"], 1)]]
    other = TextConfiguration(feature_separator="+")
    reads = both({"go\tV;PST": ["went"]}, {"went\tV+PST": ["go"]}, text=there, back_text=other)
    assert ways(reads, "go\tV;PST") == [[WayBack(["go"], 1)]]
    from_plain = both({"go": ["went"]}, {"went": ["go"]}, text=TextConfiguration(), back_text=other)
    assert ways(from_plain, "go") == [[WayBack(["go"], 1)]]


def test_answers_of_a_lexicon_are_sent_back_too():
    model = both({"ox": ["A"]}, {"O": ["ox"]})
    model.model = LexiconPredictor(model.model, {"ox": ("O",)})
    assert ways(model, "ox") == [[WayBack(["ox"], 1)]]


def test_lines_objects_and_the_page_have_the_marks(tmp_path: Path):
    model = both({"two": ["T UW", "T OW"], "ox": ["O"]}, {"T UW": ["too", "two"], "O": ["o"]})
    two, ox = model.predict(["two", "ox"])
    assert [join_answers(one, 2) for one in (two, ox)] == ["T UW\tT OW\t2\t0", "O\t\t0\t"]
    assert join_answers(two, 1) == "T UW\t2"
    first, second = json.loads(describe("two", two, 2))["predictions"]
    assert (first["comes_back"], first["back_rank"], first["back"]) == (True, 2, ["too", "two"])
    assert (second["comes_back"], second["back_rank"], second["back"]) == (False, None, [])
    page = AttentionPage(tmp_path / "page.html")
    page.add(1, "two", two)
    page.write()
    assert read_items(page.path)["items"][0]["hypotheses"][0]["comes_back"] is True
    plain = Prediction([Hypothesis("A", -1.0, ["</s>"], np.zeros((1, 2), np.float32), -1.0)], ["x", "</s>"])
    assert "comes_back" not in describe("x", plain, 1)
    assert join_answers(plain, 2) == "A\t"


def test_the_end_counts_them(caplog: pytest.LogCaptureFixture):
    model = both({"two": ["T UW"], "ox": ["O"]}, {"T UW": ["too", "two"], "O": ["o"]})
    with caplog.at_level(logging.INFO):
        for sources in (["two", "ox", "two"], ["ox"]):
            report = LineReport(model)
            report.add([Line(number, text) for number, text in enumerate(sources, 1)], model.predict(sources))
            report.close()
    assert caplog.messages == [
        "2 of 3 answers come back to their source (66.7 %), 0 of them as the best output of the way back",
        "0 of 1 answer come back to their source (0.0 %), 0 of them as the best output of the way back; is it a model "
        "of the other direction?",
    ]
