import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipeline.errors import DataError, UsageError
from pipeline.files.durable import write_atomically
from pipeline.process.environment import describe_environment
from pipeline.runs.directory import FORMAT, RunDirectory, load_configuration
from pipeline.runs.lock import lock_run
from pipeline.settings.configuration import Configuration
from pipeline.settings.data import DataConfiguration
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.settings.train import TrainConfiguration
from pipeline.version import __version__
from tests.killing import killed_at_every_step

UNUSUAL = Configuration(
    DataConfiguration(["a b.en", "ä.fr.gz"], dev="dev.tsv", dev_size=7, buckets=1),
    TextConfiguration("space", "char", "nfkc", lowercase=True, min_count=3, max_vocabulary=100),
    ModelConfiguration(readout_units=5, cell="lstm", attention="none", dropout=0.0, precision="float64", fast=False),
    TrainConfiguration(clip_norm=None, patience=None, learning_rate=1e-5, schedule="linear", deterministic=False),
    SearchConfiguration(1, 0.6, 1.5, 0),
)


def begin(path: Path, configuration: Configuration | None = None) -> RunDirectory:
    run = RunDirectory(path)
    run.begin(configuration or Configuration())
    return run


# The directory


@pytest.mark.parametrize("configuration", [Configuration(), UNUSUAL])
def test_configuration_round_trip(tmp_path: Path, configuration: Configuration):
    assert load_configuration(begin(tmp_path / "run", configuration)) == configuration


def test_begin_explains_itself(tmp_path: Path):
    run = begin(tmp_path / "deep" / "run")
    assert run.exists()
    info = json.loads(run.info.read_text())
    assert (info["format"], info["attentif"], info["paths_count_from"]) == (FORMAT, __version__, os.getcwd())
    explained = (run.path / "README.md").read_text(encoding="utf-8")
    for path in vars(run).values():
        assert path == run.path or path.name in explained
    run.check()


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


@pytest.mark.parametrize("at", ["config.yaml", "README.md", "run.json", "checksums.json"])
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
        patch.setattr("pipeline.files.durable.write_durably", until_full(Path.write_bytes))
        with pytest.raises(OSError, match="No space left"):
            begin(tmp_path / "run")
    assert load_configuration(begin(tmp_path / "run")) == Configuration()


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_a_beginning_that_was_killed_can_be_made_again(tmp_path: Path, done: int):
    run = begin(tmp_path / "run")
    files = [run.readme, run.checksums, run.config, run.info]
    for path in files[done + 1 :]:
        path.unlink()
    # Killed while this one was being written.
    files[done].rename(run.path / f".{files[done].name}.123.unfinished")
    assert not run.exists()
    assert begin(tmp_path / "run").exists()
    run.sweep()
    assert sorted(path.name for path in run.path.iterdir()) == [
        *("README.md", "checksums.json", "config.yaml", "run.json")
    ]


def test_killed_at_any_moment_of_its_beginning_it_begins(tmp_path: Path):
    path, steps = tmp_path / "run", 0

    def start() -> RunDirectory:
        run = RunDirectory(path)
        with lock_run(run):
            if not run.exists():
                run.begin(Configuration())
            run.sweep()
        return run

    for _ in killed_at_every_step(start, lambda: shutil.rmtree(path, ignore_errors=True)):
        steps += 1
        start().check()
        assert sorted(file.name for file in path.iterdir() if not file.name.startswith(".lock")) == [
            *("README.md", "checksums.json", "config.yaml", "run.json")
        ]
    assert steps > 6


@pytest.mark.parametrize("name", ["README.md", "config.yaml", "run.json", "checksums.json"])
def test_somebody_elses_files_are_no_beginning(tmp_path: Path, name: str):
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match="exists and is not a run"):
        RunDirectory(tmp_path).begin(Configuration())
    assert (tmp_path / name).read_text() == "mine"


def test_removing_that_is_killed_leaves_no_finished_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = begin(tmp_path / "run")
    write_atomically(run.result, "{}")
    monkeypatch.setattr(shutil, "rmtree", lambda *arguments, **options: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run.remove()
    assert run.exists()
    assert run.read_result() is None


def test_remove(tmp_path: Path):
    run = begin(tmp_path / "run")
    run.remove()
    assert not run.path.exists()
    run.remove()


def test_another_format_is_refused(tmp_path: Path):
    run = begin(tmp_path / "run")
    run.info.write_text(json.dumps({"format": FORMAT + 1, "attentif": "9.1"}))
    with pytest.raises(UsageError, match=r"made by Attentif 9\.1 \(run format 3\).*use that version, or .*--overwrite"):
        run.check()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}'])
def test_damaged_description(tmp_path: Path, content: str):
    run = begin(tmp_path / "run")
    run.info.write_text(content)
    with pytest.raises(UsageError, match=r"run\.json: damaged"):
        run.check()


