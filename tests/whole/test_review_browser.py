"""The page to go through a queue with, in a browser: picked, typed, undone and downloaded, by mouse and by keys."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.trust.review_page import write_review_page
from pipeline.trust.splitting import Answered
from tests.browser import open_page, take_picture

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def review(tmp_path: Path) -> Path:
    queue = [
        Answered(7, "phoenix", ["F OW N IH K S", "F IY N IH K S", "F EH N IH K S"], 0.31),
        Answered(2, "سلام", ["salam", "سالام"], 0.42),
        Answered(4, "<b>&amp;</b>", ["<img src=x onerror=alert(1)>"], 0.5),
        Answered(9, "東 京", [], 0.0, "no output"),
    ]
    path = tmp_path / "queue.html"
    write_review_page(path, queue, "queue.corrected.tsv")
    return path


def download(page: Any) -> str:
    with page.expect_download() as waiting:
        page.get_by_role("button", name="download the corrected pairs").click()
    assert waiting.value.suggested_filename == "queue.corrected.tsv"
    return Path(waiting.value.path()).read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_picked_and_typed_by_mouse(review: Path, tmp_path: Path, scheme: str):
    with open_page(scheme) as page:
        page.goto(review.as_uri())
        first, second, third, last = page.locator("article").all()
        first.get_by_role("button", name="F IY N IH K S").click()
        second.get_by_role("button", name="سالام").click()
        assert third.locator("img, b").count() == 0
        last.get_by_role("textbox").fill("t ō\tk y ō")
        assert page.locator("#count").inner_text() == "3 of 4 done"
        assert first.get_by_role("button", name="F IY N IH K S").get_attribute("aria-pressed") == "true"
        take_picture(page, f"review-{scheme}", tmp_path)
        assert download(page) == "سلام\tسالام\nphoenix\tF IY N IH K S\n東 京\tt ō k y ō\n"
        page.get_by_label("only what is not done").check()
        assert page.locator("article").count() == 1


def test_done_by_keys_alone(review: Path):
    with open_page() as page:
        page.goto(review.as_uri())
        page.keyboard.press("2")  # picks, and goes on
        page.keyboard.press("Enter")
        page.keyboard.type("selam 1")
        page.keyboard.press("Enter")
        page.keyboard.press("1")
        page.keyboard.press("k")
        page.keyboard.press("u")
        assert download(page) == "سلام\tselam 1\nphoenix\tF IY N IH K S\n"


def test_right_to_left_text_is_set_so(review: Path):
    with open_page() as page:
        page.goto(review.as_uri())
        second = page.locator("article").nth(1)
        assert second.locator(".source").evaluate("(node) => getComputedStyle(node).direction") == "rtl"
        assert second.get_by_role("button").first.locator("bdi").get_attribute("dir") == "ltr"


def test_what_was_done_is_there_after_a_reload(review: Path):
    with open_page() as page:
        page.goto(review.as_uri())
        for key in "12121":
            page.keyboard.press(key)
            assert page.locator("#count").inner_text() == "1 of 4 done"
            # Chromium hands what is stored from process to process, and on a busy machine a reload may be there
            # first (more than a second was seen): one of five must be in time.
            page.wait_for_timeout(1000)
            page.reload()
            if page.locator("#count").inner_text() == "1 of 4 done":
                break
        assert page.locator("#count").inner_text() == "1 of 4 done"
        assert page.locator("article.done").count() == 1
