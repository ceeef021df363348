"""A run's own dev and test by their names, and when they are none."""

import logging
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.pairs.pair_file import Pair
from pipeline.runs.directory import RunDirectory
from pipeline.saved_models.own_splits import find_own_split, is_own_split, warn_of_trained_on
from pipeline.settings.configuration import Configuration
from tests.tiny_task import TinyRun, make_sources, tiny_configuration, write_pairs


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no file is called dev."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")


def begun(path: Path, configuration: Configuration) -> Path:
    """A run without a training."""
    RunDirectory(path).begin(configuration)
    return path


def test_files_of_its_own(tiny_run: TinyRun):
    for name, count in (("dev", 40), ("test", 60)):
        split = find_own_split(tiny_run.path, name)
        assert split is not None
        assert len(list(split())) == count


def test_other_names_are_files(tiny_run: TinyRun):
    for name in ("train", "dev.tsv", "cmudict"):
        assert find_own_split(tiny_run.path, name) is None


def test_a_file_of_that_name_comes_first(tiny_run: TinyRun, caplog: pytest.LogCaptureFixture):
    Path("dev").write_text("ab\tA B\n")
    with caplog.at_level(logging.INFO):
        assert find_own_split(tiny_run.path, "dev") is None
    assert caplog.messages == ["dev: the file of that name; without it, it would be the run's own dev"]


def test_a_folder_of_that_name_is_no_data(tiny_run: TinyRun):
    Path("test").mkdir()
    assert find_own_split(tiny_run.path, "test")


def test_what_was_held_out(tmp_path: Path):
    sources = make_sources(50)
    data = write_pairs(tmp_path / "all.tsv", [(source, "A") for source in sources])
    run = begun(tmp_path / "run", tiny_configuration({"train": data}, data={"dev_size": 7}))
    split = find_own_split(run, "dev")
    assert split is not None
    assert len({pair.source for pair in split()}) == 7
    with pytest.raises(UsageError, match=r"^test: .*run has none, it was trained without data.test"):
        find_own_split(run, "test")


def test_other_splits_may_be_gone(tmp_path: Path):
    train, test = (write_pairs(tmp_path / f"{name}.tsv", [("ab", "A B"), ("b", "B")]) for name in ("train", "test"))
    run = begun(tmp_path / "run", tiny_configuration({"train": train, "dev": train, "test": test}))
    Path(train).unlink()
    split = find_own_split(run, "test")
    assert split is not None
    assert [pair.source for pair in split()] == ["ab", "b"]


def test_members_must_have_the_same(tmp_path: Path):
    data = write_pairs(tmp_path / "all.tsv", [(source, "A") for source in make_sources(50)])
    one, two, three = (
        begun(tmp_path / f"seed{seed}", tiny_configuration({"train": data, **dev}, train={"seed": seed}))
        for seed, dev in ((1, {}), (2, {}), (3, {"dev": data}))
    )
    with pytest.raises(UsageError, match=r"dev: that of .*seed2.* is not that of .*seed1.*; give a file"):
        find_own_split(Path(f"{one},{two}"), "dev")
    assert find_own_split(Path(f"{three},{three}"), "dev")


def test_changed_files_are_not_its_own(tmp_path: Path):
    data = write_pairs(tmp_path / "all.tsv", [(source, "A") for source in make_sources(50)])
    run = RunDirectory(begun(tmp_path / "run", tiny_configuration({"train": data})))
    run.data_info.write_text(f'{{"{data}": "0123"}}')
    with pytest.raises(UsageError, match=r"all\.tsv has changed since .*run was trained.* give the path itself"):
        find_own_split(run.path, "dev")


def test_an_export_knows_none(tiny_export: Path):
    with pytest.raises(UsageError, match=r"^dev: no such file, and .*export is no run, which would know its own dev"):
        find_own_split(tiny_export, "dev")


def test_pairs_that_a_model_was_trained_on_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    data = write_pairs(tmp_path / "all.tsv", [(source, "A") for source in ("ab", "ba", "bb", "aab")])
    dev = write_pairs(tmp_path / "dev.tsv", [("bab", "A")])
    run = begun(tmp_path / "run", tiny_configuration({"train": data, "dev": dev}))
    warn_of_trained_on(run, lambda: [Pair("bab", "A", 1)], "mine.tsv", "the figures will be too good")
    assert caplog.messages == []
    warn_of_trained_on(
        run, lambda: [Pair("bb", "A", 1), Pair("aaa", "A", 2)], "mine.tsv", "the figures will be too good"
    )
    [said] = caplog.messages
    assert said.startswith(f"mine.tsv: 1 source of it stands in the training data of {run}: answers to what was ")
    assert "the figures will be too good" in said
    Path(data).unlink()
    with caplog.at_level(logging.INFO):
        warn_of_trained_on(run, lambda: [Pair("bb", "A", 1)], "mine.tsv", "")
    assert "whether it was trained on mine.tsv is not known" in caplog.messages[-1]


def test_which_name_is_that_of_a_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert is_own_split("dev")
    assert not is_own_split("pairs.tsv")
    (tmp_path / "test").mkdir()
    assert is_own_split("test")
    (tmp_path / "dev").touch()
    assert not is_own_split("dev")
