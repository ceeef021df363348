"""What people look at, looked at by a browser: TensorBoard's tabs and the page to explore attention."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.answering.attention_page import AttentionPage
from pipeline.answering.predictions import Hypothesis, Prediction, WayBack
from pipeline.tuning.result import TuningResult
from tests.answering.test_attention_page import prediction
from tests.browser import open_page, serve_tensorboard, take_picture
from tests.tiny_task import TinyRun

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def shades(picture: Path) -> int:
    """How many different colours a screenshot has: an empty page has few."""
    return len(np.unique(np.asarray(Image.open(picture).convert("RGB")).reshape(-1, 3), axis=0))


@pytest.fixture(scope="module")
def board(tiny_tuning: TuningResult) -> Any:
    with serve_tensorboard(tiny_tuning.path) as address:
        yield address


def test_images_show_heat_maps_with_labelled_axes(board: str, tmp_path: Path):
    with open_page() as page:
        page.goto(f"{board}/#images")
        page.get_by_text("heat_maps/01").first.wait_for()
        image = page.locator("tf-image-loader img").first
        image.wait_for()
        page.wait_for_function("() => [...document.images].every((image) => image.complete)")
        assert image.evaluate("(node) => node.naturalWidth") > 200
        assert shades(take_picture(page, "images", tmp_path)) > 50


def test_hparams_lists_every_trial(board: str, tiny_tuning: TuningResult, tmp_path: Path):
    with open_page() as page:
        page.goto(f"{board}/#hparams")
        page.get_by_text("dev WER %").first.wait_for()
        page.get_by_text("model.units").first.wait_for()
        for trial in tiny_tuning.trials:
            page.get_by_text(f"{trial.value:.5g}").first.wait_for()
        take_picture(page, "hparams", tmp_path)


def test_projector_shows_labels(board: str, tiny_tuning: TuningResult, tmp_path: Path):
    assert tiny_tuning.best is not None
    with open_page() as page:
        page.goto(f"{board}/#projector")
        projector = page.frame_locator("iframe").frame_locator("iframe")
        projector.get_by_text("source symbols").first.wait_for(state="attached")
        # Five characters and the vocabulary's own four.
        projector.get_by_text("Points: 9").first.wait_for(state="attached")
        page.wait_for_timeout(2000)
        projector.get_by_role("textbox", name="Search").last.fill("東")
        projector.get_by_text(re.compile(r"^\s*1 match")).first.wait_for()
        projector.get_by_text("東", exact=True).last.wait_for()
        assert shades(take_picture(page, "projector", tmp_path)) > 50


@pytest.fixture(scope="module")
def board_of_a_run(tiny_run: TinyRun) -> Any:
    with serve_tensorboard(tiny_run.path / "logs") as address:
        yield address


def test_first_page_begins_with_loss_and_error_rate(board_of_a_run: str, tmp_path: Path):
    with open_page() as page:
        page.goto(board_of_a_run)
        page.locator("card-view").first.wait_for()
        cards = ["".join(page.locator("card-view").nth(place).inner_text().split()) for place in range(2)]
        assert [card[: len("figures/???")] for card in cards] == ["figures/los", "figures/wer"]
        # Training and dev share a chart.
        loss = page.locator("card-view").first
        for run in ("train", "dev"):
            loss.get_by_text(run, exact=True).first.wait_for()
        take_picture(page, "first-page", tmp_path)


def test_heat_maps_are_drawn_at_the_size_that_they_are_shown_at(board_of_a_run: str):
    with open_page() as page:
        page.goto(f"{board_of_a_run}/#images")
        image = page.locator("tf-image-loader img").first
        image.wait_for()
        page.wait_for_function("() => [...document.images].every((image) => image.complete)")
        assert image.evaluate("(node) => node.naturalWidth - node.clientWidth") == 0


def test_text_shows_what_was_written_as_it_stands(board_of_a_run: str, tiny_run: TinyRun, tmp_path: Path):
    with open_page() as page:
        page.goto(f"{board_of_a_run}/#text")
        page.get_by_text("predictions").first.wait_for()
        page.locator("table td").first.wait_for()
        cells = page.locator("table").first.locator("td").all_inner_texts()
        assert any("東" in cell for cell in cells)
        assert any("EAST" in cell for cell in cells)
        take_picture(page, "text", tmp_path)


@pytest.fixture
def explorer(tmp_path: Path, tiny_run: TinyRun) -> Path:
    page = AttentionPage(tmp_path / "page.html")
    page.add(1, "phoenix", diagonal("phoenix", [["F", "IY", "N", "IH", "K", "S"], ["F", "OW", "N", "IH", "K", "S"]]))
    page.add(2, "سلام", diagonal("سلام", [list("salaam")]))
    page.add(3, "東京", diagonal("東京", [list("tōkyō")]))
    page.add(4, "<b>&amp;</b>", diagonal("<b>&amp;</b>", [["<img src=x onerror=alert(1)>"]]))
    page.add_fault(5, "", "the line is empty")
    page.write()
    return page.path


def diagonal(source: str, targets: list[list[str]]) -> Prediction:
    hypotheses = []
    for rank, tokens in enumerate(targets):
        rows, columns = np.arange(len(tokens) + 1), np.arange(len(source) + 1)
        weights = np.exp(-((columns - rows[:, None] * len(source) / len(tokens)) ** 2))
        weights /= weights.sum(axis=1, keepdims=True)
        hypotheses.append(Hypothesis(" ".join(tokens), -0.25 - rank, [*tokens, "</s>"], weights))
    return Prediction(hypotheses, [*source, "</s>"])


def chips(page: Any, row: int, side: int) -> Any:
    return page.locator("article").nth(row).locator(".chips").nth(side).locator(".chip")


def background(chip: Any) -> str:
    return chip.evaluate("(node) => node.style.backgroundColor")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_explorer(explorer: Path, tmp_path: Path, scheme: str):
    with open_page(scheme) as page:
        page.goto(explorer.as_uri())
        page.locator(".chip").first.wait_for()
        chips(page, 0, 0).nth(0).hover()
        assert "%" in chips(page, 0, 1).nth(0).inner_text()
        assert background(chips(page, 0, 1).nth(0)) != background(chips(page, 0, 1).nth(6)) != ""
        page.locator("article").first.get_by_role("button", name="F OW N IH K S").click()
        assert chips(page, 0, 0).all_inner_texts()[1].strip() == "OW"
        for row in (0, 1):
            page.locator("article").nth(row).get_by_role("button", name="heat-map").click()
        assert page.locator("article").first.locator("svg rect").count() == 7 * 8
        chips(page, 0, 0).nth(1).hover()
        assert shades(take_picture(page, f"explorer-{scheme}", tmp_path)) > 30


def test_explorer_keyboard_and_keeping(explorer: Path):
    with open_page() as page:
        page.goto(explorer.as_uri())
        chip = chips(page, 0, 0).nth(1)
        chip.wait_for()
        chip.focus()
        assert background(chips(page, 0, 1).nth(1))
        chip.click()
        page.locator("h1").hover()
        assert background(chips(page, 0, 1).nth(1))


def test_explorer_right_to_left(explorer: Path):
    with open_page() as page:
        page.goto(explorer.as_uri())
        source = chips(page, 1, 1)
        source.first.wait_for()
        places = [source.nth(index).bounding_box()["x"] for index in range(4)]
        assert places == sorted(places, reverse=True)
        page.locator("article").nth(1).get_by_role("button", name="heat-map").click()
        labels = page.locator("article").nth(1).locator("svg > text")
        assert [labels.nth(index).text_content() for index in range(4)] == list("سلام")
        xs = [float(labels.nth(index).get_attribute("x")) for index in range(4)]
        assert xs == sorted(xs, reverse=True)


WORDS = ["情報処理 技術", "the understanding of Donaudampfschifffahrt", "المملكة العربية السعودية"]


@pytest.mark.parametrize("words", WORDS)
def test_labels_of_words_lie_inside_the_picture(words: str, tmp_path: Path):
    tokens = words.split()
    made = diagonal(words, [tokens])._replace(source_tokens=[*tokens, "</s>"])
    square = made.hypotheses[0]._replace(attention=np.eye(len(tokens) + 1))
    page_file = AttentionPage(tmp_path / "page.html")
    page_file.add(1, words, made._replace(hypotheses=[square]))
    page_file.write()
    with open_page() as page:
        page.goto(page_file.path.as_uri())
        page.get_by_role("button", name="heat-map", exact=True).click()
        picture = page.locator("article svg").bounding_box()
        for label in page.locator("article svg > text").all():
            box = label.bounding_box()
            assert box["x"] >= picture["x"]
            assert box["y"] >= picture["y"]
            assert box["x"] + box["width"] <= picture["x"] + picture["width"]


def test_explorer_shows_text_as_text(explorer: Path):
    with open_page() as page:
        page.goto(explorer.as_uri())
        page.locator(".chip").first.wait_for()
        row = page.locator("article").nth(3)
        assert "<img src=x onerror=alert(1)>" in row.inner_text()
        assert row.locator("img, b").count() == 0
        assert "the line is empty" in page.locator("article").nth(4).inner_text()


def test_explorer_finds_and_sorts(explorer: Path):
    with open_page() as page:
        page.goto(explorer.as_uri())
        page.get_by_label("find in source or output").fill("PHOE")
        assert page.locator("article").count() == 1
        assert page.locator("#count").inner_text() == "1 of 5 inputs"
        page.get_by_label("find in source or output").fill("")
        page.get_by_label("order").select_option("long")
        page.locator("article").first.locator(".number").wait_for()
        assert page.locator("article").first.locator(".number").inner_text() == "4"


def test_explorer_says_what_comes_back(explorer: Path, tmp_path: Path):
    page_file = AttentionPage(tmp_path / "round.html")
    ways = [WayBack(["too", "two"], 2), WayBack(["two"], 1), WayBack(["tow", "toe"], None), WayBack([], None)]
    for number, way in enumerate(ways, 1):
        prediction = diagonal("two", [["T", "UW"]])
        page_file.add(number, "two", prediction._replace(hypotheses=[prediction.hypotheses[0]._replace(back=way)]))
    page_file.write()
    with open_page() as page:
        page.goto(page_file.path.as_uri())
        page.locator(".chip").first.wait_for()
        said = [page.locator("article").nth(row).locator(".head").inner_text() for row in range(4)]
        wanted = ["comes back as output 2", "comes back", "does not come back: tow", "does not come back: no output"]
        assert all(part in text for part, text in zip(wanted, said, strict=True))
        page.get_by_label("order").select_option("lost")
        page.locator("article").first.locator(".number").first.wait_for()
        assert page.locator("article").first.locator(".number").first.inner_text() == "3"
        page.goto(explorer.as_uri())
        assert page.locator("option[value=lost]").count() == 0


def test_explorer_stays_usable_with_a_thousand_inputs(tmp_path: Path):
    page_file = AttentionPage(tmp_path / "page.html")
    for line in range(1, 1001):
        page_file.add(line, "attention" * 3, prediction(["ATTENTION" * 3] * 5, "attention" * 3))
    page_file.write()
    with open_page() as page:
        page.goto(page_file.path.as_uri())
        page.locator(".chip").first.wait_for(timeout=15_000)
        assert page.locator("article").count() == 1000
        assert page.locator(".chip").count() < 10_000  # only what is near is built
        page.locator("article").last.scroll_into_view_if_needed()
        page.locator("article").last.locator(".chip").first.wait_for(timeout=15_000)
        page.locator("article").last.locator(".chip").first.hover()
        assert background(page.locator("article").last.locator(".chips").nth(1).locator(".chip").first)
