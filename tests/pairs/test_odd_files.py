import json
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.files.bad_lines import Fault
from pipeline.pairs.columns import look_at_table
from pipeline.pairs.file_shape import look, shape_of
from pipeline.pairs.odd_shapes import judge_lines, judge_table
from pipeline.pairs.reading import look_at
from tests.pairs.test_odd_shapes import WORDS, aligned, make_lexicon, refusal, warnings


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([f"{w},{w.upper()}" for w in WORDS], "separated by commas; tr ',' '\\t' < a.tsv > NEW"),
        ([f'{w},"{w}, {w}"' for w in WORDS], "separated by commas; python3 -c 'import csv"),
        (["a,b,c"] * 9, "separated by commas; python3 -c 'import csv"),
        (
            [f"{w};{w.upper()}" for w in WORDS],
            'separated by semicolons; python3 -c \'import csv, sys; [print(*row, sep="\\t")',
        ),
        ([f"{w} ||| {w}" for w in WORDS], "separated by |||; perl -pe"),
        ([f"{w}|{w}" for w in WORDS], "separated by |; python3"),
        ([f"{w}\\t{w}" for w in WORDS], "separated by a backslash and a t, not by a TAB; perl -pe"),
        (
            [f"{w}  {' '.join(w)}" for w in WORDS],
            "separated by two spaces or more; perl -pe 's/ {2,}/\\t/' a.tsv > NEW",
        ),
        ([f"good {w}   guten {w}" for w in WORDS], "separated by two spaces or more; perl -pe"),
        (
            [f"{w} {' '.join(w)}" for w in WORDS],
            "before the first space, as in pronunciation dictionaries?; then perl -pe",
        ),
        ([";;; CMUdict", *(f"{w}  {' '.join(w)}" for w in WORDS)], "perl -ne 'print if !/^(;;;|#)/ &&"),
        (["cat  K AE T", "cat(2)  K AH T", "dog  D AO G"], "perl -ne 'print if !/^(;;;|#)/ &&"),
    ],
)
def test_other_separators(lines: list[str], message: str):
    assert message in refusal(lines)


def test_commas_within_the_columns_of_csv(tmp_path: Path):
    path = tmp_path / "dates.csv"
    sources = [f"March {day}, 1981" if day % 6 == 0 else f"{day}.3.1981" for day in range(1, 30)]
    dates = [f"{source};1981-03-{day:02}" for day, source in enumerate(sources, 1)]
    path.write_text("\n".join(["Datum;ISO", *dates, ""]), encoding="utf-8-sig")
    message = r"dates\.csv:1: its columns seem to be separated by semicolons, not by commas, .*delimiter=\";\""
    with pytest.raises(DataError, match=message):
        look_at(str(path))
    path.write_text("".join(f'"{word}, so","{word}; {word}"\n' for word in WORDS), encoding="utf-8")
    look_at(str(path))


def test_the_line_is_the_first_that_is_no_comment():
    assert refusal([";;; a", ";;; b", "cat  K AE T"]).startswith("a.tsv:3: no TAB, ")


def test_single_lines_without_a_tab_are_the_readers_matter():
    assert warnings([*make_lexicon(), "a,b", "c,d"]) == []
    assert warnings(["just words", "of no order at all", "x"]) == []


