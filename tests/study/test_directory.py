"""A study's directory: how it is begun, and recognised when it goes on."""

import json
import shutil
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.pairs.data_files import read_data_files
from pipeline.runs.lock import lock_run
from pipeline.settings.configuration import Configuration
from pipeline.settings.data import DataConfiguration
from pipeline.study.directory import StudyDirectory, begin_study, require_same_data
from tests.killing import killed_at_every_step


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    places = {name: str(tmp_path / f"{name}.tsv") for name in ("train", "dev", "test")}
    for name, place in places.items():
        Path(place).write_text(f"{name}\t1\n")
    return Configuration(data=DataConfiguration(**places))


def begin(path: Path, configuration: Configuration, overwrite: bool = False) -> StudyDirectory:
    directory = StudyDirectory(path)
    with lock_run(directory, "study"):
        begin_study(directory, configuration, overwrite)
    return directory


def test_killed_at_any_moment_of_its_beginning_it_begins(configuration: Configuration, tmp_path: Path):
    run, steps = tmp_path / "run", 0
    for _ in killed_at_every_step(lambda: begin(run, configuration), lambda: shutil.rmtree(run, ignore_errors=True)):
        steps += 1
        begin(run, configuration)
        assert sorted(path.name for path in run.iterdir() if not path.name.startswith(".lock")) == [
            *("README.md", "logs", "runs", "settings", "study.json")
        ]
    assert steps > 5


def test_killed_while_it_is_replaced_it_begins(configuration: Configuration, tmp_path: Path):
    run = tmp_path / "run"
    for _ in killed_at_every_step(lambda: begin(run, configuration, True), lambda: begin(run, configuration)):
        begin(run, configuration)


def test_somebody_elses_files_are_left_alone(configuration: Configuration, tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".hidden").touch()
    with pytest.raises(UsageError, match="exists and is not a study; choose another --run or empty it"):
        begin(tmp_path / "run", configuration)


def test_data_that_moved_are_the_same(configuration: Configuration, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    begin(tmp_path / "run", configuration)
    place = shutil.move(configuration.data.train, tmp_path / "elsewhere.tsv")
    data = {name: getattr(configuration.data, name) for name in ("dev", "test")}
    caplog.set_level("INFO")
    now = Configuration(data=DataConfiguration(str(place), **data))
    directory = begin(tmp_path / "run", now)
    assert f"data.train moved from {configuration.data.train} to {place}, same content" in caplog.text
    require_same_data(directory, read_data_files(now), "one")
    Path(place).write_text("other\t1\n")
    with pytest.raises(UsageError, match=r"elsewhere\.tsv \(one\): changed since the study"):
        require_same_data(directory, read_data_files(now), "one")


@pytest.mark.parametrize("earlier", [False, True])
def test_data_that_were_replaced_are_refused(configuration: Configuration, tmp_path: Path, earlier: bool):
    directory = begin(tmp_path / "run", configuration)
    if earlier:  # which left it to the trainings
        info = json.loads(directory.info.read_text())
        (directory.runs / "one").mkdir()
        (directory.runs / "one" / "data.json").write_text(json.dumps(info.pop("files")))
        directory.info.write_text(json.dumps(info))
    Path(configuration.data.test or "").write_text("other\t1\n")
    with pytest.raises(UsageError, match=r"test\.tsv: changed since the study in .* began, so that trainings would"):
        begin(tmp_path / "run", configuration)
    begin(tmp_path / "run", configuration, overwrite=True)
