"""A lexicon of exceptions beside a model: read, and answered from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.answering.answer_lines import describe
from pipeline.answering.attention_page import AttentionPage
from pipeline.answering.lexicon import LexiconPredictor, read_lexicon
from pipeline.answering.predictions import Hypothesis, Prediction, Predictions
from pipeline.errors import DataError
from pipeline.saved_models import opening
from pipeline.settings.text import TextConfiguration

TEXT = TextConfiguration(normalization="nfc", lowercase=True)


class Echo:
    """A model that answers in capitals."""

    text, n_best, copies_unknown = TEXT, 2, False

    def predict(self, sources: list[Any], on_progress: Any = None, prefixes: Any = None, **options: Any) -> Predictions:
        weights = np.ones((2, 2), np.float32)
        texts = [source.upper() for source in sources]
        return Predictions(
            Prediction([Hypothesis(text, -1.0, ["X", "</s>"], weights, -1.0)], ["x", "</s>"], confidence=0.5)
            for text in texts
        )


def write(folder: Path, text: str) -> Path:
    path = folder / "lexicon.tsv"
    path.write_text(text, encoding="utf-8")
    return path


def test_sources_are_brought_to_one_form_and_targets_stay_in_order(tmp_path: Path):
    path = write(tmp_path, "Cafe\u0301\tk a f e\ncafé\tk a f\nox\tO X \ncafé\tk a f e\n")
    assert read_lexicon(path, TEXT) == {"café": ("k a f e", "k a f"), "ox": ("O X",)}
    assert read_lexicon(path, TextConfiguration(normalization="none"))["Cafe\u0301"] == ("k a f e",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\tb\nc\n", r"lexicon\.tsv:2: "),
        ("a\tb\nc\t \n", r"lexicon\.tsv:2: "),
        (" \tb\n", r"lexicon\.tsv:1: "),
        ("", "the file is empty"),
    ],
)
def test_lines_that_cannot_be_used_are_named(tmp_path: Path, text: str, said: str):
    with pytest.raises(DataError, match=said):
        read_lexicon(write(tmp_path, text), TEXT)


def test_answers_say_whose_they_are(tmp_path: Path):
    model = LexiconPredictor(Echo(), {"ox": ("O", "X", "Y"), "ü": ("U",)})  # type: ignore[arg-type]
    ours, theirs, bytewise = model.predict([" OX", "cat", "U\u0308".encode()])
    assert (ours.texts, ours.scores, ours.answered_by, ours.confidence) == (["O", "X"], [0.0, 0.0], "lexicon", 1.0)
    assert (ours.target_tokens, ours.attention.shape) == ([], (0, 2))
    assert (theirs.texts, theirs.answered_by, theirs.confidence) == (["CAT"], "model", 0.5)
    assert bytewise.texts == ["U"]
    begun = model.predict(["ox", "ox"], prefixes=["", "O"])
    assert [one.answered_by for one in begun] == ["lexicon", "model"]
    line = json.loads(describe("ox", ours, 2))
    assert (line["answered_by"], line["target_tokens"], line["attention"]) == ("lexicon", [], [])
    assert json.loads(describe("cat", theirs, 2))["answered_by"] == "model"
    page = AttentionPage(tmp_path / "page.html")
    for number, one in enumerate((ours, theirs)):
        page.add(number, "ox", one)
    page.write()
    content = page.path.read_text(encoding="utf-8")
    assert '"answered_by": "lexicon"' in content
    assert '"answered_by": "model"' in content


def test_without_a_lexicon_nothing_is_said():
    [one] = Echo().predict(["cat"])
    assert "answered_by" not in json.loads(describe("cat", one, 1))


def test_a_model_is_opened_with_its_lexicon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(opening, "open_model", lambda path, **options: Echo())
    [ox, cat] = opening.load("model", lexicon=write(tmp_path, "ox\tO\n")).predict(["OX", "cat"])
    assert [(one.texts, one.answered_by) for one in (ox, cat)] == [(["O"], "lexicon"), (["CAT"], "model")]
    assert isinstance(opening.load("model"), Echo)
