"""Object, table and picture from made-up figures."""

import csv
import json
import math
from pathlib import Path

import pytest

from pipeline.evaluation.bootstrap import Interval
from pipeline.study.figures import Measured
from pipeline.study.report import LengthStudy, TrainedModel, TrainingRecord, draw_length, write_report


def part(shortest: int, longest: int, fixed: float, attention: float) -> Measured:
    return Measured(
        n=1200,
        shortest=shortest,
        longest=longest,
        quality={
            "fixed": Interval(fixed, fixed - 1, fixed + 2),
            "attention": Interval(attention, attention - 1, attention + 1),
        },
        lead=Interval(100 * (attention / fixed - 1) if fixed else math.inf, -1.25, 9.0),
        seconds={"fixed": 0.002, "attention": 0.004},
        entries={"fixed": 0.0, "attention": 1234.5},
    )


@pytest.fixture
def study(tmp_path: Path) -> LengthStudy:
    return LengthStudy(
        path=tmp_path,
        unit="words",
        quality="BLEU",
        parts=[part(1, 1, 20, 21), part(2, 9, 10, 15)],
        whole=part(1, 9, 15, 18),
        models={
            "fixed": TrainedModel("none", 330, 5000, 0.001),
            "attention": TrainedModel("luong_dot", 320, 5100, 0.003),
        },
        trainings=[
            TrainingRecord("fixed-rate-0.001-seed-1", "fixed", 0.001, 1, 17.5, 4, 3, 60.0),
            TrainingRecord("fixed-rate-0.9-seed-1", "fixed", 0.9, 1, math.nan, 0, 0, 0.0),
            TrainingRecord("attention-rate-0.003-seed-1", "attention", 0.003, 1, 19.5, 5, 5, 90.0),
        ],
        seeds=[1, 2],
        beam=5,
        samples=1000,
    )


def test_json(study: LengthStudy):
    found = study.to_json()
    assert found["fifths"][1] == {
        "shortest": 2, "longest": 9, "n": 1200,
        "fixed": {"value": 10, "low": 9, "high": 12, "seconds_per_input": 0.002, "attention_entries": 0},
        "attention": {"value": 15, "low": 14, "high": 16, "seconds_per_input": 0.004, "attention_entries": 1234.5},
        "lead_percent": {"value": 50, "low": -1.25, "high": 9},
    }  # fmt: skip
    assert found["parameters"] == {"fixed": 5000, "attention": 5100}
    assert found["learning_rates"] == {"fixed": 0.001, "attention": 0.003}
    assert found["training_seconds"] == {"fixed": 60, "attention": 90}
    assert (found["length_in"], found["quality"], found["all"]["n"]) == ("words", "BLEU", 1200)


def test_table(study: LengthStudy):
    lines = study.table().splitlines()
    assert len(lines) == 5
    assert lines[2].startswith(
        "| 1 | 1,200 | 20.0 [19.0, 22.0] | 21.0 [20.0, 22.0] | +5.0 % [-1.2, +9.0] | 2.00 | 4.00"
    )
    assert lines[4].startswith("| all |")
    assert {line.count("|") for line in lines} == {9}


def test_parts_as_rows(study: LengthStudy):
    rows = study.to_dicts()
    assert [(row["part"], row["longest"]) for row in rows] == [("1", 1), ("2", 9), ("all", 9)]
    assert rows[1] == {
        "part": "2", "shortest": 2, "longest": 9, "n": 1200,
        "fixed_quality": 10, "fixed_low": 9, "fixed_high": 12,
        "fixed_seconds_per_input": 0.002, "fixed_attention_entries": 0,
        "attention_quality": 15, "attention_low": 14, "attention_high": 16,
        "attention_seconds_per_input": 0.004, "attention_attention_entries": 1234.5,
        "lead_percent": pytest.approx(50), "lead_low": -1.25, "lead_high": 9,
    }  # fmt: skip
    assert study._repr_markdown_() == study.table()


def test_files(study: LengthStudy):
    write_report(study)
    found = json.loads((study.path / "length.json").read_text(encoding="utf-8"))
    assert [run["dev"] for run in found["trainings"]] == [17.5, None, 19.5]
    with open(study.path / "length.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["part"] for row in rows] == ["1", "2", "all"]
    assert (rows[1]["attention_quality"], rows[1]["attention_low"], rows[1]["lead_percent"]) == ("15", "14", "50")
    assert (study.path / "length.png").read_bytes().startswith(b"\x89PNG")
    assert (study.path / "length.md").read_text(encoding="utf-8") == study.table()


def test_picture_says_what_is_shown(study: LengthStudy):
    figure = draw_length(study)
    quality, time, entries = figure.axes
    assert quality.get_ylabel() == "BLEU"
    assert "(ms)" in time.get_ylabel()
    assert "n·m" in entries.get_ylabel()
    for axes in figure.axes:
        assert axes.get_xlabel() == "source length in words"
        assert [label.get_text() for label in axes.get_xticklabels()] == ["1\nn=1200", "2–9\nn=1200"]
    assert [list(line.get_ydata()) for line in time.lines] == [[2, 2], [4, 4]]
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "one fixed context, 5,000 parameters", "attention (luong dot), 5,100 parameters",
    ]  # fmt: skip
    styles = [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in time.lines]
    assert all(one != other for one, other in zip(*styles, strict=True))


def test_no_lead_over_nothing(study: LengthStudy):
    assert "| – |" in LengthStudy(**{**vars(study), "whole": part(1, 9, 0, 18)}).table()
