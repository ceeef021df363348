"""Where a run's data are, from here and from where it was begun."""

from pathlib import Path

import pytest

from pipeline.data.run_data import (
    load_where_data_are,
    record_data,
    recorded_data,
    require_unchanged,
    warn_of_other_dictionary,
)
from pipeline.errors import UsageError
from pipeline.pairs.data_files import read_data_files
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.settings.configuration import Configuration
from pipeline.settings.data import DataConfiguration
from pipeline.settings.search import SearchConfiguration


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    """Begun in the folder "here", with relative paths; now another is the working directory."""
    for folder in ("here/data", "there"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    for name in ("a.tsv", "b.en", "b.de", "words.tsv"):
        Path("data", name).write_text(f"{name}\t1\n")
    configuration = Configuration(
        data=DataConfiguration(
            {"data/a.tsv": 1, "data/b.en,data/b.de": 2}, dev="data/a.tsv", test="data/b.en,data/b.de"
        ),
        search=SearchConfiguration(replace_unknown=True, dictionary="data/words.tsv"),
    )
    run = RunDirectory(tmp_path / "run")
    run.begin(configuration)
    record_data(run, read_data_files(configuration))
    monkeypatch.chdir(tmp_path / "there")
    return run


def test_relative_places_are_found_from_where_the_run_was_begun(run: RunDirectory, tmp_path: Path):
    data, here = load_where_data_are(run).data, tmp_path / "here" / "data"
    assert data.dev == str(here / "a.tsv")
    assert data.test == [str(here / "b.en"), str(here / "b.de")]
    assert data.train == {str(here / "a.tsv"): 1, f"{here}/b.en,{here}/b.de": 2}
    # What is here comes first.
    Path("data").mkdir()
    Path("data", "a.tsv").write_text("another\t1\n")
    assert load_where_data_are(run).data.dev == "data/a.tsv"


def test_where_they_count_from_follows_data_that_moved(run: RunDirectory, tmp_path: Path):
    Path("new.tsv").write_text("a.tsv\t1\n")
    moved = Configuration(data=DataConfiguration("new.tsv", dev="new.tsv"))
    record_data(run, read_data_files(moved))
    assert run.folder() == tmp_path / "there"
    assert load_configuration(run).data == moved.data
    assert list(recorded_data(run).checksums) == ["new.tsv"]
    run.check()


def test_a_dictionary_that_has_changed_is_named(run: RunDirectory, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    warn_of_other_dictionary(run, load_where_data_are(run))
    assert not caplog.records
    path = tmp_path / "here" / "data" / "words.tsv"
    path.write_text("other\t1\n")
    warn_of_other_dictionary(run, load_where_data_are(run))
    assert f"{path}: changed since the run in {run.path} began; what it holds now is taken" in caplog.text


@pytest.mark.parametrize("name", ["a.tsv", "b.de"])
def test_data_that_were_replaced_while_it_trained(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.chdir(tmp_path / "here")
    require_unchanged(run)
    Path("data", name).write_text("other\t1\n")
    with pytest.raises(UsageError, match=f"data/{name}: changed since the run in"):
        require_unchanged(run)
    Path("data", name).unlink()
    require_unchanged(run)
