"""A tuning's directory: its paths, and how it is begun."""

import json
import shutil
from pathlib import Path

import pytest

from pipeline.errors import CircumstanceError, UsageError
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.runs.lock import lock_run
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.settings.tune import TuneConfiguration
from pipeline.tuning.directory import TuningDirectory, begin_tuning, read_dev_size, require_unchanged
from pipeline.tuning.result import TuningResult
from pipeline.tuning.space import make_space
from tests.killing import killed_at_every_step
from tests.tiny_task import SIZES, TUNING_SPACE, tuning_configuration


def test_paths(tmp_path: Path):
    directory = TuningDirectory(tmp_path / "run")
    assert not directory.exists()
    directory.remove()  # nothing there, nothing lost
    assert directory.failure("03").name == "03.failure.txt"


def test_killed_while_beginning_it_begins(tiny_tuning: TuningResult, tiny_splits: dict[str, str], tmp_path: Path):
    configuration = tuning_configuration(tiny_splits)
    # All that was written is what says that this is a tuning.
    (tmp_path / "search.json").write_bytes((tiny_tuning.path / "search.json").read_bytes())
    how = TuneConfiguration(algorithm="random", trials=3)
    directory = TuningDirectory(tmp_path)
    begin_tuning(directory, configuration, how, make_space(TUNING_SPACE, configuration))
    for path in (directory.config, directory.space, directory.readme):
        assert path.read_text() == (tiny_tuning.path / path.name).read_text()
    assert directory.trials.is_dir()


def test_a_tuning_of_an_earlier_version_goes_on(tiny_tuning: TuningResult, tiny_splits: dict[str, str], tmp_path: Path):
    configuration = tuning_configuration(tiny_splits)
    info = json.loads((tiny_tuning.path / "search.json").read_text(encoding="utf-8"))
    del info["configuration"]["model"]["coverage"]
    (tmp_path / "search.json").write_text(json.dumps(info), encoding="utf-8")
    how = TuneConfiguration(algorithm="random", trials=3)
    begin_tuning(TuningDirectory(tmp_path), configuration, how, make_space(TUNING_SPACE, configuration))
    other = replace_settings(configuration, {"model.coverage": True})
    with pytest.raises(UsageError, match=r"model\.coverage was False, is now True"):
        begin_tuning(TuningDirectory(tmp_path), other, how, make_space(TUNING_SPACE, other))


HOW = TuneConfiguration(algorithm="random", trials=3)


def begin(path: Path, configuration: Configuration, overwrite: bool = False) -> TuningDirectory:
    directory = TuningDirectory(path)
    with lock_run(directory, "tuning"):
        begin_tuning(directory, configuration, HOW, make_space(TUNING_SPACE, configuration), overwrite)
    return directory


def test_killed_at_any_moment_of_its_beginning_it_begins(tiny_splits: dict[str, str], tmp_path: Path):
    configuration, run = tuning_configuration(tiny_splits), tmp_path / "run"
    steps = 0
    for _ in killed_at_every_step(lambda: begin(run, configuration), lambda: shutil.rmtree(run, ignore_errors=True)):
        steps += 1
        begin(run, configuration)
        assert sorted(path.name for path in run.iterdir() if not path.name.startswith(".lock")) == [
            *("README.md", "config.yaml", "search.json", "space.yaml", "trials")
        ]
    assert steps > 5


def test_killed_while_it_is_replaced_it_begins(tiny_splits: dict[str, str], tmp_path: Path):
    configuration, run = tuning_configuration(tiny_splits), tmp_path / "run"
    for _ in killed_at_every_step(lambda: begin(run, configuration, True), lambda: begin(run, configuration)):
        begin(run, configuration)


def moved(splits: dict[str, str], folder: Path) -> dict[str, str]:
    folder.mkdir()
    return {name: shutil.copy(path, folder / f"# {name}, moved.tsv") for name, path in splits.items()}


def test_data_that_moved_are_the_same(tiny_splits: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture):
    run = tmp_path / "run"
    begin(run, tuning_configuration(tiny_splits))
    now = tuning_configuration({name: str(path) for name, path in moved(tiny_splits, tmp_path / "new").items()})
    caplog.set_level("INFO")
    directory = begin(run, now)
    assert f"data.dev moved from {tiny_splits['dev']} to {now.data.dev}, same content" in caplog.text
    assert load_configuration(RunDirectory(run)) == now
    caplog.clear()
    begin(run, now)
    assert "moved from" not in caplog.text
    assert read_dev_size(directory) == SIZES["dev"]


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_data_that_were_replaced_are_refused(tiny_splits: dict[str, str], tmp_path: Path, split: str):
    places = {name: str(path) for name, path in moved(tiny_splits, tmp_path / "own").items()}
    directory = begin(tmp_path / "run", tuning_configuration(places))
    sums = json.loads(directory.info.read_text())["files"]
    require_unchanged(directory, sums)
    with open(places[split], "a") as file:
        file.write("b\tB\n")
    with pytest.raises(UsageError, match=f"{split}, moved.tsv: changed since the tuning in .* began, so that trials"):
        begin(directory.path, tuning_configuration(places))
    with pytest.raises(CircumstanceError, match="changed since the tuning"):
        require_unchanged(directory, {**sums, places[split]: "0" * 64})
    begin(directory.path, tuning_configuration(places), overwrite=True)


def test_replaced_data_of_an_earlier_versions_tuning_are_refused(tiny_splits: dict[str, str], tmp_path: Path):
    places = {name: str(path) for name, path in moved(tiny_splits, tmp_path / "own").items()}
    directory = begin(tmp_path / "run", tuning_configuration(places))
    info = json.loads(directory.info.read_text())
    files = info.pop("files")
    directory.info.write_text(json.dumps(info))
    (directory.trials / "0").mkdir()
    (directory.trials / "0" / "data.json").write_text(json.dumps(files))
    begin(directory.path, tuning_configuration(places))
    directory.info.write_text(json.dumps(info))
    Path(places["dev"]).write_text("b\tB\n")
    with pytest.raises(UsageError, match=r"dev, moved\.tsv: changed since the tuning"):
        begin(directory.path, tuning_configuration(places))
