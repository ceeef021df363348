"""The examples of docs/text.md."""

import doctest
import re
from pathlib import Path

from pipeline.data.inspection import inspect
from pipeline.unicode.white_space import WHITE_SPACE
from tests.tiny_task import tiny_configuration, write_pairs

PAGE = Path(__file__).parents[2] / "docs" / "text.md"


def test_examples():
    results = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert results.attempted >= 7
    assert results.failed == 0


def test_what_inspect_says(tmp_path: Path):
    train = write_pairs(tmp_path / "t.tsv", [("각", "A"), ("cafe\u0301", "B"), ("b", "é"), ("c", "e\u0301e\u0301")])
    locations = {"train": train, "dev": write_pairs(tmp_path / "d.tsv", [("b", "B")])}
    said = inspect(tiny_configuration(locations, text={"normalization": "nfd", "lowercase": True}))
    [shown] = re.findall(r"lowercase true\n(.*?)\n\n", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert "\n".join(line.strip() for line in shown.split("\n")) in said


def test_the_list_of_white_space_is_whole():
    paragraph = PAGE.read_text(encoding="utf-8").partition("property White_Space:")[2].partition("It is\ndropped")[0]
    listed = {0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x20, *range(0x2000, 0x200B)}
    listed |= {int(code, 16) for code in re.findall(r"U\+([0-9A-F]{4})", paragraph)}
    assert listed == set(map(ord, WHITE_SPACE))
