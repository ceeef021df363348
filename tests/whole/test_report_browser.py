"""The page of an error report in a browser: light and dark, on paper, without network and scripts."""

from pathlib import Path

import pytest

from pipeline import evaluate
from tests.browser import open_page, take_picture
from tests.evaluation.report.told_model import ToldModel, also, looking, write

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TABLE = {
    "phoenix": also(looking("F OW N IH K S", "phoenix", [0, 2, 4, 5, 6, 6, 7], score=-0.2), "F IY N IH K S"),
    "سلام": looking("s a l m", "سلام", [0, 1, 1, 3, 4]),
    "<b>&amp;</b>": looking("<i>", "ab", [0, 2]),
    "ab": looking("A B", "ab", [0, 1, 2]),
}
PAIRS = [
    ("phoenix", "F IY N IH K S"),
    ("سلام", "s a l a m"),
    ("<b>&amp;</b>", "<img src=x onerror=alert(1)>"),
    ("ab", "A B"),
]


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    other = ToldModel({**TABLE, "phoenix": looking("F IY N IH K S", "phoenix", [0, 2, 4, 5, 6, 6, 7])})
    evaluate(ToldModel(TABLE), write(tmp_path / "t.tsv", *PAIRS), report=tmp_path / "out", against=other)
    return tmp_path / "out" / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_is_shown(page_file: Path, tmp_path: Path, scheme: str):
    with open_page(scheme) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        assert asked == [page_file.as_uri()]
        assert page.locator("h2").all_inner_texts()[:3] == ["Two models", "Errors", "Which symbol for which"]
        assert page.locator("img, i, script, article b").count() == 0
        # Every link leads somewhere: to a section, or to a table that lies beside the page.
        for link in page.locator("a").all():
            target = link.get_attribute("href")
            there = (
                page.locator(target).count() == 1 if target.startswith("#") else (page_file.parent / target).is_file()
            )
            assert there, target
        ink, paper = (page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor"))
        assert (ink, paper) == (
            ("rgb(29, 36, 51)", "rgb(255, 255, 255)")
            if scheme == "light"
            else ("rgb(230, 233, 240)", "rgb(20, 23, 31)")
        )
        assert page.locator("#confusion svg .bar text").last.text_content() == "number of errors"
        first = page.locator("article", has_text="phoenix").first
        assert first.locator(".written .bad").all_inner_texts() == ["OW"]
        assert first.locator(".wanted .bad").all_inner_texts() == ["IY"]
        assert first.locator("svg .bar text").last.text_content() == "attention weight"
        take_picture(page, f"report-{scheme}", tmp_path)
        # Nothing makes a reader of a telephone scroll sideways but wide tables, by themselves.
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_right_to_left_sources_run_from_the_right(page_file: Path):
    with open_page() as page:
        page.goto(page_file.as_uri())
        article = page.locator("article", has_text="سلام").first
        assert article.locator(".source bdi").get_attribute("dir") == "rtl"
        places = {
            label.text_content(): label.bounding_box()["x"] for label in article.locator("svg.map > text").all()[:4]
        }
        assert places["س"] > places["م"]


def test_on_paper_it_is_light_and_whole(page_file: Path, tmp_path: Path):
    with open_page("dark") as page:
        page.goto(page_file.as_uri())
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.locator("nav").is_visible()
        page.pdf(path=str(tmp_path / "report.pdf"), format="A4")
    assert (tmp_path / "report.pdf").read_bytes()[:5] == b"%PDF-"
