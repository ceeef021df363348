"""A look at the file before any line of it is answered: tables, other kinds of files, quotes."""

import gzip
import logging
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.answering.input_check import look_at_lines, refuse_table
from pipeline.errors import DataError

NO_FEATURES, FEATURES = (SimpleNamespace(feature_separator=separator) for separator in (None, ";"))
NEVER_SAW_ONE: Any = SimpleNamespace(known=SimpleNamespace(reads_tab=False), text=NO_FEATURES)
KNOWS_TABS: Any = SimpleNamespace(known=SimpleNamespace(reads_tab=True), text=NO_FEATURES)
READS_FEATURES: Any = SimpleNamespace(known=SimpleNamespace(reads_tab=True), text=FEATURES)


def check(path: Path, content: bytes, predictor: Any = NEVER_SAW_ONE) -> None:
    path.write_bytes(content)
    shape = look_at_lines(str(path))
    assert shape
    refuse_table(shape, Path("runs/my run"), predictor)


def test_a_table_is_refused_with_the_command_that_answers_it(tmp_path: Path):
    path = tmp_path / "my words.tsv"
    with pytest.raises(DataError) as error:
        check(path, b"\nsea\tS IY\nsky\tS K AY\n")
    message = str(error.value)
    assert message.startswith(f"{path}:2: holds a TAB, which no source of the training does, and so do 2 of the ")
    assert f"cut -f1 '{path}' | python -m pipeline predict 'runs/my run' - (" in message
    packed = tmp_path / "words.tsv.gz"
    with pytest.raises(DataError, match=r"gzip -dc \S+words\.tsv\.gz \| cut -f1 \| python -m pipeline predict"):
        check(packed, gzip.compress(b"a\tA\textra\n" * 30 + b"b\n"))


@pytest.mark.parametrize("content", [b"sea\nsky\n", b"sea\tS\nsky\nsun\n", b"\n\n"])
def test_lines_and_slips_are_answered(tmp_path: Path, content: bytes):
    check(tmp_path / "words.txt", content)


def test_csv_is_read_as_lines_which_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    check(tmp_path / "words.txt", b"sea, land\nsky, sun\n")
    check(tmp_path / "lines.csv", b"sea\nsky\n")
    assert caplog.messages == []
    for name, mark in (("words.csv", ","), ("other.csv", ";"), ("packed.csv.gz", ",")):
        content = f"sea{mark}S\nsky{mark}K\n".encode()
        check(tmp_path / name, gzip.compress(content) if name.endswith(".gz") else content)
        assert f"{tmp_path / name}:1: named CSV, and every line is one source here" in caplog.messages[-1]
        command = caplog.messages[-1].partition("first column: ")[2].partition(" | python -m")[0]
        assert subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout == "sea\nsky\n"


def test_a_model_that_knows_tabs_reads_them(tmp_path: Path):
    check(tmp_path / "words.txt", b"a\tb\n" * 3, KNOWS_TABS)


def test_lines_without_features_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    check(tmp_path / "with.txt", b"sea\tN;PL\nsky\n", READS_FEATURES)
    assert caplog.messages == []
    check(tmp_path / "without.txt", b"sea\nsky\n", READS_FEATURES)
    assert "no line of the 2 lines has features, which the sources of the training have" in caplog.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("sea\nsky\n".encode("utf-16"), "is UTF-16 text, not UTF-8 text; iconv -f UTF-16 -t UTF-8"),
        (gzip.compress(b"sea\n", mtime=0), "gzip data whose name does not end in .gz"),
        (b"sea\rsky\rsun\r", "lone carriage return"),
        (b"<!DOCTYPE html>\n<html>\n", "is a web page"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, words: str):
    with pytest.raises(DataError, match=words):
        check(tmp_path / "words.txt", content)


def test_quotes_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        check(tmp_path / "words.txt", b'"sea"\n"sky"\n"sun"\n')
    assert "the source stands in quotes" in caplog.text


def test_pipes_and_empty_files_are_not_looked_at(tmp_path: Path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "empty.gz").write_bytes(gzip.compress(b""))
    for location in ("-", "/dev/stdin", str(tmp_path / "empty"), str(tmp_path / "empty.gz"), str(tmp_path)):
        assert look_at_lines(location) is None
