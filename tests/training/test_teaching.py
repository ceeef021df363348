"""What a teacher says of the training data: computed once, in parts, and found again."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from pipeline.data.batches import PlannedBatch, fill_batch
from pipeline.data.preparation import TrainingData, open_run
from pipeline.errors import UsageError
from pipeline.runs.directory import RunDirectory
from pipeline.saved_models.ensemble_runs import read_member, require_runs
from pipeline.saved_models.loading import load_network
from pipeline.settings.configuration import Configuration
from pipeline.training import teaching
from pipeline.training.teaching import teach
from tests.tiny_task import tiny_configuration


@pytest.fixture(scope="module")
def teachers(tiny_ensemble: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Copies of two members, for one of them will be gone."""
    folder = tmp_path_factory.mktemp("teachers")
    ignored = shutil.ignore_patterns("export", "logs", "data")
    return [
        Path(shutil.copytree(run.path, folder / str(number), ignore=ignored))
        for number, run in enumerate(require_runs(tiny_ensemble))
    ]


def configure(splits: dict[str, str], teachers: list[Path], kept: int) -> Configuration:
    names = {name: splits[name] for name in ("train", "dev")}
    teacher = ",".join(map(str, teachers))
    return tiny_configuration(names, train={"teacher": teacher, "teacher_symbols": kept})


def taught(configuration: Configuration, directory: RunDirectory) -> TrainingData:
    return teach(configuration, directory, open_run(configuration, directory, looks=False))


def step_by_step(path: Path, source: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """A member's probabilities of all symbols at every position, `[batch, target, vocabulary]`."""
    network, found = load_network([read_member(RunDirectory(path))]), []
    state, memory = network.begin(source, np.count_nonzero(source, axis=1).astype(np.int32))
    for tokens in inputs.T:
        logits, state, _ = network.step(tf.constant(tokens), state, memory)
        found.append(tf.nn.softmax(logits).numpy())
    return np.stack(found, axis=1)


def test_it_is_the_mean_of_the_members(tiny_splits: dict[str, str], teachers: list[Path], tmp_path: Path):
    data = taught(configure(tiny_splits, teachers, 1000), RunDirectory(tmp_path / "all"))
    batch = PlannedBatch(data.buckets[-1], np.arange(5))
    (source, inputs), (targets, symbols, probabilities) = fill_batch(data.train, batch)
    size = len(data.target_vocabulary)
    assert symbols.shape == (*targets.shape, size)
    expected = np.mean([step_by_step(path, source, inputs) for path in teachers], axis=0)
    real = targets != 0
    np.testing.assert_allclose(np.take_along_axis(expected, symbols, axis=2)[real], probabilities[real], atol=1e-5)
    assert (np.diff(probabilities[real]) <= 0).all()
    np.testing.assert_array_equal(np.sort(symbols[real]), np.tile(np.arange(size), (real.sum(), 1)))
    assert not probabilities[~real].any()
    # Cut to the most probable ones, and made to sum to 1 again.
    few = taught(configure(tiny_splits, teachers, 2), RunDirectory(tmp_path / "two"))
    _, (_, kept, shares) = fill_batch(few.train, batch)
    np.testing.assert_array_equal(kept[real], symbols[real][:, :2])
    two = probabilities[real][:, :2]
    np.testing.assert_allclose(shares[real], two / two.sum(axis=1, keepdims=True), atol=1e-5)


def test_killed_it_goes_on_and_then_needs_no_teacher(
    tiny_splits: dict[str, str], teachers: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(teaching, "PART", 200)
    here = [Path(shutil.copytree(path, tmp_path / path.name)) for path in teachers]
    configuration = configure(tiny_splits, here, 3)
    whole = taught(configuration, RunDirectory(tmp_path / "whole")).train.lessons
    directory, looked = RunDirectory(tmp_path / "run"), list[Any]()

    def kill(*_: object) -> None:
        looked.append(1)
        if len(looked) == 2:
            raise KeyboardInterrupt

    original = teaching.LessonWriter.append
    monkeypatch.setattr(teaching.LessonWriter, "append", lambda *parts: (kill(), original(*parts))[1])
    with pytest.raises(KeyboardInterrupt):
        taught(configuration, directory)
    shutil.move(here[1], tmp_path / "away")
    with pytest.raises(UsageError, match=r"no such run, and what it says of the training data is not whole"):
        taught(configuration, directory)
    shutil.move(tmp_path / "away", here[1])
    found = taught(configuration, directory).train.lessons
    assert len(looked) == 4  # of three parts, one twice
    assert whole is not None
    assert found is not None
    np.testing.assert_equal(tuple(found), tuple(whole))
    for path in here:
        shutil.rmtree(path)
    again = taught(configuration, directory).train.lessons
    assert again is not None
    np.testing.assert_equal(tuple(again), tuple(whole))
