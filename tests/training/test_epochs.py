"""Trainings that are killed, interrupted, out of room, or diverge: what is left is what would have been."""

import contextlib
import dataclasses
import errno
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipeline.data.preparation import open_run
from pipeline.errors import TrainingError
from pipeline.model.seeds import set_seed
from pipeline.model.sequence_to_sequence import SequenceToSequence
from pipeline.monitoring.dev_decoding import DecodedDevMetrics
from pipeline.monitoring.figures import FigureLog
from pipeline.monitoring.progress import Progress
from pipeline.process.interruption import Interrupted
from pipeline.runs import checkpoints as checkpoints_module
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from pipeline.training import attempt, divergence
from pipeline.training.ending import why_ended
from pipeline.training.epochs import fit
from pipeline.training.saving import SaveAndStop
from pipeline.training.teaching import teach
from tests.tiny_task import tiny_configuration

EPOCHS, STEPS = 3, 32


@pytest.fixture(scope="module")
def short(tiny_splits: dict[str, str], tiny_ensemble: Path) -> Configuration:
    """The tiny task with much dropout, a moving average and a teacher, ended long before it is learnt."""
    saving = {"checkpoint_steps": 10, "checkpoint_minutes": None}
    return tiny_configuration(
        {name: tiny_splits[name] for name in ("train", "dev")},
        data={"buckets": 1},
        model={"dropout": 0.3, "symbol_dropout": 0.1},
        train={
            "epochs": EPOCHS,
            "attention_samples": 0,
            "learning_rate": 0.01,
            "ema_momentum": 0.9,
            "r_drop": 1.0,
            "teacher": str(tiny_ensemble),
            **saving,
        },
    )


@pytest.fixture(scope="module")
def simple(short: Configuration) -> Configuration:
    """The same without what makes its steps long, for what does not look at weights."""
    model = dataclasses.replace(short.model, symbol_dropout=0.0)
    return dataclasses.replace(changed(short, teacher=None, r_drop=0.0), model=model)


def changed(configuration: Configuration, **train: Any) -> Configuration:
    return dataclasses.replace(configuration, train=dataclasses.replace(configuration.train, **train))


def go_on(configuration: Configuration, run: Path) -> None:
    """What the same command does, but for the end."""
    directory = RunDirectory(run)
    set_seed(configuration.train.seed, configuration.train.deterministic)
    fit(configuration, directory, teach(configuration, directory, open_run(configuration, directory)))


def latest(run: Path) -> str:
    """Name of the newest checkpoint."""
    found = Checkpoints(RunDirectory(run).checkpoints).latest()
    assert found
    return found[0].name


def final_state(run: Path) -> dict[str, Any]:
    """Everything that the last checkpoint holds: weights, optimizer, random generators, epochs."""
    found = Checkpoints(RunDirectory(run).checkpoints).latest()
    assert found
    # Keras numbers some names by what was built before in the process.
    arrays: dict[str, Any] = {"/".join(name.split("/")[:2]): value for name, value in load_file(found[1]).items()}
    assert len(arrays) > 40
    return {**arrays, "state": dataclasses.asdict(found[0])}


def metrics(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def timeless(run: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in ("seconds", "tokens_per_second")} for row in metrics(run)]


def curves(run: Path) -> dict[str, list[tuple[int, Any]]]:
    """What TensorBoard shows, as it stands in the files: step and value of every point."""
    found = {}
    for name in ("train", "dev"):
        events = EventAccumulator(str(run / "logs" / name), size_guidance={"tensors": 0}, purge_orphaned_data=False)
        events.Reload()
        for tag in events.Tags()["tensors"]:
            if tag not in ("more/tokens_per_second", "settings", "_hparams_/session_start_info"):
                points = [(event.step, tf.make_ndarray(event.tensor_proto).tolist()) for event in events.Tensors(tag)]
                found[tag if tag.startswith("step/") else f"{name}/{tag}"] = points
    return found


