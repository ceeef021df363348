"""The page to explore attention with: complete, self-contained, nothing in it that a user's text could end."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.answering import attention_page
from pipeline.answering.attention_page import AttentionPage, direction, encode_weights
from pipeline.answering.predictions import Hypothesis, Prediction

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def prediction(texts: list[str], source: str) -> Prediction:
    chance = np.random.default_rng(0)
    hypotheses = [
        Hypothesis(text, -float(rank), [*text, "</s>"], chance.dirichlet(np.ones(len(source) + 1), len(text) + 1))
        for rank, text in enumerate(texts)
    ]
    return Prediction(hypotheses, [*source, "</s>"])


def read_items(path: Path) -> dict[str, Any]:
    """What a browser finds in the page."""
    page = path.read_text(encoding="utf-8")
    [content] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(content)


def decode_weights(text: str, shape: tuple[int, int]) -> np.ndarray:
    values = [DIGITS.index(digit) for digit in text]
    return (64 * np.array(values[::2]) + np.array(values[1::2])).reshape(shape) / 4095


def test_it_holds_what_was_added(tmp_path: Path):
    page = AttentionPage(tmp_path / "page.html")
    given = prediction(["AB", "AA"], "ab")
    page.add(1, "ab", given)
    page.add_fault(2, "", "the line is empty")
    page.add(3, "x", Prediction([], ["?", "</s>"], cut=True, unknown=1))
    assert page.write() == 0
    [answered, empty, odd] = read_items(page.path)["items"]
    assert (answered["line"], answered["source"], answered["tokens"]) == (1, "ab", ["a", "b", "</s>"])
    assert [(other["text"], other["score"]) for other in answered["hypotheses"]] == [("AB", 0.0), ("AA", -1.0)]
    assert answered["hypotheses"][1]["tokens"] == ["A", "A", "</s>"]
    weights = decode_weights(answered["hypotheses"][0]["weights"], (3, 3))
    np.testing.assert_allclose(weights, given.hypotheses[0].attention, atol=0.5 / 4095 + 1e-9)
    assert empty == {"line": 2, "source": "", "error": "the line is empty"}
    assert (odd["cut"], odd["unknown"], odd["hypotheses"]) == (True, 1, [])


def test_what_an_output_skips_or_repeats_is_there(tmp_path: Path):
    page = AttentionPage(tmp_path / "page.html")
    output = Hypothesis("XYX", -1.0, [*"XYX", "</s>"], np.eye(6, dtype="float32")[[0, 4, 0, 5]])
    page.add(1, "abcde", Prediction([output], [*"abcde", "</s>"]))
    page.write()
    [shown] = read_items(page.path)["items"][0]["hypotheses"]
    assert (shown["skipped_source"], shown["repeated_source"]) == ([[1, 3]], [[0, 0]])


def test_symbols_can_be_seen(tmp_path: Path):
    page = AttentionPage(tmp_path / "page.html")
    symbols = [" ", "\t", "\u0301", "\u200d", "\u00ad", "שׁ", "$_1$", "</s>"]
    page.add(1, "x", Prediction([Hypothesis("y", 0.0, symbols, np.full((8, 8), 1 / 8))], symbols))
    page.write()
    [item] = read_items(page.path)["items"]
    assert item["tokens"] == ["␣", "U+0009", "◌\u0301", "U+200D", "U+00AD", "שׁ", "$_1$", "</s>"]
    assert item["hypotheses"][0]["tokens"] == item["tokens"]


@pytest.mark.parametrize(
    "text",
    ["</script><script>alert(1)</script>", "<!--<script>", "a&amp;b\"'`${x}", "\u2028\u2029", "\ud800", "/*DATA*/"],
)
def test_no_text_can_end_the_data_or_begin_code(tmp_path: Path, text: str):
    page = AttentionPage(tmp_path / "page.html")
    page.add(1, text, prediction([text], text))
    page.write()
    [item] = read_items(page.path)["items"]
    assert item["source"] == text.replace("\ud800", "?")
    content = page.path.read_text(encoding="utf-8")
    assert content.count("<script") == attention_page.TEMPLATE.read_text(encoding="utf-8").count("<script")


def test_the_page_needs_no_network(tmp_path: Path):
    page = AttentionPage(tmp_path / "page.html")
    page.add(1, "ab", prediction(["AB"], "ab"))
    page.write()
    content = page.path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|src=|href=|@import|url\(|fetch\(|innerHTML", content)


def test_too_many_inputs_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attention_page, "MOST_INPUTS", 2)
    page = AttentionPage(tmp_path / "page.html")
    for line in range(1, 6):
        page.add(line, "ab", prediction(["AB"], "ab"))
    assert page.write() == 3
    found = read_items(page.path)
    assert ([item["line"] for item in found["items"]], found["left_out"]) == ([1, 2], 3)


def test_a_thousand_sentences_are_a_page_of_megabytes_not_more(tmp_path: Path):
    page = AttentionPage(tmp_path / "page.html")
    sentence = prediction(["x" * 30] * 5, "y" * 30)
    for line in range(1000):
        page.add(line, "y" * 30, sentence)
    page.write()
    assert page.path.stat().st_size < 16e6


def test_weights_of_a_model_that_looks_nowhere_are_left_out():
    assert encode_weights(np.zeros((2, 3))) == ""
    assert encode_weights(np.zeros((0, 3))) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc", "ltr"),
        ("سلام", "rtl"),
        ("123 שלום", "rtl"),
        ("12", "ltr"),
        ("", "ltr"),
        ("東京", "ltr"),
        ("«a» ا", "ltr"),
    ],
)
def test_direction_is_that_of_the_first_letter(text: str, expected: str):
    assert direction(text) == expected
