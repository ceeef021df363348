"""What is compared with what: references as lines and pairs, outputs of several kinds, models that decode now."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DataError, UsageError
from pipeline.evaluation.comparison import ComparedBy, compare, is_model
from pipeline.evaluation.evaluate import evaluate_file
from pipeline.evaluation.significance import Comparison
from pipeline.saved_models.loading import load_predictor
from tests.tiny_task import TinyRun


def write(path: Path, *lines: str) -> str:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def run(reference: str, a: str, b: str, samples: int = 4, **figures: Any) -> Comparison:
    return compare(reference, (a, b), ComparedBy(**figures), samples, 3)


def scores(found: Comparison) -> dict[str, tuple[float, float]]:
    return {metric.name: (round(metric.a.score, 1), round(metric.b.score, 1)) for metric in found.metrics}


@pytest.fixture
def table(tmp_path: Path) -> str:
    """A source with two references, and one that stands there twice."""
    return write(tmp_path / "test.tsv", "read\tR IY D", "cat\tK AE T", "read\tR EH D", "cat\tK AE T", "dog\tD AO G")


def test_targets_of_a_table_are_the_references(table: str, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    a = write(tmp_path / "a", "R EH D", "K AE T", "R EH D", "K AE T", "D AO")
    b = write(tmp_path / "b", "R AE D", "K AE T", "R AE D", "K AE T", "D AO G")
    with caplog.at_level(logging.INFO):
        found = run(table, a, b)
    assert found.n == 3
    assert scores(found) == {"WER": (33.3, 33.3), "PER": (11.1, 11.1)}
    said = "compared by WER and PER of symbols between white space (--symbols space), as sources are single words"
    assert said in caplog.messages
    assert found.to_json()["differences"] == {
        "differ": 2,
        "a_right": 1,
        "b_right": 1,
        "neither_right": 0,
        "both_right": 0,
    }


def test_an_output_for_every_source_is_as_good(table: str, tmp_path: Path):
    lines = write(tmp_path / "a", "R EH D", "K AE T", "R EH D", "K AE T", "D AO")
    sources = write(tmp_path / "b", "R EH D", "K AE T", "D AO")
    assert scores(run(table, lines, sources)) == {"WER": (33.3, 33.3), "PER": (11.1, 11.1)}
    for figures in ({"tokens": "none"}, {"tokens": "13a"}):
        assert run(table, sources, sources, **figures).n == 3
        assert run(table, lines, lines, **figures).n == 5


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("pasted", ["read\tR EH D", "cat\tK AE T", "dog\tD AO"]),
        ("n-best", ["R EH D\tR IY D", "K AE T\tK AE", "D AO\t"]),
        (
            "json",
            [
                json.dumps({"source": source, "predictions": [{"text": text, "score": -1.0}]})
                for source, text in (("read", "R EH D"), ("cat", "K AE T"), ("dog", "D AO"))
            ],
        ),
    ],
)
def test_outputs_of_other_kinds(table: str, tmp_path: Path, name: str, lines: list[str]):
    plain = write(tmp_path / "plain", "R EH D", "K AE T", "D AO")
    found = run(table, write(tmp_path / name, *lines), plain)
    assert found.differences.number == 0
    assert scores(found)["WER"] == (33.3, 33.3)


def test_symbols_with_something_else_between_them(tmp_path: Path):
    reference = write(tmp_path / "r", "b-a-t", "New York-a")
    a, b = write(tmp_path / "a", "b-a", "New York - a"), write(tmp_path / "b", "b-a-t", "New-York-a")
    assert scores(run(reference, a, b, symbols="space", separator="-")) == {"WER": (50.0, 50.0), "PER": (20.0, 40.0)}
    assert scores(run(reference, a, a, symbols="space")) == {"WER": (100.0, 100.0), "PER": (133.3, 133.3)}


def test_outputs_in_another_order_are_refused(table: str, tmp_path: Path):
    plain = write(tmp_path / "plain", "R EH D", "K AE T", "D AO")
    other = write(tmp_path / "other", "cat\tK AE T", "read\tR EH D", "dog\tD AO")
    with pytest.raises(DataError, match=r"other:1: the output of 'cat', where the references have 'read'"):
        run(table, plain, other)
    broken = write(tmp_path / "broken", '{"source": "read", "predictions": []}', "K AE T", "D AO")
    with pytest.raises(DataError, match=r"broken:2: not an answer in JSON"):
        run(table, broken, plain)


def test_numbers_of_lines_that_do_not_fit(table: str, tmp_path: Path):
    plain, four = write(tmp_path / "plain", "x", "y"), write(tmp_path / "four", "x", "y", "z", "u")
    with pytest.raises(DataError, match=r"test\.tsv has 5 lines \(3 distinct sources\), .*four has 4 lines; line-al"):
        run(table, four, four)
    with pytest.raises(DataError, match=r"plain has 2 lines, .*four has 4 lines; line-aligned"):
        run(plain, plain, four)
    with pytest.raises(DataError, match="no such file"):
        run(plain, plain, str(tmp_path / "missing"))
    with pytest.raises(DataError, match="the file is empty"):
        run(write(tmp_path / "none"), plain, plain)


@pytest.mark.parametrize(
    ("references", "names"),
    [
        (["a dog runs", "two cats sit"], {"BLEU", "chrF", "TER"}),
        (["dog", "cat"], {"WER", "PER"}),
        (["haus\tHäuser", "maus\tMäuse"], {"WER", "PER"}),
        (["ein Hund\ta dog", "eine Katze\ta cat"], {"BLEU", "chrF", "TER"}),
    ],
)
def test_figures_follow_the_data(tmp_path: Path, references: list[str], names: set[str]):
    reference = write(tmp_path / "r", *references)
    output = write(tmp_path / "a", "x y", "z")
    assert set(scores(run(reference, output, output))) == names
    assert set(scores(run(reference, output, output, symbols="space"))) == {"WER", "PER"}
    assert set(scores(run(reference, output, output, tokens="char"))) == {"BLEU", "chrF", "TER"}


def test_an_empty_output_line_is_an_output(tmp_path: Path):
    files = write(tmp_path / "r", "a b", "c"), write(tmp_path / "a", "", "c"), write(tmp_path / "b", "a b", "")
    found = run(*files, symbols="space")
    assert [metric.a.score for metric in found.metrics] == pytest.approx([50, 200 / 3])
    assert run(*files).n == 2


def test_pipes_are_read_but_once(tmp_path: Path):
    for content in (b"read\tR EH D\ncat\tK\n", b"R EH D\nK\n"):
        reading, writing = os.pipe()
        os.write(writing, content)
        os.close(writing)
        output = write(tmp_path / "out", "R EH D", "K")
        assert scores(run(f"/dev/fd/{reading}", output, output, symbols="space"))["WER"] == (0, 0)
        os.close(reading)


def test_aligned_files_are_references(tmp_path: Path):
    files = write(tmp_path / "r.en", "a dog runs", "it sits"), write(tmp_path / "r.de", "ein Hund rennt", "er sitzt")
    found = run(",".join(files), files[1], files[0])
    assert found.differences.items.sources == ["a dog runs", "it sits"]
    assert (found.metrics[2].name, found.metrics[2].a.score) == ("TER", 0)


def test_some_tabs_are_text(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    reference = write(tmp_path / "r", "a\tb", "c d")
    run(reference, reference, reference)
    assert "1 line has a TAB, but not all: taken as text" in caplog.text


def test_what_differs_in_case_or_marks_alone_is_told(table: str, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    a = write(tmp_path / "a", "r eh d", "k ae t", "d ao g")
    b = write(tmp_path / "b", "R EH1 D", "K AE1 T", "D AO1 G")
    run(table, a, b)
    assert "outputs of A differ from a reference, 3 of 3 in case alone (--lowercase leaves it aside)" in caplog.messages
    assert "outputs of B differ from a reference, 3 of 3 in digits (stress marks?) alone" in caplog.messages
    caplog.clear()
    assert scores(run(table, a, b, lowercase=True))["WER"] == (0, 100)
    marks = write(tmp_path / "marks.tsv", "cat\tK AE1 T")
    caplog.clear()
    run(marks, write(tmp_path / "c", "K AE T"), write(tmp_path / "d", "K AE1 T"))
    assert "outputs of A differ from a reference, 1 of 1 in digits (stress marks?) alone" in caplog.messages


def test_items_that_differ_are_shown(table: str, tmp_path: Path):
    a, b = write(tmp_path / "a", "R EH D", "K", "D AO"), write(tmp_path / "b", "R D", "T", "D AO G")
    shown = run(table, a, b).table(2)
    assert shown.endswith(
        "the outputs differ on 3 of 3 items: A alone is right on 1, B alone on 1, neither on 1\n"
        "  line 1: read\n    reference  R IY D | R EH D\n    A right    R EH D\n    B wrong    R D\n"
        "  line 5: dog\n    reference  D AO G\n    A wrong    D AO\n    B right    D AO G\n"
        "  … --show 3 shows all\n"
    )
    assert "line 1" not in run(table, a, b).table(0)
    assert "few items: each is 33.3 points of an error rate, and intervals are too narrow\n" in shown
    assert run(table, a, a).table(2).endswith("the outputs are the same on 3 items\n")


# Models


@pytest.mark.slow
def test_models_decode_now(tiny_run: TinyRun, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    reference = write(tmp_path / "r.tsv", "ab\tA B", "é\tÉ", "ß\tS S", "é\tX", "aß\tA S")
    outputs = write(tmp_path / "out", "A B", "É", "S", "A S S")
    with caplog.at_level(logging.INFO):
        found = run(reference, str(tiny_run.path), outputs)
    assert "compared by WER and PER of symbols between white space (--symbols space), as text.target" in caplog.text
    assert found.n == 4
    measured = evaluate_file(load_predictor(tiny_run.path), reference)
    assert (found.metrics[0].a.score, found.metrics[1].a.score) == pytest.approx(
        (measured["wer"], measured["per"]), abs=1e-3
    )
    export = run(reference, str(tiny_run.path), str(tiny_run.path / "export"))
    assert export.differences.number == 0


def test_models_need_sources(tiny_run: TinyRun, tmp_path: Path):
    lines = write(tmp_path / "lines", "A B")
    with pytest.raises(UsageError, match=r"lines: has no sources for .* to decode; give pairs as REFERENCE"):
        run(lines, str(tiny_run.path), lines)


def test_what_is_a_model(tmp_path: Path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    file = write(tmp_path / "file", "a")
    assert is_model(str(tmp_path / "one"))
    assert is_model(f"{tmp_path}/one, {tmp_path}/two")
    assert not is_model(file)
    assert not is_model(f"{tmp_path}/one,{file}")
    assert not is_model(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("figures", [{"symbols": "char"}, {"tokens": "13a"}])
def test_files_are_compared_in_one_normal_form(tmp_path: Path, figures: dict[str, Any]):
    reference = write(tmp_path / "r", "über die Brücke gehen wir", "각각 é é é é")
    a = write(tmp_path / "a", "u\u0308ber die Bru\u0308cke gehen wir", "\u1100\u1161\u11a8각 e\u0301 é é é")
    found = run(reference, a, reference, **figures)
    assert all(one == pytest.approx(other) for one, other in scores(found).values())


def test_columns_of_a_table_and_csv(tmp_path: Path):
    a, b = write(tmp_path / "a", "A", "B", "C"), write(tmp_path / "b", "A", "B", "X")
    table = write(tmp_path / "ref.tsv", "a\tN;PL\tA", "b\tN;PL\tB", "c\tV;PST\tC")
    commas = write(tmp_path / "ref.csv", "word,text", "a,A", "b,B", "c,C")
    for reference, columns in ((table, {"source": 1, "target": 3}), (commas, None)):
        found = compare(reference, (a, b), ComparedBy("space"), 4, 3, columns)
        assert found.n == 3
        assert scores(found)["WER"] == (0.0, 33.3)
