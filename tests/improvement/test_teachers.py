"""Which members teach a student, and how much."""

import logging
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.improvement.distill import Distillation
from pipeline.improvement.plan import Improvement
from pipeline.improvement.teachers import teaching_weight, with_teachers
from pipeline.runs.directory import RunDirectory
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.settings.configure import configure
from pipeline.text.vocabulary import Vocabulary
from tests.tiny_task import TinyRun

SUBWORDS = {"text.target_tokenizer": "bpe", "text.sampling": 0.1}


def member(path: Path, symbols: str = "ab", **settings: Any) -> RunDirectory:
    run = RunDirectory(path)
    run.begin(replace_settings(Configuration(), settings))
    run.vocabulary.mkdir()
    for side in ("source", "target"):
        Vocabulary(symbols).save(run.vocabulary / f"{side}.txt")
    return run


def test_members_with_the_students_direction_and_vocabularies_teach(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    turned = member(tmp_path / "3", **{"text.direction": "right_to_left"})
    members = [turned, member(tmp_path / "1"), member(tmp_path / "2"), member(tmp_path / "4", "abc")]
    with caplog.at_level(logging.INFO):
        found = with_teachers(configure("cmudict"), members, 0.3).train
    # The preset's targets are cut at spaces, as no member's are.
    assert found.teacher is None
    assert "no member has the student's text settings, so that the labels alone teach it" in caplog.text
    with caplog.at_level(logging.INFO):
        found = with_teachers(Configuration(), members, 0.3).train
    assert (found.teacher, found.teacher_weight) == (f"{tmp_path / '1'},{tmp_path / '2'}", 0.3)
    assert "teacher: 2 members teach at every symbol; 2 members label alone, for want of the student" in caplog.text
    # Without, a member's own teacher is none of the student's.
    taught = replace_settings(Configuration(), {"train.teacher": "runs/1"})
    assert with_teachers(taught, members, 0.0) == Configuration()


def test_how_much(tiny_run: TinyRun, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    new = RunDirectory(tmp_path / "new")
    assert teaching_weight(None, Configuration(), new) == 0.5
    assert teaching_weight(None, replace_settings(Configuration(), {"train.teacher_weight": 0.2}), new) == 0.2
    assert teaching_weight(0.7, replace_settings(Configuration(), SUBWORDS), new) == 0.7
    # What was begun without goes on without.
    assert teaching_weight(None, Configuration(), RunDirectory(tiny_run.path)) == 0
    with caplog.at_level(logging.INFO):
        assert teaching_weight(None, replace_settings(Configuration(), SUBWORDS), new) == 0
    assert "text.sampling cuts otherwise in every pass" in caplog.text


@pytest.mark.parametrize("weight", [-0.1, 1.1])
def test_impossible_weights(weight: float):
    for kind in (Distillation, Improvement):
        with pytest.raises(UsageError, match=r"--teacher-weight: .* is impossible"):
            kind(teacher_weight=weight)
