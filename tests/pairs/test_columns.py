import gzip
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.files.bad_lines import BadLines
from pipeline.pairs.columns import Columns
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import look_at, read_pairs
from pipeline.pairs.splits import open_splits
from pipeline.settings.data import DataConfiguration

FORMS = "melidi\tN;PL\tmelidika\nvapage\tV;PRS;3\tvapagemi\nzimepu\tV;PST\tzimeputul\n"
PAIRS = [Pair("melidi", "melidika", 1), Pair("vapage", "vapagemi", 2), Pair("zimepu", "zimeputul", 3)]


def write(path: Path, content: str) -> str:
    path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    return str(path)


def read(path: str, columns: Columns | None = None) -> list[Pair]:
    return list(read_pairs(path, "train", columns=columns))


def later(pairs: list[Pair], lines: int = 1) -> list[Pair]:
    return [pair._replace(line=pair.line + lines) for pair in pairs]


def test_columns_by_number(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = write(tmp_path / "a.tsv", FORMS)
    columns = {"source": 1, "target": 3}
    with pytest.raises(DataError, match=r"column 2 holds features .*; or say --data.columns '{source: 1, target: 3}'"):
        look_at(path)
    caplog.set_level("INFO")
    look_at(path, columns=columns)
    assert caplog.messages[-1] == (
        f"{path}: source is column 1 ('melidi'), target is column 3 ('melidika'); left out: column 2"
    )
    assert read(path, columns) == PAIRS
    splits = open_splits(DataConfiguration(train=path, dev=path, columns=columns), seed=1)
    assert list(splits["train"]()) == list(splits["dev"]()) == PAIRS


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.csv.gz"])
def test_columns_by_name(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture):
    text = "lemma\tmsd\tform\n" + FORMS
    path = write(tmp_path / name, text if name == "a.tsv" else text.replace("\t", ","))
    columns = {"target": "form", "source": "lemma"}
    assert read(path, columns) == later(PAIRS)
    caplog.set_level("INFO")
    look_at(path, columns=columns)
    assert "the first line is a header, and no pair; target is column 3 'form' ('melidika')" in caplog.messages[-1]
    with pytest.raises(DataError, match=r":1: no column is called 'word' \(data.columns.source\), .* 'lemma', 'msd'"):
        read(path, {"source": "word", "target": "form"})
    # By numbers, a header is recognised.
    assert read(path, {"source": 1, "target": 3}) == later(PAIRS)


def test_csv(tmp_path: Path):
    path = write(tmp_path / "a.csv", 'word,text\n"a ""b""","c, d"\n e ,f\n')
    assert read(path) == [Pair('a "b"', "c, d", 2), Pair("e", "f", 3)]
    # Without names nothing is left out, and a table between TABs stays one whatever its name is.
    assert read(write(tmp_path / "b.csv", "cat,K\ndog,D\n")) == [Pair("cat", "K", 1), Pair("dog", "D", 2)]
    assert read(write(tmp_path / "c.csv", "cat\tK, A\n")) == [Pair("cat", "K, A", 1)]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('"open,x', r"a\.csv:2: no CSV \(.*\): quotes within quotes are doubled"),
        ('"a"b,x', r"a\.csv:2: no CSV \("),
        ("alone", r"a\.csv:2: empty target: the line has 1 columns, and target is column 2"),
        (",x", r"a\.csv:2: empty source"),
        ("", r"a\.csv:2: blank line"),
        ('"a\tb",x', r"a\.csv:2: a TAB within the source"),
    ],
)
def test_bad_lines_of_csv(tmp_path: Path, line: str, wrong: str):
    path = write(tmp_path / "a.csv", f"cat,K\n{line}\ndog,D\n")
    with pytest.raises(DataError, match=wrong):
        read(path)
    bad = BadLines()
    assert list(read_pairs(path, "train", bad)) == [Pair("cat", "K", 1), Pair("dog", "D", 3)]
    assert bad.count() == 1


def test_other_separators_of_csv_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="seem to be separated by semicolons"):
        look_at(write(tmp_path / "a.csv", "cat;K A\ndog;D O\n"))


def test_columns_of_csv_that_cannot_be_meant_name_the_option_alone(tmp_path: Path):
    path = write(tmp_path / "a.csv", FORMS.replace("\t", ","))
    with pytest.raises(
        DataError, match=r"would be the target; --data.columns '{source: 1, target: 3}' takes"
    ) as caught:
        look_at(path)
    assert "cut" not in str(caught.value)


def test_a_stream_of_pairs_keeps_the_columns_of_every_corpus(tmp_path: Path):
    paths = [write(tmp_path / name, FORMS) for name in ("a.tsv", "b.tsv")]
    found = read_pairs(dict.fromkeys(paths, 1.0), "train", columns={"source": 1, "target": 3})
    assert list(found) == [*PAIRS, *(pair._replace(corpus=1) for pair in PAIRS)]
