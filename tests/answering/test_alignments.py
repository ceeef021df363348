"""Links by hand, and a file of them next to the answers."""

import io
from pathlib import Path

import numpy as np
import pytest

from pipeline.answering.alignments import AlignmentWriter, align
from pipeline.answering.predictions import Hypothesis, Prediction
from pipeline.commands.main import main
from tests.tiny_task import TinyRun

SOURCE = ["a", "b", "c", "</s>"]


def prediction(weights: list[list[float]]) -> Prediction:
    tokens = [*(f"t{index}" for index in range(len(weights) - 1)), "</s>"]
    return Prediction([Hypothesis("", -1.0, tokens, np.array(weights))], SOURCE)


def test_links_by_hand():
    weights = [[0.1, 0.2, 0.6, 0.1], [0.5, 0.2, 0.2, 0.1], [0.1, 0.1, 0.1, 0.7], [0.3, 0.3, 0.2, 0.2], [1, 0, 0, 0]]
    # The third looks at the source's end, the fourth at two alike: the first counts. The last is the end itself.
    assert align(prediction(weights)) == [(2, 0), (0, 1), (0, 3)]


def test_a_model_that_looks_nowhere_has_no_links():
    assert align(prediction([[0.0] * 4] * 3)) == []


def test_nothing_said():
    assert align(prediction([[1.0, 0, 0, 0]])) == []
    assert align(Prediction([], SOURCE)) == []


def test_a_line_for_every_input():
    file = io.StringIO()
    writer = AlignmentWriter(file)
    writer.add(1, "abc", prediction([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]))
    writer.add_fault(2, "", "the line is empty")
    writer.add(3, "abc", prediction([[0, 0, 0, 1]]))
    assert file.getvalue() == "1-0 0-1\n\n\n"


def test_predict_writes_them(tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "in").write_text("abé\n\nba\n", encoding="utf-8")
    links = tmp_path / "links"
    assert main(["predict", str(tiny_run.path), str(tmp_path / "in"), "--alignments", str(links)]) == 0
    said, lines = capsys.readouterr().out.splitlines(), links.read_text().splitlines()
    assert len(said) == len(lines) == 3
    assert lines[1] == ""
    # Symbol by symbol from left to right: the task is that simple.
    assert lines[2].split()[0] == "0-0"
    assert all(int(link.split("-")[1]) < len(said[0].split()) for link in lines[0].split())


def test_a_place_that_is_none(tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["predict", str(tiny_run.path), "--alignments", str(tmp_path)]) == 2
    assert "is a directory" in capsys.readouterr().err
