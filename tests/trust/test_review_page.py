"""The page to go through a queue with: complete, self-contained, nothing in it that a user's text could end."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.trust import review_page
from pipeline.trust.review_page import write_review_page
from pipeline.trust.splitting import Answered


def read_data(path: Path) -> dict[str, Any]:
    """What a browser finds in the page."""
    [content] = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL
    )
    return json.loads(content)


def test_it_holds_the_queue(tmp_path: Path):
    path = tmp_path / "page.html"
    queue = [Answered(3, "سلام", ["salaam", "سلم"], 0.25), Answered(1, "x", [], 0.0, "no output")]
    assert write_review_page(path, queue, "names.tsv") == 0
    [first, second] = read_data(path)["items"]
    assert (first["line"], first["direction"], first["confidence"]) == (3, "rtl", 0.25)
    assert [(one["text"], one["direction"]) for one in first["outputs"]] == [("salaam", "ltr"), ("سلم", "rtl")]
    assert (second["fault"], second["outputs"]) == ("no output", [])


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--<script>", "\u2028", "\ud800", "/*DATA*/"])
def test_no_text_can_end_the_data_or_begin_code(tmp_path: Path, text: str):
    path = tmp_path / "page.html"
    write_review_page(path, [Answered(1, text, [text], 0.5)], text)
    assert read_data(path)["items"][0]["source"] == text.replace("\ud800", "?")
    page, template = path.read_text(encoding="utf-8"), review_page.TEMPLATE.read_text(encoding="utf-8")
    assert page.count("<script") == template.count("<script")


def test_the_page_needs_no_network(tmp_path: Path):
    path = tmp_path / "page.html"
    write_review_page(path, [Answered(1, "a", ["b"], 0.5)], "a.tsv")
    assert not re.search(r"https?:|src=|href=|@import|url\(|fetch\(|innerHTML", path.read_text(encoding="utf-8"))


def test_too_many_lines_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(review_page, "MOST_ITEMS", 2)
    path = tmp_path / "page.html"
    assert write_review_page(path, [Answered(line, "a", ["b"], 0.5) for line in range(5)], "a.tsv") == 3
    assert read_data(path)["left_out"] == 3
