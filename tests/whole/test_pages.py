"""README and docs: what they lead to is there, and the table of rooms is the one that is tested."""

import ast
import re
from pathlib import Path

import pytest

import pipeline
from tests.whole.test_imports import LAYER_ROWS, ROWS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
MOST_BYTES = 9_000
# A file or folder of this project by its whole name, in code or in a block of commands.
PLACE = re.compile(r"(?<![\w./-])(?:pipeline|layers|tests|benchmarks|docs|notebooks)/[\w./-]*")
# What a reader of a recipe is to write.
TO_BE_WRITTEN = {"layers/attention/NEW.py", "layers/cells/NEW.py", "pipeline/commands/NEW.py"}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def without_code(text: str) -> str:
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return "\n".join(line for line in text.split("\n") if not line.startswith("    "))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings, and those written out."""
    text = without_code(text_of(page))
    titles = [re.sub(r"[^\w\- ]", "", title.lower()).strip() for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    return {title.replace(" ", "-") for title in titles} | set(re.findall(r'<a id="([^"]+)">', text))


def links(page: Path) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", without_code(text_of(page)))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def missing_links(page: Path) -> list[str]:
    missing = []
    for link in links(page):
        name, _, anchor = link.partition("#")
        place = (page.parent / name).resolve() if name else page
        if not place.exists() or (anchor and anchor not in anchors(place)):
            missing.append(link)
    return missing


def missing_places(text: str) -> list[str]:
    named = {found.rstrip(".") for found in PLACE.findall(text)} - TO_BE_WRITTEN
    return sorted(name for name in named if not (ROOT / name).exists())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    assert missing_links(page) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_places_that_are_named_exist(page: Path):
    assert missing_places(re.sub(r"\[[^]]*\]\([^)]*\)", "", text_of(page))) == []


def test_what_is_gone_is_noticed(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("# A title: here\n[a](page.md#a-title-here) [b](gone.md) [c](#nowhere) [d](https://x.org/y)\n")
    assert missing_links(page) == ["gone.md", "#nowhere"]
    assert missing_places("`pipeline/gone.py` and `layers/decoder.py`.") == ["pipeline/gone.py"]


def test_readme_is_short():
    assert len((ROOT / "README.md").read_bytes()) <= MOST_BYTES


def test_every_page_is_reached_from_the_readme():
    reached = {(ROOT / link.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    assert set(PAGES) - {ROOT / "README.md"} <= reached


@pytest.mark.parametrize(("package", "rows"), [("pipeline", ROWS), ("layers", LAYER_ROWS)])
def test_rooms_stand_in_the_table(package: str, rows: list[set[str]]):
    table = text_of(ARCHITECTURE).partition(f"| room of `{package}/` |")[2].partition("\n\n")[0]
    found = re.findall(r"^\| (\d+) \| `(\w+)` \| \S", table, flags=re.MULTILINE)
    assert sorted((int(row), room) for row, room in found) == sorted(
        (number, room) for number, rooms in enumerate(rows, 1) for room in rooms
    )


def test_functions_that_are_named_stand_in_the_files_before_them():
    """In the index: `file`, `name` says that the file has the name."""
    pairs = re.findall(r"`([a-z_]+/[\w/]+\.py)`, `([\w.]+)`", text_of(ARCHITECTURE))
    assert len(pairs) > 30
    for place, name in pairs:
        last = name.rpartition(".")[2]
        assert re.search(rf"\b{last}\b", text_of(ROOT / place)), f"{place} has no {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_import_what_there_is(page: Path):
    for block in re.findall(r"^```python\n(.*?)^```", text_of(page), flags=re.DOTALL | re.MULTILINE):
        if ">>>" in block:
            continue
        for node in ast.walk(ast.parse(block)):
            if not isinstance(node, ast.ImportFrom) or not str(node.module).startswith("pipeline"):
                continue
            for name in (alias.name for alias in node.names):
                if node.module == "pipeline":
                    assert name in pipeline.__all__
                else:
                    file = ROOT / f"{str(node.module).replace('.', '/')}.py"
                    assert re.search(rf"^(def|class) {name}\b", text_of(file), re.MULTILINE), name
