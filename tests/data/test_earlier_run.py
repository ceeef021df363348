"""Whether a run fits one that begins with its weights, and what the vocabularies become."""

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.data.preparation import open_run
from pipeline.data.run_data import load_where_data_are, require_same_settings
from pipeline.errors import DataError, UsageError
from pipeline.runs.directory import RunDirectory
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.settings.data import DataConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.text.vocabulary import Vocabulary
from tests.data.test_teacher import TEXT, make_teacher, save_weights


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """Of a run that is to begin with the weights of `1`, whose symbols are b, a and z."""
    monkeypatch.chdir(tmp_path)
    make_teacher(Path("1"), symbols="baz")
    for name in ("train", "dev"):
        Path(f"{name}.tsv").write_text("abc\ta b\nba\tb a\n")
    data = DataConfiguration("train.tsv", dev="dev.tsv")
    return with_earlier(Configuration(data, TextConfiguration(**TEXT)), "1")


def with_earlier(configuration: Configuration, place: str | None) -> Configuration:
    return replace_settings(configuration, {"train.init_from": place})


def test_vocabularies_are_extended(begun: Configuration, caplog: pytest.LogCaptureFixture):
    run = RunDirectory(Path("run"))
    with caplog.at_level(logging.INFO):
        data = open_run(begun, run)
    assert data.source_vocabulary.symbols[4:] == ["b", "a", "z", "c"]
    assert data.target_vocabulary.symbols[4:] == ["b", "a", "z"]
    assert "source: 3 symbols of 1, 1 new: c" in caplog.messages
    assert "target: 3 symbols of 1, no new one" in caplog.messages
    run.check()
    # An interrupted run goes on without it.
    shutil.rmtree("1")
    assert open_run(begun, run).source_vocabulary.symbols[4:] == ["b", "a", "z", "c"]


def test_one_vocabulary_for_both_sides_is_extended_by_both(begun: Configuration):
    text = {"source_tokenizer": "space", "shared_vocabulary": True}
    make_teacher(Path("2"), symbols="bz", **text)
    Path("train.tsv").write_text("a\tb c\nb\ta\n")
    shared = replace_settings(with_earlier(begun, "2"), {f"text.{key}": value for key, value in text.items()})
    data = open_run(shared, RunDirectory(Path("run")))
    assert data.source_vocabulary.symbols == data.target_vocabulary.symbols
    assert data.source_vocabulary.symbols[4:] == ["b", "z", "a", "c"]


def test_subwords_stay_as_they_are(begun: Configuration):
    text: dict[str, Any] = {"source_tokenizer": "wordpiece"}
    run = make_teacher(Path("2"), **text)
    for side, pieces in (("source", ["b", "a", "##a", "##b"]), ("target", ["a"])):
        Vocabulary(pieces).save(run.vocabulary / f"{side}.txt")
    run.record_vocabulary()
    cut = replace_settings(with_earlier(begun, "2"), {"text.source_tokenizer": "wordpiece"})
    data = open_run(cut, RunDirectory(Path("run")))
    assert data.source_vocabulary.symbols[4:] == ["b", "a", "##a", "##b"]
    assert data.source_vocabulary.forms is not None
    assert data.target_vocabulary.symbols[4:] == ["a", "b"]


def test_what_cannot_be_begun_with_is_refused_by_name(begun: Configuration):
    make_teacher(Path("2"), target_tokenizer="char")
    place = RunDirectory(Path("run"))
    for named, said in {
        "1,2": "train.init_from: 1,2: an ensemble, and a training begins with the weights of one network",
        "3": "train.init_from: 3: no such run",
        "train.tsv": "train.init_from: train.tsv: is not a run directory",
        "2": "train.init_from: 2: its symbols mean something else, its text.target_tokenizer is 'char', not 'space'",
    }.items():
        with pytest.raises(UsageError) as caught:
            open_run(with_earlier(begun, named), place)
        assert said in str(caught.value)
        assert not place.path.exists()
    with pytest.raises(UsageError, match="1: a run cannot begin with its own weights"):
        open_run(begun, RunDirectory(Path("1")), replaces=True)
    shutil.rmtree("1/checkpoints")
    with pytest.raises(DataError, match="1: no epoch has ended yet"):
        open_run(begun, place)


def test_it_may_move_but_not_change(begun: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = RunDirectory(Path("run").absolute())
    open_run(begun, run)
    shutil.copytree("1", "there")
    moved = "train.init_from moved from 1 to there"
    assert require_same_settings(with_earlier(begun, "there"), run, set()) == [moved]
    with pytest.raises(UsageError, match=r"train\.init_from was '1', is now None"):
        require_same_settings(with_earlier(begun, None), run, set())
    save_weights(RunDirectory(Path("1")), b"other", epoch=2)
    with pytest.raises(UsageError, match=r"train\.init_from: 1: its weights are others than when the run in"):
        open_run(begun, run)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_where_data_are(run).train.init_from == str(tmp_path / "1")
