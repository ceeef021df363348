from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.files.bad_lines import Fault
from pipeline.pairs.file_shape import LOOK_LINES, Row, look, look_at_aligned, shape_of


def test_columns_and_what_is_taken():
    shape = shape_of([" cat\tK AE T \tNOUN", "dog\tD AO G\tNOUN\t\t "], "a.tsv")
    assert shape.rows[0] == Row(1, ["cat", "K AE T", "NOUN"], " cat\tK AE T \tNOUN")
    assert (shape.columns, dict(shape.counts), shape.is_whole) == (3, {3: 2}, True)
    assert shape.column(3) == ["NOUN", "NOUN"]
    assert shape.describe_taken() == (
        "a.tsv: 3 columns; source is column 1 ('cat'), target column 2 ('K AE T'); column 3 ('NOUN') is left out"
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a\tb", "c\td"], "a.tsv: source is column 1 ('a'), target column 2 ('b')"),
        (
            ["a\tb\t", "c\td\te"],
            "a.tsv: 3 columns; source is column 1 ('c'), target column 2 ('d'); column 3 ('e') is left out",
        ),
        (["a\tb\t"], "a.tsv: source is column 1 ('a'), target column 2 ('b')"),
        (
            ["a\tb", "c\td", "e\tf\tg\th\ti"],
            "a.tsv: 2 to 5 columns (1 of the 3 lines has 5, first line 3); source is column 1 ('e'), target column 2 "
            "('f'); columns 3 to 5 ('g' to 'i') are left out",
        ),
        (["x" * 40 + "\ty\u2028z"], f"a.tsv: source is column 1 ('{'x' * 29}…'), target column 2 ('y\\u2028z')"),
        (["no", "columns"], "a.tsv: no line of the 2 lines has two columns with a TAB between them"),
    ],
)
def test_descriptions(lines: list[str], said: str):
    assert shape_of(lines, "a.tsv").describe_taken() == said


def test_blank_lines_and_faults_are_no_rows():
    fault = Fault("a.tsv", 3, "bad", "mend it")
    shape = shape_of(["a\tb", "", fault, " \t ", "c\td"], "a.tsv")
    assert [row.line for row in shape.rows] == [1, 5]
    assert shape.faults == [fault]


def test_a_look_is_short(tmp_path: Path):
    path = tmp_path / "a.tsv"
    path.write_text("a\tb\n" * LOOK_LINES)
    assert look(path).is_whole
    path.write_text("a\tb\n" * (LOOK_LINES + 1))
    assert (len(look(path).rows), look(path).is_whole, look(path).extent()) == (1000, False, "the first 1,000 lines")
    path.write_text(f"{'a' * 700_000}\tb\n" * 20)
    assert len(look(path).rows) == 2


def test_no_more_is_read_than_is_looked_at():
    lines = iter(["a\tb"] * 5000)
    assert len(shape_of(lines, "-").rows) == LOOK_LINES
    assert len(list(lines)) == 5000 - LOOK_LINES - 1


def test_aligned_files(tmp_path: Path):
    for name, text in (("a.en", "one\ntwo\n\xa0\nfour\n"), ("a.de", "eins\nzwei \ndrei\n")):
        (tmp_path / name).write_text(text)
    shape = look_at_aligned(f"{tmp_path}/a.en", f"{tmp_path}/a.de")
    assert shape.is_aligned
    assert [row.cells for row in shape.rows] == [["one", "eins"], ["two", "zwei"]]
    assert shape.path == f"{tmp_path}/a.en,{tmp_path}/a.de"


def test_files_that_cannot_be_read(tmp_path: Path):
    with pytest.raises(DataError, match=r"none\.tsv: no such file"):
        look(tmp_path / "none.tsv")
