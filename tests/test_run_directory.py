import dataclasses
import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from pipeline import __version__
from pipeline.configuration import (
    Configuration,
    DataConfiguration,
    ModelConfiguration,
    SearchConfiguration,
    TextConfiguration,
    TrainConfiguration,
)
from pipeline.errors import DataError, UsageError
from pipeline.files import write_atomically
from pipeline.run_directory import FORMAT, Checkpoints, RunDirectory, TrainingState, load_configuration

UNUSUAL = Configuration(
    DataConfiguration(["a b.en", "ä.fr.gz"], dev="dev.tsv", dev_size=7, buckets=1),
    TextConfiguration("space", "char", "nfkc", True, 3, 100),
    ModelConfiguration(readout_units=5, cell="lstm", attention="none", dropout=0.0, precision="float64", fast=False),
    TrainConfiguration(clip_norm=None, patience=None, learning_rate=1e-5, schedule="linear", deterministic=False),
    SearchConfiguration(1, 0.6, 1.5, 0),
)


def begin(path: Path, configuration: Configuration | None = None) -> RunDirectory:
    run = RunDirectory(path)
    run.begin(configuration or Configuration())
    return run


def save(checkpoints: Checkpoints, **state: object) -> None:
    checkpoints.save(TrainingState(**state), lambda path: path.write_text(f"weights {state}"))  # type: ignore[arg-type]


def names(checkpoints: Checkpoints) -> list[str]:
    return sorted(path.name for path in checkpoints.directory.iterdir())


# The directory


@pytest.mark.parametrize("configuration", [Configuration(), UNUSUAL])
def test_configuration_round_trip(tmp_path: Path, configuration: Configuration):
    assert load_configuration(begin(tmp_path / "run", configuration)) == configuration


def test_begin_explains_itself(tmp_path: Path):
    run = begin(tmp_path / "deep" / "run")
    assert run.exists()
    assert json.loads(run.info.read_text()) == {"format": FORMAT, "attentif": __version__}
    explained = (run.path / "README.md").read_text(encoding="utf-8")
    for path in vars(run).values():
        assert path == run.path or path.name in explained
    run.check_version()


@pytest.mark.parametrize("holds", ["file", "directory with a file", "directory with a directory"])
def test_begin_leaves_other_things_alone(tmp_path: Path, holds: str):
    path = tmp_path / "mine"
    if holds == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "x").mkdir() if "directory with a directory" in holds else (path / "x").write_text("mine")
    with pytest.raises(UsageError, match="exists and is not a run; choose another --run or empty it"):
        begin(path)
    RunDirectory(path).remove()
    assert path.exists()


def test_begin_takes_an_empty_directory(tmp_path: Path):
    assert begin(tmp_path).exists()


@pytest.mark.parametrize("at", ["config.yaml", "README.md", "run.json"])
def test_a_beginning_that_fails_can_be_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str):
    def until_full(write: Callable[..., int]) -> Callable[..., int]:
        def full(self: Path, content: str | bytes, **options: str) -> int:
            if at in self.name:
                write(self, content[:5])
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(self, content, **options)

        return full

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", until_full(Path.write_text))
        patch.setattr(Path, "write_bytes", until_full(Path.write_bytes))
        with pytest.raises(OSError, match="No space left"):
            begin(tmp_path / "run")
    assert load_configuration(begin(tmp_path / "run")) == Configuration()


def test_remove(tmp_path: Path):
    run = begin(tmp_path / "run")
    run.remove()
    assert not run.path.exists()
    run.remove()


def test_another_format_is_refused(tmp_path: Path):
    run = begin(tmp_path / "run")
    run.info.write_text(json.dumps({"format": FORMAT + 1, "attentif": "9.1"}))
    with pytest.raises(UsageError, match=r"made by Attentif 9\.1 \(run format 2\).*use that version, or .*--overwrite"):
        run.check_version()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}'])
def test_damaged_description(tmp_path: Path, content: str):
    run = begin(tmp_path / "run")
    run.info.write_text(content)
    with pytest.raises(UsageError, match=r"run\.json: damaged"):
        run.check_version()


@pytest.mark.parametrize(
    "content", [None, "", "data", "data: 3", "data: {nope: 1}", "nope: {}", "data: [", "train: {epochs: many}"]
)
def test_damaged_configuration(tmp_path: Path, content: str | None):
    run = begin(tmp_path / "run")
    run.config.unlink() if content is None else run.config.write_text(content)
    with pytest.raises(UsageError, match=r"config\.yaml: damaged, this is not a usable run"):
        load_configuration(run)


