"""Tunings with real, tiny trainings: resumed, failing, over processes; what they leave behind."""

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.commands.main import main
from pipeline.errors import CircumstanceError, DataError, TrainingError, UsageError
from pipeline.runs.checkpoints import Checkpoints, TrainingState
from pipeline.runs.directory import RunDirectory
from pipeline.runs.lock import lock_run
from pipeline.saved_models.loading import load_predictor
from pipeline.settings.tune import TuneConfiguration
from pipeline.training import run as training
from pipeline.tuning import trial_tuner
from pipeline.tuning.directory import TuningDirectory
from pipeline.tuning.result import TuningResult
from pipeline.tuning.space import make_space
from pipeline.tuning.trial import TrialFailed, TrialOrder
from pipeline.tuning.tune import _warn_of_address, tune
from tests.killing import children_of
from tests.tiny_task import SIZES, tuning_configuration
from tests.tiny_task import TUNING_SPACE as CONTENT


def write_configuration(folder: Path, splits: dict[str, str], **space: Any) -> Path:
    path = folder / "tiny.yaml"
    tuning_configuration(splits).save(path)
    (folder / "tiny.space.yaml").write_text(yaml.safe_dump(space or CONTENT), encoding="utf-8")
    return path


def command(config: Path, run: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", "tune", "--config", str(config), "--run", str(run), *options]


def run_command(config: Path, run: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(config, run, *options), capture_output=True, text=True, timeout=900)


def run_here(capsys: pytest.CaptureFixture[str], config: Path, run: Path, *options: str) -> tuple[str, str]:
    """What the command writes to standard output and standard error; only its trials are processes of their own."""
    capsys.readouterr()
    code = main(command(config, run, *options)[3:])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out, err


def read_table(run: Path) -> list[dict[str, str]]:
    with open(run / "trials.tsv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def read_metrics(run: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        {key: value for key, value in line.items() if key not in ("seconds", "tokens_per_second")} for line in lines
    ]


def test_every_trial_is_reported(tiny_tuning: TuningResult):
    assert [trial.reason for trial in tiny_tuning.trials] == [None] * 3
    first = tiny_tuning.trials[0]
    assert first.values == {"model.units": 8, "train.learning_rate": 0.02}  # the configuration's own
    assert tiny_tuning.best == min(tiny_tuning.trials, key=lambda trial: trial.value or 0)
    for row, trial in zip(read_table(tiny_tuning.path), tiny_tuning.trials, strict=True):
        metrics = read_metrics(tiny_tuning.path / "trials" / trial.name)
        assert float(row["val_wer"]) == pytest.approx(min(line["val_wer"] for line in metrics), rel=1e-5)
        assert trial.epochs == len(metrics) == 2


def test_every_trial_is_a_run_that_predicts(tiny_tuning: TuningResult):
    for trial in tiny_tuning.trials:
        assert load_predictor(tiny_tuning.path / "trials" / trial.name).predict(["ab"])[0].texts


def test_tensorboard_gets_every_trial(tiny_tuning: TuningResult):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    for trial in tiny_tuning.trials:
        events = EventAccumulator(str(tiny_tuning.path / "trials" / trial.name / "logs" / "dev"))
        events.Reload()
        [best] = events.Tensors("result/wer")
        assert float(make_ndarray(best.tensor_proto)) == pytest.approx(trial.value)
        assert "_hparams_/session_start_info" in events.Tags()["tensors"]
        assert any(tag.startswith("heat_maps/") for tag in events.Tags()["tensors"])
    whole = EventAccumulator(str(tiny_tuning.path / "logs"))
    whole.Reload()
    tags = set(whole.Tags()["tensors"])
    assert {"_hparams_/experiment", "search/trials", "heat_maps/01"} <= tags


def test_finished_it_says_the_same_again(tiny_tuning: TuningResult, tiny_splits: dict[str, str]):
    before = {path: path.stat().st_mtime_ns for path in (tiny_tuning.path / "trials").rglob("metrics.jsonl")}
    configuration = tuning_configuration(tiny_splits)
    space = make_space(CONTENT, configuration)
    again = tune(configuration, TuneConfiguration(algorithm="random", trials=3), tiny_tuning.path, space)
    assert again.trials == tiny_tuning.trials
    assert before == {path: path.stat().st_mtime_ns for path in (tiny_tuning.path / "trials").rglob("metrics.jsonl")}


def test_another_tuning_is_refused(tiny_tuning: TuningResult, tiny_splits: dict[str, str], tmp_path: Path):
    configuration = tuning_configuration(tiny_splits)
    space = make_space(CONTENT, configuration)
    how = TuneConfiguration(algorithm="random", trials=3)
    with pytest.raises(UsageError, match=r"tune.seed was 1, is now 2"):
        tune(configuration, dataclasses.replace(how, seed=2), tiny_tuning.path, space)
    with pytest.raises(UsageError, match=r"space: model.units was .*, is now "):
        tune(configuration, how, tiny_tuning.path, make_space({"model.units": {"choices": [5]}}, configuration))
    with pytest.raises(UsageError, match=r"train.epochs was 2, is now 7"):
        tune(configuration, dataclasses.replace(how, epochs=7), tiny_tuning.path, space)
    (tmp_path / "precious").touch()
    (tmp_path / "README.md").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="is not a tuning"):
            tune(configuration, how, tmp_path, space, overwrite)
    assert (tmp_path / "README.md").read_text() == "mine"