@pytest.mark.parametrize(
    "content", [None, "", "data", "data: 3", "data: {nope: 1}", "nope: {}", "data: [", "train: {epochs: many}"]
)
def test_damaged_configuration(tmp_path: Path, content: str | None):
    run = begin(tmp_path / "run")
    run.config.unlink() if content is None else run.config.write_text(content)
    with pytest.raises(UsageError, match=r"config\.yaml: damaged, this is not a usable run"):
        load_configuration(run)


def test_files_that_are_not_what_was_written_are_named(tmp_path: Path):
    run = begin(tmp_path / "run")
    run.vocabulary.mkdir()
    for name in ("source.txt", "target.txt", "target.model"):
        (run.vocabulary / name).write_text(f"{name}\n")
    run.record_vocabulary()
    run.check()
    for name in ("config.yaml", "run.json", "vocabulary/source.txt", "vocabulary/target.model"):
        path = run.path / name
        content = path.read_bytes()
        path.write_bytes(content[:-1] + b" ")
        remedy = "to train with other settings, give a copy" if "config" in name else "bring back a copy, or train anew"
        with pytest.raises(DataError, match=f"{name}: .*not what the run wrote.*{remedy}"):
            run.check()
        path.write_bytes(content)
    run.check()


def test_a_result_may_be_deleted_but_not_damaged(tmp_path: Path):
    run = begin(tmp_path / "run")
    run.append_metrics({"epoch": 1})
    run.end({"wer": 1.5})
    run.check()
    content = run.metrics.read_text()
    run.metrics.write_text(content.replace("1", "2"))
    with pytest.raises(DataError, match=r"metrics\.jsonl: is damaged or missing"):
        run.check()
    run.metrics.write_text(content)
    run.append_metrics({"epoch": 2})
    run.truncate_metrics(1)
    run.check()
    assert run.metrics.read_text() == content
    run.result.write_text('{"wer": 0.5}\n')
    with pytest.raises(DataError, match=r"result\.json: is damaged or missing"):
        run.check()
    run.result.unlink()
    run.check()


def test_a_run_without_checksums_is_readable_and_gets_them(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    run = begin(tmp_path / "run")
    run.checksums.unlink()
    run.info.write_text(json.dumps({"format": FORMAT, "attentif": __version__}))
    run.vocabulary.mkdir()
    for side in ("source", "target"):
        (run.vocabulary / f"{side}.txt").write_text("a")
    run.check()
    run.check()
    assert caplog.text.count("made by an earlier version, which kept no checksums") == 1
    run.adopt()
    run.check()
    assert run.has_vocabulary()
    (run.vocabulary / "source.txt").write_text("b")
    with pytest.raises(DataError, match=r"source\.txt"):
        run.check()


def test_a_run_whose_checksums_are_gone_is_refused(tmp_path: Path):
    run = begin(tmp_path / "run")
    run.checksums.unlink()
    with pytest.raises(DataError, match=r"checksums\.json: damaged or missing"):
        run.check()


def test_other_versions_are_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    run = begin(tmp_path / "run")
    run.adopt()
    assert not caplog.records
    before = json.loads(run.info.read_text())
    other = {**describe_environment(), "python": "3.99.1", "processors": 999}
    other["versions"] = {**other["versions"], "tensorflow": "9.9"}
    monkeypatch.setattr("pipeline.runs.directory.describe_environment", lambda: other)
    run.adopt()
    assert f"tensorflow was {before['versions']['tensorflow']}, is now 9.9" in caplog.text
    assert "need not give bit for bit" in caplog.text
    caplog.clear()
    run.adopt()
    assert not caplog.records
    run.check()
    info = json.loads(run.info.read_text())
    assert (info["python"], info["before"][0]["python"]) == ("3.99.1", before["python"])


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
    run.append_metrics({"epoch": 3, "loss": 0.5})  # again, and in its place
    assert [json.loads(line)["loss"] for line in run.metrics.read_text().splitlines()] == [0.1, 0.2, 0.5]
    run.truncate_metrics(2)
    assert [json.loads(line)["epoch"] for line in run.metrics.read_text().splitlines()] == [1, 2]


@pytest.mark.parametrize("half", ['{"epoch": 3, "lo', "{}", "3"])
def test_a_line_of_metrics_that_is_none_is_forgotten(tmp_path: Path, half: str):
    run = begin(tmp_path / "run")
    run.append_metrics({"epoch": 1})
    with run.metrics.open("a") as file:
        file.write(half)
    run.truncate_metrics(5)
    assert run.metrics.read_text() == '{"epoch": 1}\n'


def test_runs_of_earlier_versions_keep_what_these_did(tmp_path: Path):
    run = RunDirectory(tmp_path / "run")
    run.begin(Configuration())
    assert load_configuration(run) == Configuration()
    sections = yaml.safe_load(run.config.read_text())
    del sections["data"]["shares"]
    run.config.write_text(yaml.safe_dump(sections))
    assert load_configuration(run).data.shares == "hashed"
