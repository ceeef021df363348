"""What is shown of the dev set: which sources, what counts as right, what happens on a full disk."""

import dataclasses
import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.answering.predictions import Hypothesis, Prediction
from pipeline.errors import TrainingError
from pipeline.monitoring import dev_report
from pipeline.monitoring.board import DEV, Board
from pipeline.monitoring.dev_report import DevReport, choose_samples, table_of
from pipeline.monitoring.write_failures import WriteFailures
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.text import TextConfiguration, TokenizerName

BEST = Hypothesis("A", -1.0, ["A", "</s>"], np.array([[0.75, 0.25], [0.5, 0.5]], np.float32))
PREDICTIONS, REFERENCES = [Prediction([BEST], ["a", "</s>"])], {"a": ["A"]}


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "run")
    run.begin(Configuration())
    return run


def make_report(run: RunDirectory, configuration: Configuration, go_on: bool = False) -> DevReport:
    failures = WriteFailures(go_on, lambda: "checkpoint epoch-0001")
    return DevReport(run, Board(run.logs).runs[DEV], configuration, failures)


def test_pictures_that_have_no_room(run: RunDirectory, monkeypatch: pytest.MonkeyPatch, caplog: Any):
    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(dev_report, "write_atomically", fail)
    make_report(run, Configuration(), go_on=True)(1, REFERENCES, PREDICTIONS)
    assert "a picture of attention cannot be written" in caplog.text
    with pytest.raises(TrainingError, match=r"No space left.*saved: checkpoint epoch-0001"):
        make_report(run, Configuration())(1, REFERENCES, PREDICTIONS)
    monkeypatch.undo()
    make_report(run, Configuration())(1, REFERENCES, PREDICTIONS)
    assert [path.name for path in run.attention.iterdir()] == ["01.png"]


def test_drawing_takes_a_small_share_of_the_time(run: RunDirectory, monkeypatch: pytest.MonkeyPatch):
    now, drawn = [0.0], []

    def draw(_: object, epoch: int, *arguments: object) -> None:
        now[0] += 1.0
        drawn.append(epoch)

    monkeypatch.setattr(dev_report.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(DevReport, "_draw", draw)
    report = make_report(run, Configuration())
    for epoch in range(1, 10):
        now[0] += 10.0
        report(epoch, REFERENCES, PREDICTIONS)
    # One second may be taken once 33 have gone by, two once 67.
    assert drawn == [1, 4, 7]
    report.curves.flush()
    assert report.curves.path.read_bytes().count(b"| source | prediction |") == 9


def test_a_model_that_looks_nowhere_has_a_table_only(run: RunDirectory):
    configuration = dataclasses.replace(Configuration(), model=ModelConfiguration(attention="none"))
    report = make_report(run, configuration)
    report(1, REFERENCES, PREDICTIONS)
    assert not run.attention.exists()
    report.curves.flush()
    assert b"| a | A | A |" in report.curves.path.read_bytes()


def test_samples_lie_evenly():
    assert choose_samples(100, 4) == [0, 25, 50, 75]
    assert choose_samples(3, 8) == [0, 1, 2]
    assert choose_samples(0, 8) == []


@pytest.mark.parametrize("tokenizer", ["space", "bpe", "wordpiece"])
def test_right_is_what_the_error_rate_counts_as_right(tokenizer: TokenizerName):
    text = TextConfiguration(target_tokenizer=tokenizer)
    references = {"a": ["A  B", "C"], "b": ["B"], "c": ["C"]}
    written = ["A B", "C", ""]
    predictions = [Prediction([Hypothesis(text, -1.0, [], np.zeros((0, 0)))] if text else [], []) for text in written]
    rows = table_of(references, predictions, text).splitlines()
    assert [row[-3] for row in rows[2:]] == ["✓", "✗", "✗"]
    assert rows[2].startswith("| a | A B | A␣␣B / C |")