def test_result(tmp_path: Path):
    run = begin(tmp_path / "run")
    assert run.read_result() is None
    write_atomically(run.result, '{"wer": 1.5}\n')
    assert run.read_result() == {"wer": 1.5}
    assert [path.name for path in run.path.iterdir() if "unfinished" in path.name] == []


def test_metrics_are_added_and_truncated(tmp_path: Path):
    run = begin(tmp_path / "run")
    run.truncate_metrics(0)  # nothing there yet
    for epoch in (1, 2, 3):
        run.append_metrics({"epoch": epoch, "loss": 0.1 * epoch})
    run.truncate_metrics(2)
    assert [json.loads(line)["epoch"] for line in run.metrics.read_text().splitlines()] == [1, 2]


@pytest.mark.parametrize("half", ['{"epoch": 3, "lo', "{}", "3"])
def test_half_a_line_of_metrics_is_forgotten(tmp_path: Path, half: str):
    run = begin(tmp_path / "run")
    run.append_metrics({"epoch": 1})
    with run.metrics.open("a") as file:
        file.write(half)
    run.truncate_metrics(5)
    assert run.metrics.read_text() == '{"epoch": 1}\n'


# Checkpoints


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints")


def test_no_checkpoint_yet(checkpoints: Checkpoints):
    assert (checkpoints.latest(), checkpoints.best()) == (None, None)


def test_state_round_trip(checkpoints: Checkpoints):
    state = TrainingState(3, 17, 2, 12.5, [[1, 42], [7, 4294967295]])
    checkpoints.save(state, lambda path: path.write_text("w"))
    found = checkpoints.latest()
    assert found == (state, checkpoints.directory / "epoch-0003-step-0000017" / "model.weights.h5")
    assert found[1].read_text() == "w"
    save(checkpoints, epoch=4)
    assert checkpoints.latest()[0] == TrainingState(4)
    assert checkpoints.latest()[0].best_value == float("inf")


def test_the_newest_two_and_the_best_stay(checkpoints: Checkpoints):
    best = {1: 1, 2: 2, 3: 2, 4: 2, 5: 5, 6: 5}
    kept = []
    for epoch, best_epoch in best.items():
        save(checkpoints, epoch=epoch, best_epoch=best_epoch, best_value=1.0)
        kept.append([int(name[-4:]) for name in names(checkpoints)])
        assert checkpoints.latest()[0].epoch == epoch
        assert checkpoints.best()[0].epoch == best_epoch
    assert kept == [[1], [1, 2], [2, 3], [2, 3, 4], [4, 5], [5, 6]]


def test_an_interrupted_epoch_comes_between(checkpoints: Checkpoints):
    save(checkpoints, epoch=2, best_epoch=1)
    save(checkpoints, epoch=2, step=5, best_epoch=1)
    assert (checkpoints.latest()[0].epoch, checkpoints.latest()[0].step) == (2, 5)
    save(checkpoints, epoch=2, step=11, best_epoch=1)
    assert checkpoints.latest()[0].step == 11
    save(checkpoints, epoch=3, best_epoch=1)
    assert checkpoints.latest()[0].epoch == 3
    assert names(checkpoints) == ["epoch-0002", "epoch-0002-step-0000011", "epoch-0003"]
    save(checkpoints, epoch=4, best_epoch=1)
    assert names(checkpoints) == ["epoch-0003", "epoch-0004"]


def test_more_may_stay(tmp_path: Path):
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=3)
    for epoch in range(1, 7):
        save(checkpoints, epoch=epoch, best_epoch=min(epoch, 2))
    assert names(checkpoints) == [f"epoch-000{epoch}" for epoch in (2, 4, 5, 6)]
    save(checkpoints, epoch=6, step=9, best_epoch=2)
    assert names(checkpoints)[1:] == ["epoch-0004", "epoch-0005", "epoch-0006", "epoch-0006-step-0000009"]


