"""Cells of a table, as TensorBoard makes HTML of them: what is read there is what was written."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.plugin_util import markdown_to_safe_html

from pipeline.pictures.markdown import escape
from pipeline.unicode.visible import visible


class Cells(HTMLParser):
    """The texts of a table's cells, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data.strip("\n")


def rendered(text: str) -> str:
    page = Cells()
    page.feed(markdown_to_safe_html(f"| a | b |\n|---|---|\n| {escape(text)} | end |"))
    assert page.tags <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert len(page.cells) == 4
    assert page.cells[3] == "end"
    return page.cells[2]


@pytest.mark.parametrize(
    "text",
    [
        *("a|b", "**bold** _it_ `code`", "<b>x</b> &amp; &#42;", "[l](http://x)", "# head", "- item", "1. one"),
        *("\\\\|", "$x_1$", "~~a~~", "http://example.com", "<script>alert(1)</script>", "![i](x.png)", "a\\", "---"),
    ],
)
def test_nothing_is_markup(text: str):
    assert rendered(text) == text


def test_what_a_browser_would_swallow_is_visible():
    assert rendered("  a  b c ") == "␣␣a␣␣b c␣"
    assert rendered("a\n\tb\u200b") == "aU+000AU+0009bU+200B"
    assert rendered("\u0301") == "◌\u0301"


def test_a_cell_from_right_to_left_keeps_its_order():
    assert rendered("שלום!") == "\u200e\u2068שלום!\u2069"


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("|`*_<>&\\[]()#~ "), max_size=12))
def test_any_text_is_read_as_it_was_written(text: str):
    found = re.sub("[\u200e\u2068\u2069]", "", rendered(text)).replace("␣", " ")
    assert found == visible(text, space=" ").replace("␣", " ")