OWN, OTHERS = ["127.0.0.1", "localhost", "[::1]"], ["10.0.0.1", "0.0.0.0", "[::]", "somewhere"]


@pytest.mark.parametrize(("address", "warns"), [*((own, False) for own in OWN), *((other, True) for other in OTHERS)])
def test_an_address_that_others_reach_is_warned_of(
    address: str, warns: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", address)
    _warn_of_address("chief")
    assert ("asks for no password" in caplog.text) == warns


def test_wrong_data_shows_before_any_trial(tiny_splits: dict[str, str], tmp_path: Path):
    configuration = tuning_configuration({**tiny_splits, "train": str(tmp_path / "missing.tsv")})
    with pytest.raises(DataError, match=r"missing\.tsv"):
        tune(configuration, TuneConfiguration(), tmp_path / "run", make_space(CONTENT, configuration))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_best_yaml_trains_to_the_score_of_the_trial(
    tiny_tuning: TuningResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(training, "_finish", lambda *arguments: {})  # a trial has none
    best = tiny_tuning.best
    assert best is not None
    arguments = ["train", "--config", str(tiny_tuning.path / "best.yaml"), "--run", str(tmp_path / "run")]
    assert main(arguments) == 0
    assert read_metrics(tmp_path / "run") == read_metrics(tiny_tuning.path / "trials" / best.name)


@pytest.mark.slow
def test_failed_trials_are_counted_and_said(
    tiny_splits: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    # No pair is as short as one symbol a side.
    config = write_configuration(tmp_path, tiny_splits, **{"data.max_length": {"choices": [1, 16]}})
    out, err = run_here(capsys, config, tmp_path / "run", "--tune.algorithm", "grid")
    table, last = out.rsplit("\n", 2)[0], json.loads(out.splitlines()[-1])
    assert (last["trials"], last["failed"]) == (2, 1)
    assert "no pair is left" in table
    assert "Traceback" not in err
    assert [bool(row["failure"]) for row in read_table(tmp_path / "run")] == [False, True]


def test_three_failures_in_a_row_stop_it(tiny_splits: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*arguments: object) -> None:
        raise TrialFailed("no pair is left")

    # A trial that really fails is in the test before this one.
    monkeypatch.setattr(trial_tuner, "start_trial", fail)
    configuration = tuning_configuration(tiny_splits)
    space = make_space({"model.units": {"choices": [4, 5, 6, 7]}}, configuration)
    with pytest.raises(TrainingError, match=r"3 trials failed in a row \(trial 00: .*no pair is left"):
        tune(configuration, TuneConfiguration(algorithm="grid"), tmp_path / "run", space)
    assert len(read_table(tmp_path / "run")) == 3
    assert not (tmp_path / "run" / "best.yaml").exists()


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Trials that do nothing; exit codes, by name, of those that fail at the first attempt."""
    codes: dict[str, int] = {}

    def train(order: TrialOrder, *options: object) -> None:
        if order.name in codes:
            raise TrialFailed("no room", codes.pop(order.name))
        run = RunDirectory(Path(order.run))
        run.path.mkdir(parents=True, exist_ok=True)
        run.append_metrics({"epoch": 1, "val_wer": float(order.name) + 5, "val_per": 1.0, "seconds": 1.0})
        Checkpoints(run.checkpoints).save(TrainingState(epoch=1, best_epoch=1), lambda path: path.write_bytes(b""))

    monkeypatch.setattr(trial_tuner, "start_trial", train)
    return codes


GRID, SMALL = TuneConfiguration(algorithm="grid", trials=3), {"model.units": {"choices": [4, 6, 8]}}


def test_a_full_disk_ends_it_and_the_same_goes_on(tiny_splits: dict[str, str], tmp_path: Path, pretend: dict[str, int]):
    configuration = tuning_configuration(tiny_splits)
    space = make_space(SMALL, configuration)
    pretend["1"] = 75
    seen: list[int] = []
    with pytest.raises(CircumstanceError, match="trial 1: no room; the same command goes on with it"):
        tune(configuration, GRID, tmp_path / "run", space, on_trial=lambda result: seen.append(len(result.trials)))
    assert seen == [1]
    result = tune(configuration, GRID, tmp_path / "run", space)
    assert [(trial.name, trial.reason) for trial in result.trials] == [("0", None), ("1", None), ("2", None)]
    assert result.dev_size == SIZES["dev"]
    assert "cannot be told apart from it on this dev set" in result.table()


def test_a_killed_trial_is_tried_again_by_the_same_command(
    tiny_splits: dict[str, str], tmp_path: Path, pretend: dict[str, int], caplog: pytest.LogCaptureFixture
):
    configuration = tuning_configuration(tiny_splits)
    space = make_space(SMALL, configuration)
    pretend |= {"0": -9, "1": 137, "2": 1}
    with pytest.raises(TrainingError, match="no trial succeeded"):
        tune(configuration, GRID, tmp_path / "run", space)
    result = tune(configuration, GRID, tmp_path / "run", space)
    # Settings were at fault for the last one.
    assert [(trial.name, trial.reason) for trial in result.trials] == [("0", None), ("1", None), ("2", "no room")]
    assert caplog.text.count("trial 2 failed: no room") == 1
    assert tune(configuration, GRID, tmp_path / "run", space).trials == result.trials


def test_two_tunings_in_one_directory(tiny_splits: dict[str, str], tmp_path: Path, pretend: dict[str, int]):
    configuration = tuning_configuration(tiny_splits)
    with (
        lock_run(TuningDirectory(tmp_path / "run"), "tuning"),
        pytest.raises(UsageError, match="a tuning is being run there by process"),
    ):
        tune(configuration, GRID, tmp_path / "run", make_space(SMALL, configuration))


def is_alive(process: int) -> bool:
    status = Path(f"/proc/{process}/status")
    return status.is_file() and "\nState:\tZ" not in status.read_text()


@pytest.mark.slow
def test_killed_in_a_trial_it_goes_on(tiny_splits: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config, run = write_configuration(tmp_path, tiny_splits), tmp_path / "run"
    options = ("--tune.algorithm", "random", "--tune.trials", "2")
    with subprocess.Popen(command(config, run, *options), stderr=subprocess.DEVNULL) as process:
        while not (run / "trials" / "1" / "config.yaml").is_file():  # the second trial has begun
            assert process.poll() is None
            time.sleep(0.05)
        trials = children_of(process.pid)
        process.send_signal(signal.SIGKILL)
    finished = (run / "trials" / "0" / "metrics.jsonl").stat().st_mtime_ns
    for _ in range(100):
        if not any(map(is_alive, trials)):
            break
        time.sleep(0.1)
    assert not any(map(is_alive, trials)), "the killed tuning's trial goes on"
    out, _ = run_here(capsys, config, run, *options)
    assert json.loads(out.splitlines()[-1])["trials"] == 2
    assert (run / "trials" / "0" / "metrics.jsonl").stat().st_mtime_ns == finished
    rows = read_table(run)
    assert [row["trial"] for row in rows] == ["0", "1"]
    assert all(row["epochs"] == "2" for row in rows)


@pytest.mark.distributed
@pytest.mark.slow
def test_chief_and_two_workers(
    tiny_splits: dict[str, str], tmp_path: Path, tiny_tuning: TuningResult, capsys: pytest.CaptureFixture[str]
):
    config, run = write_configuration(tmp_path, tiny_splits), tmp_path / "run"
    options = ["--tune.algorithm", "random", "--tune.trials", "3", "--tune.workers", "2"]
    result = run_command(config, run, *options)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1])["trials"] == 3
    rows, single = read_table(run), read_table(tiny_tuning.path)
    assert list(rows[0]) == list(single[0])
    # The same trials with the same figures as in one process.
    for row, expected in zip(rows, single, strict=True):
        assert (row["model.units"], row["train.learning_rate"]) == (
            expected["model.units"],
            expected["train.learning_rate"],
        )
    assert {path.name for path in tiny_tuning.path.iterdir()} <= {path.name for path in run.iterdir()}
    assert len(list((run / "trials").glob("*.log"))) == 3  # messages of trials that run side by side
    # What was begun with workers goes on without them.
    run_here(capsys, config, run, *options[:3], "4")
    assert [row["trial"] for row in read_table(run)] == list("0123")


@pytest.mark.distributed
@pytest.mark.slow
def test_a_worker_that_dies_is_started_again(tiny_splits: dict[str, str], tmp_path: Path):
    config, run = write_configuration(tmp_path, tiny_splits), tmp_path / "run"
    options = ["--tune.algorithm", "random", "--tune.trials", "2", "--tune.workers", "2"]
    with subprocess.Popen(command(config, run, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not list((run / "trials").glob("*/config.yaml")):
            assert process.poll() is None
            time.sleep(0.05)
        [worker] = [child for child in children_of(process.pid) if "worker1" in environment_of(child)]
        os.kill(worker, signal.SIGKILL)
        out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err.decode()
    assert b"starting it again" in err
    told = json.loads(out.splitlines()[-1])
    assert (told["trials"], told["failed"]) == (2, 0)


def environment_of(process: int) -> str:
    return Path(f"/proc/{process}/environ").read_text(encoding="utf-8", errors="replace")