def test_the_last_epochs(checkpoints: Checkpoints):
    for state in ({"epoch": 1}, {"epoch": 2}, {"epoch": 3}, {"epoch": 3, "step": 7}):
        save(checkpoints, **state, best_epoch=1)

    def last(count: int) -> list[str]:
        assert {path.name for path in checkpoints.last_epochs(count)} == {"model.weights.h5"}
        return [path.parent.name for path in checkpoints.last_epochs(count)]

    assert (last(1), last(2)) == (["epoch-0003"], ["epoch-0002", "epoch-0003"])
    assert last(3) == ["epoch-0001", "epoch-0002", "epoch-0003"]
    save(checkpoints, epoch=4, best_epoch=1)
    # The best is not of the epoch before them.
    assert names(checkpoints) == ["epoch-0001", "epoch-0003", "epoch-0003-step-0000007", "epoch-0004"]
    message = "--average 3: .* has checkpoints of the last 2 epochs; .* a larger --train.keep_checkpoints"
    with pytest.raises(UsageError, match=message):
        checkpoints.last_epochs(3)
    with pytest.raises(UsageError, match="--average 0: impossible"):
        checkpoints.last_epochs(0)


def test_saving_again_replaces(checkpoints: Checkpoints):
    save(checkpoints, epoch=1, best_value=3.0)
    save(checkpoints, epoch=1, best_value=2.0)
    assert checkpoints.latest()[0].best_value == 2.0
    assert names(checkpoints) == ["epoch-0001"]


def test_a_failed_save_leaves_what_was_there(checkpoints: Checkpoints):
    save(checkpoints, epoch=1)

    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    for epoch in (1, 2):
        with pytest.raises(OSError, match="No space"):
            checkpoints.save(TrainingState(epoch), fail)
        assert names(checkpoints) == ["epoch-0001"]
        assert "weights" in checkpoints.latest()[1].read_text()


def test_an_unfinished_checkpoint_is_none(checkpoints: Checkpoints):
    save(checkpoints, epoch=1)
    shutil.copytree(checkpoints.directory / "epoch-0001", checkpoints.directory / "unfinished-epoch-0002")
    (checkpoints.directory / "epoch-0003").mkdir()
    (checkpoints.directory / "epoch-0003" / "model.weights.h5").write_text("without state")
    assert checkpoints.latest()[0].epoch == 1
    save(checkpoints, epoch=2)
    assert "unfinished-epoch-0002" not in names(checkpoints)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"epoch": 1, "nope": 2}', b"\xff"])
def test_damaged_state(checkpoints: Checkpoints, content: str | bytes):
    save(checkpoints, epoch=1)
    save(checkpoints, epoch=2)
    path = checkpoints.directory / "epoch-0002"
    (path / "state.json").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=r"damaged checkpoint .*; delete it and go on from the one before") as caught:
        checkpoints.latest()
    assert str(path) in str(caught.value)
    shutil.rmtree(path)
    assert checkpoints.latest()[0].epoch == 1


def test_without_the_best_the_newest_is_taken(checkpoints: Checkpoints):
    for epoch in (1, 2, 3):
        save(checkpoints, epoch=epoch, best_epoch=1, best_value=0.5)
    assert checkpoints.best()[0].epoch == 1
    shutil.rmtree(checkpoints.directory / "epoch-0001")
    assert checkpoints.best()[0].epoch == 3


def test_a_state_written_before_the_random_generators_were_kept(checkpoints: Checkpoints):
    save(checkpoints, epoch=1)
    state = dataclasses.asdict(TrainingState(1))
    del state["random"]
    (checkpoints.directory / "epoch-0001" / "state.json").write_text(json.dumps(state))
    assert checkpoints.latest()[0] == TrainingState(1)


def test_damaged_weights_say_what_to_do(tmp_path: Path):
    from pipeline.model import build_model
    from pipeline.weights import load_weights

    small = ModelConfiguration(units=4, embedding_units=4, fast=False)
    model = build_model(small, 6, 6)
    good = tmp_path / "model.weights.h5"
    model.save_weights(good)
    load_weights(model, good)
    whole = good.read_bytes()
    with h5py.File(good) as file:
        assert file["layers"].keys()
    message = r"the weights cannot be loaded .*delete that checkpoint's folder"
    for content in (b"", b"nonsense", whole[: len(whole) // 2], None):
        good.unlink() if content is None else good.write_bytes(content)
        with pytest.raises(DataError, match=message) as caught:
            load_weights(model, good)
        assert str(good) in str(caught.value)
        assert "\n" not in str(caught.value)
    good.write_bytes(whole)
    with pytest.raises(DataError, match="the weights cannot be loaded"):
        load_weights(build_model(dataclasses.replace(small, units=6), 6, 6), good)