@pytest.fixture(scope="module")
def uninterrupted(short: Configuration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the `short` configuration."""
    run = tmp_path_factory.mktemp("uninterrupted") / "run"
    go_on(short, run)
    return run


@contextlib.contextmanager
def at_step(step: int, part: type, method: str, act: Callable[[], None], before: bool = False) -> Iterator[None]:
    """Let something happen after so many optimizer steps, before or after a callback has done its work."""
    original = getattr(part, method)

    def call(self: Any, number: int, logs: dict[str, Any] | None = None) -> None:
        now = int(self.model.optimizer.iterations.numpy()) == step
        if now and before:
            act()
        original(self, number, logs)
        if now and not before:
            act()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part, method, call)
        yield


class Killed(BaseException):
    """Nothing is saved after it."""


def kill() -> None:
    raise Killed


def send(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.slow
def test_whatever_ends_it_the_same_comes_out(short: Configuration, uninterrupted: Path, tmp_path: Path):
    run = tmp_path / "run"
    batch_end, epoch_end = "on_train_batch_end", "on_epoch_end"
    # Killed within an epoch: what was done after the checkpoint of step 10 is done again.
    with at_step(17, FigureLog, batch_end, kill), pytest.raises(Killed):
        go_on(short, run)
    assert latest(run) == "epoch-0000-step-0000010"
    # Asked to end within the same epoch.
    with at_step(13, FigureLog, batch_end, send(signal.SIGTERM)), pytest.raises(Interrupted) as caught:
        go_on(short, run)
    assert (caught.value.exit_code, latest(run)) == (143, "epoch-0000-step-0000013")
    # Killed when the next epoch was logged but not saved: its figures are written again.
    with at_step(2 * STEPS, SaveAndStop, epoch_end, kill, before=True), pytest.raises(Killed):
        go_on(short, run)
    assert latest(run) == "epoch-0001-step-0000028"  # the sixtieth of all
    assert len(metrics(run)) == 2
    # Ctrl-C at the epoch's last step: first comes its end.
    with at_step(2 * STEPS, FigureLog, batch_end, send(signal.SIGINT)), pytest.raises(Interrupted) as caught:
        go_on(short, run)
    assert (caught.value.exit_code, latest(run)) == (130, "epoch-0002")
    go_on(short, run)
    np.testing.assert_equal(final_state(run), final_state(uninterrupted))
    assert timeless(run) == timeless(uninterrupted)
    assert curves(run) == curves(uninterrupted)
    assert [step for step, _ in curves(run)["step/loss"]] == [50]
    # The speed of an epoch is that of all its steps.
    assert all(row["tokens_per_second"] * row["seconds"] >= row["tokens"] for row in metrics(run))


@pytest.mark.slow
def test_outputs_that_are_drawn_are_drawn_again(short: Configuration, tmp_path: Path):
    configuration = changed(short, r_drop=0.0, risk_epochs=1, risk_samples=3)
    for name, steps in (("whole", ()), ("parts", (2 * STEPS + 13, 2 * STEPS + 17))):
        for step in steps:
            with at_step(step, FigureLog, "on_train_batch_end", kill), pytest.raises(Killed):
                go_on(configuration, tmp_path / name)
        go_on(configuration, tmp_path / name)
    np.testing.assert_equal(final_state(tmp_path / "parts"), final_state(tmp_path / "whole"))
    assert timeless(tmp_path / "parts") == timeless(tmp_path / "whole")
    assert timeless(tmp_path / "whole")[2]["val_loss"] != timeless(tmp_path / "whole")[1]["val_loss"]


def test_another_seed_gives_other_weights(simple: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    found: list[list[np.ndarray]] = []
    # As they are before the first step: what follows would take long and differ, too.
    monkeypatch.setattr(attempt.Attempt, "_run_epochs", lambda _, model, *others: found.append(model.get_weights()))
    for run, seed in enumerate([1, 1, 2]):
        go_on(changed(simple, seed=seed), tmp_path / str(run))
    first, same, other = ([weight for weight in weights if np.ptp(weight)] for weights in found)
    assert len(first) > 10
    np.testing.assert_equal(same, first)
    assert not any(np.array_equal(one, two) for one, two in zip(other, first, strict=True))


@pytest.mark.slow
def test_a_damaged_checkpoint_costs_no_more_than_its_steps(
    short: Configuration, uninterrupted: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    run = tmp_path / "run"
    with at_step(2 * STEPS, FigureLog, "on_train_batch_end", kill), pytest.raises(Killed):
        go_on(short, run)
    path = run / "checkpoints" / latest(run) / "variables.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    go_on(short, run)
    assert f"{path.parent}: damaged checkpoint (variables.safetensors is not what was written)" in caplog.text
    np.testing.assert_equal(final_state(run), final_state(uninterrupted))
    assert timeless(run) == timeless(uninterrupted)


# Early stopping


@pytest.mark.slow
def test_early_stopping_survives(simple: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    wer = {1: 50.0, 2: 40.0, 3: 60.0, 4: 41.0, 5: 10.0}

    def measure(self: object, epoch: int, logs: dict[str, Any]) -> None:
        logs.update(val_wer=wer[epoch + 1], val_per=20.0)

    monkeypatch.setattr(DecodedDevMetrics, "on_epoch_end", measure)
    configuration = changed(simple, epochs=8, patience=2)
    run = tmp_path / "run"
    with at_step(3 * STEPS, Progress, "on_epoch_end", kill), pytest.raises(Killed):
        go_on(configuration, run)
    go_on(configuration, run)
    assert [row["val_wer"] for row in metrics(run)] == [50, 40, 60, 41]
    checkpoints = Checkpoints(RunDirectory(run).checkpoints)
    best, latest = checkpoints.best(), checkpoints.latest()
    assert best
    assert latest
    assert (best[0].epoch, latest[0].epoch, latest[0].best_epoch, latest[0].best_value) == (2, 4, 2, 40.0)
    # It has stopped for good.
    go_on(configuration, run)
    assert len(metrics(run)) == 4


@pytest.mark.slow
def test_the_best_of_smoothed_figures_is_no_lucky_epoch(
    simple: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # The second epoch is luck: its own figure is never reached again, and patience would end the training after it.
    wer = {1: 60.0, 2: 38.0, 3: 46.0, 4: 42.0, 5: 40.0, 6: 41.0, 7: 43.0, 8: 44.0}

    def measure(self: object, epoch: int, logs: dict[str, Any]) -> None:
        logs.update(val_wer=wer[epoch + 1], val_per=20.0)

    monkeypatch.setattr(DecodedDevMetrics, "on_epoch_end", measure)
    configuration = changed(simple, epochs=8, patience=2, smoothing=3)
    run = tmp_path / "run"
    with at_step(4 * STEPS, Progress, "on_epoch_end", kill), pytest.raises(Killed):
        go_on(configuration, run)
    go_on(configuration, run)
    latest = Checkpoints(RunDirectory(run).checkpoints).latest()
    assert latest
    # Means of three: 60, 49, 48, 42, 42.7, 41, 41.3, 42.7.
    assert (latest[0].epoch, latest[0].best_epoch, latest[0].best_value) == (8, 6, 41.0)
    assert latest[0].recent[0][:2] == (41.0, 20.0)


@pytest.mark.slow
def test_of_equal_epochs_the_one_with_fewer_wrong_symbols_is_kept(
    simple: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    per = iter([90.0, 80.0, 85.0])

    def measure(self: object, epoch: int, logs: dict[str, Any]) -> None:
        logs.update(val_wer=100.0, val_per=next(per))

    monkeypatch.setattr(DecodedDevMetrics, "on_epoch_end", measure)
    go_on(changed(simple, epochs=3), tmp_path / "run")
    best = Checkpoints(RunDirectory(tmp_path / "run").checkpoints).best()
    assert best
    assert (best[0].epoch, best[0].best_value, best[0].best_second) == (2, 100.0, 80.0)


def test_of_epochs_with_equal_figures_the_one_with_the_lowest_loss_is_kept(
    simple: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    losses = iter([0.5, 0.3, 0.4])

    def measure(self: object, epoch: int, logs: dict[str, Any]) -> None:
        logs.update(val_wer=50.0, val_per=20.0, val_loss=next(losses))

    monkeypatch.setattr(DecodedDevMetrics, "on_epoch_end", measure)
    go_on(changed(simple, epochs=3), tmp_path / "run")
    best = Checkpoints(RunDirectory(tmp_path / "run").checkpoints).best()
    assert best
    assert (best[0].epoch, best[0].best_loss) == (2, 0.3)


@pytest.mark.slow
def test_a_perfect_dev_set_ends_the_training_also_over_interruptions(
    simple: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    wer = {1: 0.0, 2: 0.5, 3: 0.0, 4: 0.0, 5: 0.0}

    def measure(self: object, epoch: int, logs: dict[str, Any]) -> None:
        logs.update(val_wer=wer[epoch + 1], val_per=0.0, val_loss=1 / (epoch + 1))

    monkeypatch.setattr(DecodedDevMetrics, "on_epoch_end", measure)
    configuration, run = changed(simple, epochs=8, perfect_epochs=2), tmp_path / "run"
    with at_step(3 * STEPS, Progress, "on_epoch_end", kill), pytest.raises(Killed):
        go_on(configuration, run)
    for _ in range(2):  # it has ended for good
        go_on(configuration, run)
        assert [row["val_wer"] for row in metrics(run)] == [0.0, 0.5, 0.0, 0.0]
    latest = Checkpoints(RunDirectory(run).checkpoints).latest()
    assert latest
    assert (latest[0].best_epoch, why_ended(latest[0], configuration.train)) == (4, "perfect")


# Full disks


@contextlib.contextmanager
def full_disk(name: str) -> Iterator[None]:
    """A checkpoint finds no room."""
    original = checkpoints_module.write_durably

    def write(path: Path, content: bytes) -> None:
        if path.parent.name == f"unfinished-{name}":
            path.write_bytes(content[:10])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        original(path, content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints_module, "write_durably", write)
        yield


@pytest.mark.slow
def test_a_full_disk_ends_it_and_nothing_is_lost(short: Configuration, uninterrupted: Path, tmp_path: Path):
    run = tmp_path / "run"
    with full_disk("epoch-0001"), pytest.raises(TrainingError) as caught:
        go_on(short, run)
    said = "the checkpoint cannot be written (No space left on device); saved: checkpoint epoch-0000-step-0000030. Make"
    assert said in str(caught.value)
    assert latest(run) == "epoch-0000-step-0000030"
    go_on(short, run)
    np.testing.assert_equal(final_state(run), final_state(uninterrupted))
    assert curves(run) == curves(uninterrupted)


@pytest.mark.slow
def test_a_disk_that_is_full_for_a_while_leaves_no_gap(
    short: Configuration, uninterrupted: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    run = tmp_path / "run"
    original, failures = RunDirectory.append_metrics, iter([OSError(errno.ENOSPC, "No space left on device")])

    def append(self: RunDirectory, figures: dict[str, Any]) -> None:
        for error in failures:
            raise error
        original(self, figures)

    with full_disk("epoch-0001"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunDirectory, "append_metrics", append)
        go_on(changed(short, on_write_failure="continue"), run)
    assert caplog.text.count("Training goes on and tries again") == 2
    assert not (run / "checkpoints" / "epoch-0001").exists()
    assert timeless(run) == timeless(uninterrupted)
    assert curves(run) == curves(uninterrupted)
    np.testing.assert_equal(final_state(run), final_state(uninterrupted))


# Divergence


@contextlib.contextmanager
def spoilt(steps: dict[int, int]) -> Iterator[None]:
    """At these steps, so many times, the loss is no number."""
    original, left = divergence.WatchDivergence.on_train_batch_end, dict(steps)

    def spoil(self: Any, batch: int, logs: dict[str, Any]) -> None:
        step = int(self.model.optimizer.iterations.numpy())
        if left.get(step):
            left[step] -= 1
            logs = {**logs, "batch_loss": float("nan")}
        original(self, batch, logs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(divergence.WatchDivergence, "on_train_batch_end", spoil)
        yield


@pytest.mark.slow
def test_one_that_diverges_goes_back_and_on_more_slowly(
    short: Configuration, uninterrupted: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    run = tmp_path / "run"
    with spoilt({40: 2, 54: 1}):
        # Where it goes back to does not depend on when it was saved within epochs.
        stop = at_step(38, FigureLog, "on_train_batch_end", send(signal.SIGTERM))
        with stop, pytest.raises(Interrupted):
            go_on(changed(short, checkpoint_steps=35), run)
        go_on(short, run)
    warnings = [record.message for record in caplog.records if "diverged" in record.message]
    assert [warning.split("; back to ")[1] for warning in warnings] == [
        "epoch-0001, on with 0.5 of the learning rate",
        "epoch-0001, on with 0.25 of the learning rate",
        "epoch-0001, on with 0.125 of the learning rate",
    ]
    assert "the training diverged (epoch 2, step 8: the loss is nan; its batch: line " in warnings[0]
    state = final_state(run)["state"]
    assert (state["epoch"], state["rollbacks"], state["rate_scale"]) == (3, 3, 0.125)
    scales = (1, 0.125, 0.125)
    expected = [row["learning_rate"] * scale for row, scale in zip(metrics(uninterrupted), scales, strict=True)]
    assert [row["learning_rate"] for row in metrics(run)] == pytest.approx(expected)
    assert [step for step, _ in curves(run)["train/figures/loss"]] == [1, 2, 3]


@pytest.mark.slow
def test_one_that_always_diverges_fails(simple: Configuration, tmp_path: Path):
    broken = changed(simple, learning_rate=1e30, clip_norm=None, max_rollbacks=1)
    with pytest.raises(TrainingError) as caught:
        go_on(broken, tmp_path / "run")
    message = str(caught.value)
    assert message.startswith("the training diverges (epoch 1, step ")
    assert "even with 0.5 of the learning rate; look at these pairs, or lower train.learning_rate" in message
    assert Checkpoints(RunDirectory(tmp_path / "run").checkpoints).latest() is None


def test_out_of_memory_says_what_to_make_smaller(short: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def exhaust(self: SequenceToSequence, data: Any) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(SequenceToSequence, "train_step", exhaust)
    message = r"out of memory; the largest batch has \d+ pairs of \d by \d+ symbols: lower data\.batch_tokens"
    with pytest.raises(TrainingError, match=message):
        go_on(short, tmp_path / "run")
