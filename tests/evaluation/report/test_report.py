"""A report from answers that a table tells: every figure of its tables counted by hand."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from pipeline import UsageError, evaluate
from pipeline.answering.predictions import Hypothesis, Prediction
from pipeline.settings.text import TextConfiguration
from tests.evaluation.report.told_model import SPACE, ToldModel, also, column, looking, read_table, write

TABLE = {
    # Right.
    "ab": looking("A B", "ab", [0, 1, 2]),
    # B for A, at a; the right one is the third output.
    "aab": also(looking("A B B", "aab", [0, 1, 2, 3], score=-0.1), "A B", "A A B"),
    # C left out, between b and d.
    "abcd": looking("A B D", "abcd", [0, 1, 3, 4], score=-0.7),
    # B for A once more, at x, which training lacks.
    "qb": looking("B B", "qb", [0, 1, 2], score=-2.0),
    # Two references: nearer to the second.
    "dd": looking("D D D", "dd", [0, 1, 1, 2]),
}
PAIRS = [("ab", "A B"), ("aab", "A A B"), ("abcd", "A B C D"), ("qb", "A B"), ("dd", "D"), ("dd", "D D")]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("told")
    figures = evaluate(ToldModel(TABLE), write(folder / "test.tsv", *PAIRS), report=folder / "report")
    assert (figures["n"], figures["wer"], figures["report"]) == (5, 80.0, str(folder / "report" / "report.html"))
    return folder / "report"


def test_figures(told: Path):
    rows = read_table(told / "summary.tsv")
    # 4 of 13 symbols of the nearest references: A A B, A B C D, A B, D D, and A B.
    assert [(row["figure"], row["value"]) for row in rows] == [
        ("accuracy", "20.00"),
        ("wer", "80.00"),
        ("per", "30.77"),
    ]
    for row in rows:
        assert float(row["low"]) < float(row["value"]) < float(row["high"])


def test_errors_by_kind_and_by_symbols(told: Path):
    assert column(told / "kinds.tsv", "kind", "errors", "share") == [
        ("substituted", "2", "50.00"),
        ("left out", "1", "25.00"),
        ("added", "1", "25.00"),
    ]
    names = "kind", "wanted", "written", "errors", "share", "of", "source_symbols", "line", "source"
    assert column(told / "errors.tsv", *names) == [
        ("substituted", "A", "B", "2", "50.00", "5", "a ×1, q ×1", "2", "aab"),
        ("added", "", "D", "1", "25.00", "", "d ×1", "5", "dd"),
        ("left out", "C", "", "1", "25.00", "1", "c ×1", "3", "abcd"),
    ]


def test_symbols_and_what_they_are_about(told: Path):
    assert column(told / "symbols.tsv", "wanted", "times", "right", "substituted", "left_out", "written_instead") == [
        ("A", "5", "3", "2", "0", "B ×2"),
        ("C", "1", "0", "0", "1", ""),
        ("B", "4", "4", "0", "0", ""),
        ("D", "3", "3", "0", "0", ""),
    ]
    assert column(told / "source_symbols.tsv", "source_symbols", "errors", "which") == [
        ("a", "1", "A → B ×1"),
        ("c", "1", "C → – ×1"),
        ("d", "1", "– → D ×1"),
        ("q", "1", "A → B ×1"),
    ]


def test_by_length_and_unseen_symbols(told: Path):
    assert column(told / "length.tsv", "length", "answers", "right", "accuracy", "per") == [
        ("2", "3", "1", "33.33", "33.33"),
        ("3", "1", "0", "0.00", "33.33"),
        ("4", "1", "0", "0.00", "25.00"),
    ]
    assert column(told / "unseen.tsv", "source", "answers", "right") == [
        ("with symbols that training lacks", "1", "0"),
        ("with known symbols alone", "4", "1"),
    ]
    assert column(told / "unseen_symbols.tsv", "symbol", "answers", "right") == [("q", "1", "0")]


def test_a_model_without_training_data_has_no_frequencies(told: Path):
    assert not (told / "frequency.tsv").exists()
    assert "Left out: the model was given as an object" in (told / "report.html").read_text()


def test_right_answers_among_the_n_best(told: Path):
    assert column(told / "n_best.tsv", "n", "right", "accuracy", "gained") == [
        ("1", "1", "20.00", "0.00"),
        ("2", "1", "20.00", "0.00"),
        ("3", "2", "40.00", "20.00"),
    ]


def test_all_wrong_answers_the_least_probable_first(told: Path):
    names = "line", "source", "references", "output", "log_p_output", "log_p_reference", "distance", "rank", "unknown"
    assert column(told / "wrong.tsv", *names) == [
        ("3", "abcd", "A B C D", "A B D", "-0.7000", "-7.5000", "1", "", "0"),
        ("2", "aab", "A A B", "A B B", "-0.1000", "-6.0000", "1", "3", "0"),
        ("4", "qb", "A B", "B B", "-2.0000", "-4.5000", "1", "", "1"),
        ("5", "dd", "D | D D", "D D D", "-0.5000", "-3.0000", "1", "", "0"),
    ]


def test_the_files_are_listed_and_explained(told: Path):
    info = json.loads((told / "report.json").read_text())
    assert {path.name for path in told.iterdir()} == {"report.json", *info["files"]}
    assert (info["kind"], info["wer"], info["model"]) == ("error report", 80.0, "the model")
    readme = (told / "README.md").read_text()
    for table in told.glob("*.tsv"):
        for name in table.read_text().splitlines()[0].split("\t"):
            assert f"| `{name}` |" in readme[readme.index(f"## {table.name}") :], table


def test_the_same_figures_as_without_a_report(told: Path):
    path = told.parent / "test.tsv"
    plain = evaluate(ToldModel(TABLE), str(path))
    info = json.loads((told / "report.json").read_text())
    assert {name: info[name] for name in plain} == plain


# Kinds of models


def test_a_model_that_looks_nowhere_has_no_source_symbols(tmp_path: Path):
    blind = {
        source: one._replace(
            hypotheses=[output._replace(attention=np.zeros_like(output.attention)) for output in one.hypotheses]
        )
        for source, one in TABLE.items()
    }
    evaluate(ToldModel(blind), write(tmp_path / "test.tsv", *PAIRS), report=tmp_path / "report")
    assert set(column(tmp_path / "report" / "errors.tsv", "source_symbols")) == {("",)}
    page = (tmp_path / "report" / "report.html").read_text()
    assert "Source symbols are left out" in page
    assert "attention weight" not in page


def test_features(tmp_path: Path):
    text = TextConfiguration(feature_separator=";")
    table = {
        "ab\tV;PST": looking("a b d", "ab", [0, 1, 3, 4], features="V;PST"),
        "ab\tV;PRS": looking("a b", "ab", [0, 1, 4], features="V;PRS"),
        "ba\tN;PST": looking("b x", "ba", [0, 3, 4], features="N;PST"),
    }
    model = ToldModel({source: one._replace(hypotheses=_joined(one)) for source, one in table.items()}, text)
    path = write(tmp_path / "test.tsv", ("ab", "abd", "V;PST"), ("ab", "ab", "V;PRS"), ("ba", "ba", "N;PST"))
    evaluate(model, path, report=tmp_path / "out", columns={"source": 1, "target": 2, "features": 3})
    assert column(tmp_path / "out" / "features.tsv", "feature", "answers", "right") == [
        ("PST", "2", "1"),
        ("V", "2", "2"),
        ("N", "1", "0"),
        ("PRS", "1", "1"),
    ]
    assert column(tmp_path / "out" / "feature_sets.tsv", "features", "right")[0] == ("N;PST", "0")
    assert column(tmp_path / "out" / "errors.tsv", "wanted", "written", "source_symbols") == [("a", "x", "[PST] ×1")]
    assert column(tmp_path / "out" / "wrong.tsv", "source", "features", "references") == [("ba", "N;PST", "ba")]
    # Features are no part of a source's length.
    assert column(tmp_path / "out" / "length.tsv", "length", "answers") == [("2", "3")]


def _joined(prediction: Prediction) -> list[Hypothesis]:
    return [output._replace(text=output.text.replace(" ", "")) for output in prediction.hypotheses]


def test_what_cannot_be_written_is_told_apart(tmp_path: Path):
    model = ToldModel({"ab": looking("A", "ab", [0, 2]), "b": looking("A", "b", [0, 1])})
    evaluate(model, write(tmp_path / "test.tsv", ("ab", "A ?"), ("b", "B")), report=tmp_path / "out")
    assert column(tmp_path / "out" / "wrong.tsv", "line", "log_p_reference") == [("1", ""), ("2", "-3.0000")]
    assert "1 wrong answer has no reference that the model can write" in (tmp_path / "out" / "report.html").read_text()


def test_sentences(tmp_path: Path):
    text = TextConfiguration(source_tokenizer="bpe", target_tokenizer="bpe")
    model = ToldModel({"ein Hund": looking("a dog runs here now", "ein", [0, 1, 2, 2, 1, 3])}, text)
    pairs = [("ein Hund", "a dog runs here now"), ("ein Hund", "a dog swims here now")]
    figures = evaluate(model, write(tmp_path / "test.tsv", *pairs), report=tmp_path / "out")
    assert (figures["n"], figures["sequence_error_rate"]) == (2, 50.0)
    assert [name for (name,) in column(tmp_path / "out" / "summary.tsv", "figure")] == [
        *("accuracy", "sequence_error_rate", "bleu", "chrf", "ter")
    ]
    assert column(tmp_path / "out" / "errors.tsv", "wanted", "written") == [("swims", "runs")]
    assert "1 of 2</b><span>sentences right" in (tmp_path / "out" / "report.html").read_text()


def test_nothing_wrong(tmp_path: Path):
    evaluate(ToldModel(TABLE), write(tmp_path / "test.tsv", PAIRS[0]), report=tmp_path / "out")
    assert read_table(tmp_path / "out" / "wrong.tsv") == []
    page = (tmp_path / "out" / "report.html").read_text()
    assert "There are none: every answer is right." in page
    assert "<svg" not in page


def test_what_a_source_holds_is_text_on_the_page(tmp_path: Path):
    odd = "<script>alert(1)</script>/*MAIN*/"
    model = ToldModel({odd: looking("<b> &", "ab", [0, 1, 2])}, letters=odd)
    evaluate(model, write(tmp_path / "test.tsv", (odd, "<i> \"'")), report=tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script" not in page
    assert "<i>" not in page
    assert "&lt;script&gt;" in page


def test_many_sources_are_answered_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from pipeline.evaluation.report import answers

    monkeypatch.setattr(answers, "PART", 2)
    model = ToldModel(TABLE)
    evaluate(model, write(tmp_path / "test.tsv", *PAIRS), report=tmp_path / "out")
    assert model.asked == [2, 2, 1]
    assert column(tmp_path / "out" / "wrong.tsv", "line") == [("3",), ("2",), ("4",), ("5",)]


def test_of_very_long_texts_the_page_has_the_beginning(tmp_path: Path):
    many = "A " * 5000
    model = ToldModel({"ab": looking(many, "ab", [0] * 5000 + [2])})
    evaluate(model, write(tmp_path / "test.tsv", ("ab", many + "B")), report=tmp_path / "out")
    assert column(tmp_path / "out" / "wrong.tsv", "output", "references") == [(many, many + "B")]
    page = (tmp_path / "out" / "report.html").read_text()
    assert len(page) < 50_000
    assert "5001 × 3 symbols: too many for a heat-map here" in page


# Two models


def test_two_models(tmp_path: Path):
    other = ToldModel({**TABLE, "ab": looking("B B", "ab", [0, 1, 2]), "qb": looking("A B", "qb", [0, 1, 2])})
    figures = evaluate(ToldModel(TABLE), write(tmp_path / "test.tsv", *PAIRS), report=tmp_path / "out", against=other)
    out = tmp_path / "out"
    assert column(out / "who_is_right.tsv", "right", "answers") == [
        ("A alone", "1"),
        ("B alone", "1"),
        ("both", "0"),
        ("neither", "3"),
    ]
    assert column(out / "a_alone.tsv", "line", "source", "a", "b") == [("1", "ab", "A B", "B B")]
    assert column(out / "b_alone.tsv", "line", "references", "a", "b") == [("4", "A B", "B B", "A B")]
    assert column(out / "comparison.tsv", "figure", "a", "b", "difference")[0] == ("WER", "80.00", "80.00", "0.00")
    # B writes B for A at ab and aab, not at qb.
    assert column(out / "error_differences.tsv", "kind", "wanted", "written", "a", "b", "difference") == [
        ("added", "", "D", "1", "1", "0"),
        ("left out", "C", "", "1", "1", "0"),
        ("substituted", "A", "B", "2", "2", "0"),
    ]
    assert figures["comparison"]["wer"]["p"] == 1.0
    assert "A is the model, B is the other model" in (out / "report.html").read_text()


def test_what_a_second_model_does_otherwise(tmp_path: Path):
    other = ToldModel({**TABLE, "aab": looking("A A", "aab", [0, 1, 3]), "dd": looking("D D", "dd", [0, 1, 2])})
    evaluate(ToldModel(TABLE), write(tmp_path / "test.tsv", *PAIRS), report=tmp_path / "out", against=other)
    assert column(tmp_path / "out" / "error_differences.tsv", "wanted", "written", "a", "b", "difference") == [
        ("", "D", "1", "0", "-1"),
        ("B", "", "0", "1", "1"),
        ("A", "B", "2", "1", "-1"),
        ("C", "", "1", "1", "0"),
    ]


# Places


def test_an_earlier_report_is_replaced_and_nothing_else(tmp_path: Path, told: Path):
    path, out = write(tmp_path / "test.tsv", *PAIRS), tmp_path / "out"
    evaluate(ToldModel(TABLE), path, report=out, against=ToldModel(TABLE))
    assert (out / "a_alone.tsv").exists()
    evaluate(ToldModel(TABLE), path, report=out)
    assert not (out / "a_alone.tsv").exists()
    assert {one.name for one in out.iterdir()} == {one.name for one in told.iterdir()}
    (out / "notes.txt").write_text("mine")
    model = ToldModel(TABLE)
    with pytest.raises(UsageError, match=r"out: holds notes\.txt beside an earlier report"):
        evaluate(model, path, report=out)
    assert model.asked == []
    assert (out / "notes.txt").read_text() == "mine"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out", "test.tsv"]


@pytest.mark.parametrize("name", ["report.json", "thesis.tex"])
def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, name: str):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("{}")
    with pytest.raises(UsageError, match=r"out: exists and is not a report; choose another --report or empty it"):
        evaluate(ToldModel(TABLE), write(tmp_path / "test.tsv", *PAIRS), report=tmp_path / "out")
    assert (tmp_path / "out" / name).read_text() == "{}"


def test_a_file_cannot_be_a_directory(tmp_path: Path):
    path = write(tmp_path / "test.tsv", *PAIRS)
    with pytest.raises(UsageError, match=r"test\.tsv: exists and is not a report"):
        evaluate(ToldModel(TABLE), path, report=path)
    with pytest.raises(UsageError, match=r"test\.tsv is no directory; choose another --report"):
        evaluate(ToldModel(TABLE), path, report=Path(path) / "out")


def test_a_directory_that_cannot_be_written_to_shows_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.access", lambda *arguments, **options: False)
    model = ToldModel(TABLE)
    with pytest.raises(UsageError, match="cannot be written to; choose another --report"):
        evaluate(model, write(tmp_path / "test.tsv", *PAIRS), report=tmp_path / "out")
    assert model.asked == []


def test_what_fails_leaves_the_earlier_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from pipeline.evaluation.report import place

    path, out = write(tmp_path / "test.tsv", *PAIRS), tmp_path / "out"
    evaluate(ToldModel(TABLE), path, report=out)
    before = {one.name: one.read_bytes() for one in out.iterdir()}

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(place, "write_durably", full)
    with pytest.raises(OSError, match="No space left"):
        evaluate(ToldModel({}), path, report=out)
    assert {one.name: one.read_bytes() for one in out.iterdir()} == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out", "test.tsv"]


def test_a_second_model_needs_a_report(tmp_path: Path):
    with pytest.raises(UsageError, match="a second model needs a report"):
        evaluate(ToldModel(TABLE), write(tmp_path / "test.tsv", *PAIRS), against=ToldModel(TABLE))


def test_where_the_page_is_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        evaluate(ToldModel(TABLE, SPACE), write(tmp_path / "test.tsv", *PAIRS), report=tmp_path / "out")
    assert f"what goes wrong: open {tmp_path / 'out' / 'report.html'} in a browser" in caplog.text
    assert "1 of 5 sources has symbols that training lacks ('q')" in caplog.text