def test_carriage_returns_as_line_ends(tmp_path: object):
    fault = Fault("a.tsv", 3, "a lone carriage return within the line, as …", "make line ends of them: tr")
    good = make_lexicon(20)
    message = (
        r"^a\.tsv:3: a lone carriage return within the line, as …, on 5 of the 25 lines; make line ends of them: tr"
    )
    with pytest.raises(DataError, match=message):
        judge_table(shape_of([*good, *[fault] * 5], "a.tsv"))
    # A slip is the reader's matter, which leaves it out where that is wanted.
    assert judge_table(shape_of([*good, fault], "a.tsv")) == []


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (["<!DOCTYPE html>", "<html>", "<p>a\tb</p>"], "a web page"),
        (["  <html lang='en'>", "<p>"], "a web page"),
        (["<?xml version='1.0'?>", "<tmx>"], "an XML document"),
        (["version https://git-lfs.github.com/spec/v1", "oid sha256:00", "size 5"], "a Git LFS pointer, not the file"),
        (["404: Not Found"], "the answer of a server that has no such file"),
        (["<<<<<<< HEAD", "a\tb", "======="], "a file with a merge conflict"),
        (["{", '  "a": "b"', "}"], "JSON, not lines of source TAB target"),
        (['[["a", "b"], ["c", "d"]]'], "JSON, not lines of source TAB target"),
    ],
)
def test_documents(lines: list[str], kind: str):
    assert f"a.tsv:1: is {kind}; " in refusal(lines).replace("a.tsv: is JSON", "a.tsv:1: is JSON")


def test_lines_of_json():
    said = refusal([json.dumps({"source": word, "target": word.upper(), "id": 1}) for word in WORDS])
    assert said == "a.tsv:1: its lines are JSON, not source TAB target; jq -r '[.source, .target] | @tsv' a.tsv > NEW"
    odd = refusal([json.dumps({"the 'source'": word, "b": word}) for word in WORDS])
    assert odd.endswith("; write its pairs as tab-separated text")
    assert "jq -r '[.[0], .[1]] | @tsv'" in refusal([json.dumps([word, word.upper()]) for word in WORDS])


def test_a_web_page_in_the_place_of_an_aligned_file():
    with pytest.raises(DataError, match="is a web page"):
        judge_lines(aligned([("<!DOCTYPE html>", "eins"), ("<p>", "zwei")]))


def test_two_tables_with_a_comma_between_them():
    pairs = [(f"{word}\t{word.upper()}", f"{word[::-1]}\tx") for word in WORDS]
    with pytest.raises(DataError, match=r"both hold columns.* two tables are given as \{a\.en: 1, a\.de: 1\}"):
        judge_lines(aligned(pairs))


def test_one_table_among_aligned_files():
    [finding] = judge_lines(aligned([(f"{word}\tN", word.upper()) for word in WORDS]))
    assert finding.wrong == "the source holds a TAB on 200 of the 200 lines, and is the whole line all the same"


def test_a_file_of_its_own(tmp_path: object):
    # Nothing of this needs more than what a look gives.
    path = f"{tmp_path}/a.tsv"
    with open(path, "w", encoding="utf-8") as file:
        file.write("a,b\nc,d\n")
    with pytest.raises(DataError, match=r"a\.tsv:1: no TAB, its columns seem to be separated by commas"):
        judge_table(look(path))


@pytest.mark.parametrize(
    "lines",
    [
        [f"walk{n},walked{n},V;PST{',rare' if n % 4 == 0 else ''}" for n in range(25)],
        [f"walk{n},walked{n}|walkt{n}{',irr' if n % 3 == 0 else ''}" for n in range(25)],
        [f"I walk{n}; you do,Ich walk{n}; du{', ja' if n % 5 == 0 else ''}" for n in range(25)],
    ],
)
def test_marks_within_the_cells_of_commas_are_no_columns(lines: list[str], tmp_path: Path):
    path = tmp_path / "pairs.csv"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    assert not [finding for finding in judge_table(look_at_table(str(path), None)) if "separate" in str(finding)]


def test_a_comma_and_a_semicolon_in_every_line_are_told(tmp_path: Path):
    path = tmp_path / "words.csv"
    path.write_text("".join(f"Wort{n}, der;word{n}\n" for n in range(9)), encoding="utf-8")
    [finding] = [finding for finding in judge_table(look_at_table(str(path), None)) if "semicolon" in str(finding)]
    assert "commas separate its columns, and one semicolon stands in each line too" in str(finding)
