"""Whether a teacher fits its student, and is the one that a run was begun with."""

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.data.preparation import open_run
from pipeline.data.run_data import load_where_data_are, require_same_settings
from pipeline.data.teacher import choose_teachers, require_fitting
from pipeline.errors import DataError, UsageError
from pipeline.runs.checkpoints import Checkpoints, TrainingState
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.settings.data import DataConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.text.vocabulary import Vocabulary

TEXT: dict[str, Any] = {"target_tokenizer": "space"}


def make_teacher(path: Path, symbols: str = "ba", weights: bytes = b"1", **text: Any) -> RunDirectory:
    """A run with a checkpoint, as far as it is looked at."""
    run = RunDirectory(path)
    run.begin(Configuration(text=TextConfiguration(**{**TEXT, **text})))
    run.vocabulary.mkdir()
    for side in ("source", "target"):
        Vocabulary(symbols).save(run.vocabulary / f"{side}.txt")
    run.record_vocabulary()
    save_weights(run, weights)
    return run


def save_weights(run: RunDirectory, content: bytes, epoch: int = 1) -> None:
    Checkpoints(run.checkpoints).save(
        TrainingState(epoch=epoch, best_epoch=epoch), lambda path: path.write_bytes(content) and None
    )


@pytest.fixture
def student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """Of two teachers."""
    monkeypatch.chdir(tmp_path)
    for number in "12":
        make_teacher(Path(number), weights=number.encode())
    for name in ("train", "dev"):
        Path(f"{name}.tsv").write_text("abc\ta b\nba\tb a\n")
    data = DataConfiguration("train.tsv", dev="dev.tsv")
    return replace_settings(Configuration(data, TextConfiguration(**TEXT)), {"train.teacher": "1,2"})


def with_teacher(configuration: Configuration, teacher: str | None) -> Configuration:
    return replace_settings(configuration, {"train.teacher": teacher})


def test_a_student_has_the_vocabularies_of_its_teacher(student: Configuration):
    run = RunDirectory(Path("run"))
    data = open_run(student, run)
    # The data have other symbols, and in another order.
    assert data.source_vocabulary.symbols[4:] == ["b", "a"]
    assert data.train.source_ids[:4].tolist() == [5, 4, 3, 2]
    assert run.has_vocabulary()
    run.check()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"direction": "right_to_left"}, "3 cannot teach, its text.direction is 'right_to_left', not 'left_to_right'"),
        ({"target_tokenizer": "char"}, "its text.target_tokenizer is 'char', not 'space'; give the teacher's settings"),
        ({"normalization": "nfd"}, "its text.normalization is 'nfd', not 'nfc'; its text.target_normalization"),
        ({"lowercase": True}, "its text.lowercase is True"),
        ({"target_separator": "-"}, "its text.target_separator is '-', not None"),
        ({"symbols": "ab"}, "3 cannot teach beside 1, its source vocabulary differs"),
    ],
)
def test_members_that_do_not_fit_are_named(student: Configuration, changes: dict[str, Any], said: str):
    make_teacher(Path("3"), **changes)
    with pytest.raises(UsageError) as caught:
        open_run(with_teacher(student, "1,3"), RunDirectory(Path("run")))
    assert said in str(caught.value)
    assert not Path("run").exists()


def test_what_changes_no_ids_may_differ(student: Configuration):
    make_teacher(Path("3"), min_count=2, max_vocabulary=7)
    require_fitting(with_teacher(student, "1,3"), RunDirectory(Path("run")))


def test_no_run_and_no_weights_yet_are_refused(student: Configuration):
    with pytest.raises(UsageError, match=r"train\.teacher: 4: no such run"):
        require_fitting(with_teacher(student, "1,4"), RunDirectory(Path("run")))
    make_teacher(Path("4"))
    shutil.rmtree("4/checkpoints")
    with pytest.raises(DataError, match="4: no epoch has ended yet"):
        require_fitting(with_teacher(student, "1,4"), RunDirectory(Path("run")))


def test_a_run_cannot_replace_its_teacher(student: Configuration):
    with pytest.raises(UsageError, match=r"train\.teacher: 2: a run cannot teach itself"):
        open_run(student, RunDirectory(Path("2")), replaces=True)
    assert RunDirectory(Path("2")).exists()


def test_those_of_an_ensemble_that_can_teach_are_chosen(student: Configuration):
    runs = [
        make_teacher(Path("turned"), direction="right_to_left"),
        RunDirectory(Path("1")),
        make_teacher(Path("other"), symbols="abc"),
        RunDirectory(Path("2")),
    ]
    assert [run.path.name for run in choose_teachers(runs, student.text)] == ["1", "2"]
    assert choose_teachers(runs[:1], student.text) == []


def test_a_teacher_that_moved_is_the_same(student: Configuration, caplog: pytest.LogCaptureFixture):
    run = RunDirectory(Path("run"))
    open_run(student, run)
    shutil.move("2", "there")
    # A member that is gone is taken to be the same, where it is asked for in the same place.
    assert require_same_settings(student, run, set()) == []
    shutil.move("1/checkpoints", "kept")
    assert require_same_settings(student, run, set()) == []
    shutil.move("kept", "1/checkpoints")
    moved = with_teacher(student, "there,1")
    assert require_same_settings(moved, run, set()) == ["train.teacher moved from 1,2 to there,1"]
    with caplog.at_level(logging.INFO):
        open_run(moved, run)
    assert "run: train.teacher moved from 1,2 to there,1, same weights" in caplog.messages
    assert load_configuration(run).train.teacher == "there,1"
    run.check()


def test_another_teacher_is_refused_by_name(student: Configuration):
    run = RunDirectory(Path("run"))
    open_run(student, run)
    make_teacher(Path("3"), weights=b"3")
    for teacher in ("1,3", "1", None):
        with pytest.raises(UsageError, match=r"train\.teacher was '1,2', is now"):
            require_same_settings(with_teacher(student, teacher), run, set())
    save_weights(RunDirectory(Path("2")), b"other", epoch=2)
    for refuse in (lambda: require_same_settings(student, run, set()), lambda: open_run(student, run)):
        with pytest.raises(UsageError, match=r"train\.teacher: 2: its weights are others than when the run in run"):
            refuse()


def test_a_relative_teacher_is_found_from_where_the_run_was_begun(
    student: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = RunDirectory(tmp_path / "run")
    open_run(student, run)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_where_data_are(run).train.teacher == f"{tmp_path / '1'},{tmp_path / '2'}"


def test_without_a_teacher_there_is_nothing_of_it(student: Configuration):
    run = RunDirectory(Path("run"))
    open_run(with_teacher(student, None), run)
    assert not run.teacher.exists()
    assert load_where_data_are(run).train.teacher is None
