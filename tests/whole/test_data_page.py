"""What `docs/data.md` shows is what is said."""

from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.pairs.file_shape import shape_of
from pipeline.pairs.odd_shapes import judge_table

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


def test_the_example_is_what_is_said():
    said = shape_of(["walk\twalked\tV;PST"], "forms.tsv").describe_taken()
    assert f"    {said}\n" in PAGE


@pytest.mark.parametrize(
    ("lines", "said", "command"),
    [
        (["a,b", "c,d"], "no TAB, its columns seem to be separated by commas", "tr ',' '\\t' < FILE > NEW"),
        (
            ['{"source": "a", "target": "b"}'] * 2,
            "its lines are JSON",
            r"jq -r '[.source, .target] \| @tsv' FILE > NEW",
        ),
        (["a\t0.9\t0.1\t1.5\t0.2\tp e"], "probabilities perhaps", "cut -f1,6 FILE > NEW"),
        (["go\tV;PST\twent"], "column 2 holds features", "cut -f1,3 FILE > NEW"),
        (["1\ta\t2\tb", "8\tc\t9\td"], "columns 1 and 3 hold numbers", "cut -f2,4 FILE > NEW"),
        (
            ["\ta\tb", "0\tc\td", "1\te\tf"],
            "column 1 counts the lines, below a header",
            r"tail -n +2 FILE \| cut -f2,3 > NEW",
        ),
    ],
)
def test_refusals_and_their_commands(lines: list[str], said: str, command: str):
    with pytest.raises(DataError) as caught:
        judge_table(shape_of(lines, "FILE"))
    assert said in str(caught.value)
    assert said in PAGE
    assert command.replace("\\|", "|") in str(caught.value)
    assert f"`{command}`" in PAGE
