"""What is said of lines by a real model; how it is counted is `test_streaming`'s matter."""

import pytest

from pipeline.answering.line_report import Line, LineReport
from pipeline.answering.predictions import Prediction
from pipeline.prediction.predictor import Predictor
from pipeline.saved_models.loading import load_predictor
from tests.tiny_task import TinyRun


@pytest.fixture(scope="module", params=["live", "export"])
def predictor(request: pytest.FixtureRequest, tiny_run: TinyRun) -> Predictor:
    return load_predictor(tiny_run.path if request.param == "live" else tiny_run.path / "export")


def report(predictor: Predictor, *pairs: tuple[str, str]) -> None:
    lines = [Line(number, source, prefix=prefix) for number, (source, prefix) in enumerate(pairs, 1)]
    found = LineReport(predictor)
    found.add(lines, predictor.predict([source for source, _ in pairs], prefixes=[prefix for _, prefix in pairs]))
    found.close()


def test_symbols_are_named_with_the_form_that_training_has(predictor: Predictor, caplog: pytest.LogCaptureFixture):
    report(predictor, ("a", ""), ("ABBA", ""), ("éB", ""))
    assert caplog.messages == [
        "line 2: symbols that training lacks: 'A' ×2, 'B' ×2; the model has 'a' for 'A': give them in lower case",
        "line 3: symbols that training lacks: 'B'",
        "2 of 3 lines have symbols that training lacks ('B' ×3, 'A' ×2); first on line 2; "
        "the model has 'a' for 'A': give them in lower case",
    ]


def test_prefixes_that_cannot_be_written_are_named(predictor: Predictor, caplog: pytest.LogCaptureFixture):
    report(predictor, ("ab", "A"), ("ab", "A1 A"), ("b", "B0"))
    assert caplog.messages == [
        "line 2: symbols that the model cannot write, in the prefix: A1; the model has 'A' for A1: give them without "
        "digits",
        "line 3: symbols that the model cannot write, in the prefix: B0",
        "2 of 3 lines have symbols that the model cannot write, in the prefix (A1, B0); first on line 2; "
        "the model has 'A' for A1: give them without digits",
    ]


def test_no_output_is_said(predictor: Predictor, caplog: pytest.LogCaptureFixture):
    found = LineReport(predictor)
    found.add([Line(1, "a")], [Prediction([], ["a", "</s>"])])
    assert caplog.messages == ["line 1: no output, the model's scores are no numbers"]


def test_an_empty_answer_is_said(predictor: Predictor, caplog: pytest.LogCaptureFixture):
    found = LineReport(predictor)
    [answer] = predictor.predict("a")
    empty = answer._replace(hypotheses=[answer.hypotheses[0]._replace(text="")])
    found.add([Line(1, "a"), Line(2, "b")], [answer, empty])
    assert caplog.messages == ["line 2: its answer is empty"]
