"""Trainings of several seeds: what is begun, found again, refused, and reported."""

import json
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from pipeline.commands.main import main
from pipeline.errors import CircumstanceError, TrainingError, UsageError
from pipeline.process.installation import own_command, own_environment
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory
from pipeline.settings.changes import replace_settings
from pipeline.study import seeds as seeds_module
from pipeline.study.jobs import Failure, Job
from pipeline.study.seeds import train_seeds
from tests.tiny_task import TinyRun, tiny_configuration


@pytest.fixture
def begun(tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What is trained; in the place of every training there is the tiny run."""
    names: list[list[str]] = []

    def run_jobs(jobs: Sequence[Job], workers: int, told: tuple[str, ...]) -> dict[str, Failure]:
        assert workers == max(1, min(len(jobs), 2))
        names.append([job.name for job in jobs])
        for job in jobs:
            run = Path(job.arguments[2].removeprefix("--run="))
            shutil.copytree(tiny_run.path, run, dirs_exist_ok=True)
        return {}

    monkeypatch.setattr(seeds_module, "run_jobs", run_jobs)
    monkeypatch.setattr(seeds_module, "usable_cores", lambda: 2)
    return names


def test_every_seed_is_a_run_and_all_are_reported(tiny_run: TinyRun, begun: list[list[str]], tmp_path: Path):
    found = train_seeds(tiny_run.configuration, tmp_path / "three", 3)
    assert begun == [["seed-1", "seed-2", "seed-3"]]
    result = json.loads((tmp_path / "three" / "result.json").read_text())
    assert result == json.loads(json.dumps(found.to_json()))
    assert (result["seeds"], result["split"], result["deviation"]["wer"]) == ([1, 2, 3], "test", 0.0)
    assert result["mean"] == {name: pytest.approx(tiny_run.result[name]) for name in ("val_wer", "wer", "per")}
    assert result["best"] == str(tmp_path / "three" / "seed-1")
    assert found._repr_markdown_().count("\n") == 7
    assert "train: {" not in (tmp_path / "three" / "settings" / "seed-2.yaml").read_text()
    assert "seed: 2" in (tmp_path / "three" / "settings" / "seed-2.yaml").read_text()


def test_finished_ones_are_found_and_others_refused(tiny_run: TinyRun, begun: list[list[str]], tmp_path: Path):
    run = tmp_path / "all"
    assert train_seeds(tiny_run.configuration, run, 1).deviation["wer"] is None
    train_seeds(tiny_run.configuration, run, 2)
    assert begun == [["seed-1"], ["seed-2"]]
    # What stands there is a run of seed 1.
    with pytest.raises(UsageError, match=r"seed-2: holds a run of another configuration \(train\.seed"):
        train_seeds(tiny_run.configuration, run, 2)
    train_seeds(tiny_run.configuration, run, 2, overwrite=True)
    assert begun[-1] == ["seed-1", "seed-2"]


def test_what_cannot_be_is_refused(tiny_run: TinyRun, tmp_path: Path):
    with pytest.raises(UsageError, match="holds a single run; several seeds need a --run of their own"):
        train_seeds(tiny_run.configuration, shutil.copytree(tiny_run.path, tmp_path / "run"), 2)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").touch()
    with pytest.raises(UsageError, match="holds something else"):
        train_seeds(tiny_run.configuration, tmp_path / "mine", 2)
    assert [path.name for path in (tmp_path / "mine").iterdir() if not path.name.startswith(".")] == ["notes"]
    with pytest.raises(UsageError, match="--seeds 0"):
        train_seeds(tiny_run.configuration, tmp_path / "none", 0)
    assert not (tmp_path / "none").exists()


def test_failures_of_the_same_reason_are_one(tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bad, full = Failure("no such file", try_again=False), Failure("no room", try_again=True)
    for failures, error, said in (
        ({"seed-1": bad, "seed-2": bad}, TrainingError, r"^seed-1, seed-2: no such file \(the same command"),
        ({"seed-1": bad, "seed-2": full}, CircumstanceError, "seed-1: no such file; seed-2: no room"),
    ):
        monkeypatch.setattr(seeds_module, "run_jobs", lambda *_, failures=failures, **options: failures)
        with pytest.raises(error, match=said):
            train_seeds(tiny_run.configuration, tmp_path / "run", 2)


def test_held_out_sets_that_differ_are_warned_of(
    tiny_run: TinyRun, begun: list[list[str]], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    train_seeds(replace_settings(tiny_run.configuration, {"data.dev": None}), tmp_path / "run", 2)
    assert "every seed holds out other pairs" in caplog.text


def test_the_command_says_how_to_use_them(
    tiny_run: TinyRun, begun: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    tiny_run.configuration.save(tmp_path / "c.yaml")
    arguments = ["train", "--config", str(tmp_path / "c.yaml"), "--run", str(tmp_path / "two")]
    assert main([*arguments, "--seeds", "2"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[-1])["seeds"] == [1, 2]
    assert said.out.startswith("| seed | best epoch | dev WER % | test WER % | test PER % | seconds |\n")
    assert f"evaluate {tmp_path}/two/seed-1,{tmp_path}/two/seed-2 test" in said.err
    assert f"export {tmp_path}/two/seed-1 {tmp_path}/two-export" in said.err
    assert main([*arguments, "--seeds", "0"]) == 2
    assert "--seeds 0: impossible" in capsys.readouterr().err


@pytest.mark.slow
def test_they_equal_single_trainings_also_after_an_interruption(
    tiny_splits: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    configuration = tiny_configuration(tiny_splits, train={"epochs": 3, "attention_samples": 0})
    configuration.save(tmp_path / "c.yaml")
    command = [*own_command(), "train", f"--config={tmp_path / 'c.yaml'}", f"--run={tmp_path / 'two'}", "--seeds=2"]
    process = subprocess.Popen(command, env=own_environment(), stderr=subprocess.PIPE, text=True)
    assert process.stderr
    for line in process.stderr:
        if ": epoch 1/" in line:
            process.send_signal(signal.SIGINT)
            break
    said = process.stderr.read()
    assert process.wait() == 130
    assert "error: interrupted; the same command goes on where the training stopped" in said
    time.sleep(0.1)
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in _read(path)]
    train_seeds(configuration, tmp_path / "two", 2)
    threads = {
        f"TF_NUM_{kind}_THREADS": str(max(1, len(os.sched_getaffinity(0)) // 2)) for kind in ("INTRAOP", "INTEROP")
    }
    for seed in (1, 2):
        alone = [*command[:-2], f"--run={tmp_path / str(seed)}", f"--seed={seed}", "--no-export"]
        subprocess.run(alone, env={**own_environment(), **threads}, check=True, capture_output=True)
        _require_same(tmp_path / "two" / f"seed-{seed}", tmp_path / str(seed))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _require_same(run: Path, other: Path) -> None:
    found = [Checkpoints(RunDirectory(path).checkpoints).latest() for path in (run, other)]
    arrays = [load_file(one[1]) for one in found if one]
    assert len(arrays) == 2
    for name, values in arrays[0].items():
        np.testing.assert_array_equal(values, arrays[1][name], err_msg=name)
