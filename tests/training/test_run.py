import dataclasses
import json
import logging
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipeline.data.run_data import record_data
from pipeline.errors import DataError, UsageError
from pipeline.evaluation.metrics import METRICS
from pipeline.monitoring import dev_report
from pipeline.monitoring.board import place_of
from pipeline.pairs.data_files import read_data_files
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.saved_models.loading import load_predictor
from pipeline.settings.configuration import Configuration
from pipeline.settings.search import SearchConfiguration
from pipeline.training import run as training
from pipeline.training.run import train
from tests.tiny_task import SIZES, TinyRun, capitals, tiny_configuration, write_pairs


@pytest.fixture(scope="module")
def short(tiny_splits: dict[str, str]) -> Configuration:
    """The tiny task, ended long before it is learnt."""
    return tiny_configuration(
        {name: tiny_splits[name] for name in ("train", "dev")}, train={"epochs": 1, "attention_samples": 0}
    )


@pytest.fixture
def without_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the epochs: no last evaluation, no export."""
    monkeypatch.setattr(training, "_finish", lambda *arguments: {})


def metrics(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def goodness(row: dict[str, Any]) -> tuple[float, ...]:
    """What decides which epoch is the best one."""
    return row["val_wer"], row["val_per"], row["val_loss"]


# What a finished run leaves behind


def test_it_learns(tiny_run: TinyRun):
    assert tiny_run.result["split"] == "test"
    assert tiny_run.result["n"] == SIZES["test"]
    assert tiny_run.result["wer"] <= 10
    assert tiny_run.result["per"] <= 3
    assert f"test (beam 3): WER {tiny_run.result['wer']:.2f} %" in tiny_run.log
    rows = {row["epoch"]: row for row in metrics(tiny_run.path)}
    best = min(rows.values(), key=goodness)
    end = {"best_epoch": best["epoch"], "val_wer": round(best["val_wer"], 4), "epochs": len(rows), "ended": "epochs"}
    assert {key: tiny_run.result[key] for key in end} == end
    assert f"best epoch {best['epoch']} (dev WER {best['val_wer']:.2f} %), ended after epoch 10 of 10" in tiny_run.log
    assert "training 29,961 parameters on 500 pairs, 10 epochs of 25 batches" in tiny_run.log


def test_figures_of_every_epoch(tiny_run: TinyRun):
    rows = metrics(tiny_run.path)
    assert [row["epoch"] for row in rows] == list(range(1, tiny_run.configuration.train.epochs + 1))
    assert set(rows[0]) == {
        *("epoch", "loss", "accuracy", "tokens", "tokens_per_second", "learning_rate", "seconds"),
        *("val_loss", "val_accuracy", "val_wer", "val_per", "val_limited"),
    }
    with open(tiny_run.configuration.data.train, encoding="utf-8") as file:
        symbols = sum(len(line.split("\t")[1].split()) + 1 for line in file)
    assert {row["tokens"] for row in rows} == {symbols}
    assert all(row["tokens_per_second"] > 0 and row["seconds"] > 0 for row in rows)
    first, last = rows[0], rows[-1]
    assert last["loss"] < first["loss"] / 2
    assert last["val_loss"] < first["val_loss"] / 5
    assert last["val_accuracy"] > 0.9 > first["val_accuracy"]
    assert last["val_wer"] <= 10 < first["val_wer"]
    assert last["learning_rate"] == pytest.approx(0.01 * tiny_run.configuration.train.learning_rate)


def test_what_lies_where(tiny_run: TinyRun):
    run = RunDirectory(tiny_run.path)
    assert {path.name for path in run.path.iterdir()} == {
        *("README.md", "config.yaml", "run.json", "data.json", "metrics.jsonl", "result.json"),
        "checksums.json",
        "limits.json",
        *("vocabulary", "data", "checkpoints", "attention", "logs", "export", ".lock"),
    }
    assert load_configuration(run) == tiny_run.configuration
    assert json.loads(run.result.read_text()) == tiny_run.result
    assert sorted((run.vocabulary / "source.txt").read_text(encoding="utf-8").split()[4:]) == sorted("abé東ß")
    best = min(metrics(run.path), key=goodness)
    found = Checkpoints(run.checkpoints).best()
    assert found
    assert (found[0].epoch, found[0].best_value) == (best["epoch"], best["val_wer"])


def test_pictures(tiny_run: TinyRun):
    pictures = sorted((tiny_run.path / "attention").iterdir())
    assert [path.name for path in pictures] == ["01.png", "02.png", "03.png"]
    for path in pictures:
        assert tf.image.decode_png(path.read_bytes()).shape[0] > 100


def test_tensorboard_has_it_all(tiny_run: TinyRun):
    rows = metrics(tiny_run.path)
    best = min(rows, key=goodness)["epoch"]
    events = {
        name: EventAccumulator(str(tiny_run.path / "logs" / name), {"tensors": 0})
        for name in ("train", "dev", "exported")
    }
    for accumulator in events.values():
        accumulator.Reload()

    def series(run: str, tag: str, plugin: str, steps: list[int]) -> list[Any]:
        assert events[run].SummaryMetadata(tag).plugin_data.plugin_name == plugin
        assert [event.step for event in events[run].Tensors(tag)] == steps
        return [tf.make_ndarray(event.tensor_proto) for event in events[run].Tensors(tag)]

    epochs = [row["epoch"] for row in rows]
    places = {name: place_of(name) for name in rows[0] if name not in ("epoch", "seconds")}
    heat_maps = {"heat_maps/01", "heat_maps/02", "heat_maps/03"}
    own = {
        "train": {"step/loss", "step/learning_rate", "step/gradient_norm", "settings"},
        "dev": {"_hparams_/session_start_info", "result/wer", "result/per", "predictions", *heat_maps},
        "exported": {"predictions", *heat_maps},
    }
    for run, accumulator in events.items():
        assert set(accumulator.Tags()["tensors"]) == own[run] | {tag for of, tag in places.values() if of == run}
    for name, (run, tag) in places.items():
        np.testing.assert_allclose(series(run, tag, "scalars", epochs), [row[name] for row in rows], rtol=1e-5)
    assert series("dev", "result/wer", "scalars", [best]) == [pytest.approx(rows[best - 1]["val_wer"])]
    drawn = [event.step for event in events["dev"].Tensors("heat_maps/01")]
    assert drawn[0] == 1
    assert set(drawn) <= set(epochs)  # as many as there is time for
    for width, height, png in series("dev", "heat_maps/01", "images", drawn):
        assert tf.image.decode_png(png).shape[:2] == [int(height), int(width)]
    tables = [table.item().decode() for table in series("dev", "predictions", "text", epochs)]
    assert tables[-1].startswith("| source | prediction | references | |\n|---|")
    assert tables[-1].count("\n") == 1 + dev_report.TABLE_ROWS
    assert tables[-1].count("✓") > tables[0].count("✓")
    assert series("train", "step/loss", "scalars", list(range(50, 251, 50)))
    assert b"learning_rate: 0.02" in series("train", "settings", "text", [0])[0].item()
    [width, _, png] = series("exported", "heat_maps/01", "images", [best])[0]
    # TensorBoard's is of the size at which it is shown.
    in_run = tf.image.decode_png((tiny_run.path / "attention" / "01.png").read_bytes())
    assert tf.image.decode_png(png).shape[1] == int(width) != in_run.shape[1]


# The same command again


def test_a_finished_run_is_not_trained_again(tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(training, "fit")
    assert train(tiny_run.configuration, tiny_run.path) == tiny_run.result


def test_another_configuration_is_refused(tiny_run: TinyRun):
    other = tiny_configuration(
        {"train": tiny_run.configuration.data.train, "dev": str(tiny_run.configuration.data.dev)},
        train={"epochs": 11},
        model={"cell": "lstm"},
    )
    with pytest.raises(UsageError) as caught:
        train(other, tiny_run.path)
    message = str(caught.value)
    assert "train.epochs was 10, is now 11" in message
    assert "model.cell was 'gru', is now 'lstm'" in message
    assert "data.test was " in message
    assert message.count(" was ") == 3
    assert message.endswith("choose another --run, or replace it with --overwrite")


@pytest.mark.usefixtures("without_finish")
def test_overwrite_replaces_a_run(short: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fitted = []
    monkeypatch.setattr(training, "fit", lambda configuration, *_, **options: fitted.append(configuration))
    run = tmp_path / "run"
    train(short, run)
    (run / "checkpoints").mkdir()
    (run / "served").mkdir()
    # Wrong data cost nothing: the run that is there stays.
    wrong = dataclasses.replace(short, data=dataclasses.replace(short.data, train=str(tmp_path / "typo.tsv")))
    with pytest.raises(DataError, match="no such file"):
        train(wrong, run, overwrite=True)
    assert load_configuration(RunDirectory(run)) == short
    other = dataclasses.replace(short, train=dataclasses.replace(short.train, seed=2))
    train(other, run, overwrite=True)
    assert fitted == [short, other]
    assert not (run / "checkpoints").exists()
    assert load_configuration(RunDirectory(run)) == other
    assert (run / "served").exists()  # not a run's
    # Only a run is replaced.
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(UsageError, match="exists and is not a run"):
        train(short, tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()


# Other endings, other data


def move_splits(configuration: Configuration, folder: Path) -> Configuration:
    """The same data elsewhere, under other names."""
    folder.mkdir()
    places = {name: str(folder / f"# {name} é.tsv") for name in ("train", "dev", "test")}
    for name, place in places.items():
        shutil.copy(getattr(configuration.data, name), place)
    return dataclasses.replace(configuration, data=dataclasses.replace(configuration.data, **places))


def test_a_finished_run_is_found_where_its_data_have_moved(
    tiny_run: TinyRun, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    run = Path(shutil.copytree(tiny_run.path, tmp_path / "run"))
    moved = move_splits(tiny_run.configuration, tmp_path / "moved")
    caplog.set_level(logging.INFO)
    assert train(moved, run) == tiny_run.result
    for name in ("train", "dev", "test"):
        assert f"data.{name} moved from {getattr(tiny_run.configuration.data, name)} to" in caplog.text
    assert "finished before, nothing to do" in caplog.text
    # Nothing was written: it may lie where nothing can be.
    assert load_configuration(RunDirectory(run)) == tiny_run.configuration
    with open(moved.data.test or "", "a") as file:
        file.write("b\tX\n")
    with pytest.raises(UsageError, match=r"data\.test was .*, is now .*, of other content"):
        train(moved, run)


def test_an_unfinished_run_goes_on_where_its_data_have_moved(
    tiny_run: TinyRun, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    run = Path(shutil.copytree(tiny_run.path, tmp_path / "run"))
    (run / "result.json").unlink()
    moved = move_splits(tiny_run.configuration, tmp_path / "moved")
    monkeypatch.setattr("pipeline.training.run.fit", lambda *arguments, **options: None)
    monkeypatch.setattr("pipeline.training.run._finish", lambda *arguments: {})
    caplog.set_level(logging.INFO)
    ids = (run / "data" / "train" / "manifest.json").stat().st_mtime_ns
    assert train(moved, run) == {}
    assert caplog.text.count("data.train moved from") == 1
    # The settings say where the data are now, and the ids, which are the same, stay.
    assert load_configuration(RunDirectory(run)) == moved
    assert (run / "data" / "train" / "manifest.json").stat().st_mtime_ns == ids
    RunDirectory(run).check()
    assert train(moved, run) == {}
    assert caplog.text.count("data.train moved from") == 1
    Path(moved.data.train).write_text("a\tA\n" * 9)
    with pytest.raises(UsageError, match=r"changed since the run .* began; bring the former content back"):
        train(moved, run)
    Path(moved.data.train).unlink()
    with pytest.raises(DataError, match="no such file; check the path"):
        train(moved, run)


def test_a_finished_run_whose_data_were_replaced_or_are_gone(tiny_run: TinyRun, tmp_path: Path):
    run = Path(shutil.copytree(tiny_run.path, tmp_path / "run"))
    moved = move_splits(tiny_run.configuration, tmp_path / "moved")
    RunDirectory(run).recorded.write({run / "config.yaml": moved.to_yaml()})
    record_data(RunDirectory(run), read_data_files(moved))
    dev = Path(moved.data.dev or "")
    dev.write_text("a\tA\n")
    with pytest.raises(UsageError, match="changed since the run"):
        train(moved, run)
    dev.unlink()
    assert train(moved, run) == tiny_run.result


@pytest.mark.slow
def test_an_interrupted_last_evaluation_is_done_again(tiny_run: TinyRun, tmp_path: Path):
    run = Path(shutil.copytree(tiny_run.path, tmp_path / "run"))
    shutil.rmtree(run / "export")
    (run / "result.json").unlink()
    assert train(tiny_run.configuration, run) == tiny_run.result
    assert len(metrics(run)) == tiny_run.configuration.train.epochs
    assert load_predictor(run / "export").predict(["aß"])[0].texts == ["A S S"]


@pytest.mark.slow
def test_without_dev_and_test_some_of_train_are_held_out(tiny_splits: dict[str, str], tmp_path: Path):
    configuration = tiny_configuration(
        {"train": tiny_splits["train"]},
        data={"dev_size": 30},
        model={"units": 4, "attention": "none", "fast": False},
        train={"epochs": 1},
    )
    result = train(configuration, tmp_path / "run")
    assert (result["split"], result["n"]) == ("dev", 30)
    assert not (tmp_path / "run" / "attention").exists()  # there is none to draw
    assert (tmp_path / "run" / "export" / "saved_model.pb").exists()
    assert np.fromfile(tmp_path / "run" / "data" / "train" / "lines.bin", np.int64).size == SIZES["train"] - 30
    assert np.fromfile(tmp_path / "run" / "data" / "dev" / "lines.bin", np.int64).size == 30


@pytest.mark.usefixtures("without_finish")
@pytest.mark.slow
def test_dev_pairs_longer_than_all_of_train_have_no_loss(
    tiny_splits: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    dev = write_pairs(tmp_path / "dev.tsv", [("ab" * 8, capitals("ab" * 8)), ("é" * 16, capitals("é" * 16))])
    small = {"units": 4, "fast": False}
    configuration = tiny_configuration({"train": tiny_splits["train"], "dev": dev}, model=small, train={"epochs": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        train(configuration, tmp_path / "run")
    assert "dev: 2 pairs are longer than every training pair: left out of the dev loss" in caplog.text
    [row] = metrics(tmp_path / "run")
    assert "val_loss" not in row
    assert row["val_wer"] == 100


def test_runs_of_earlier_versions_go_on_with_their_own_defaults(tmp_path: Path):
    run = RunDirectory(tmp_path / "run")
    run.begin(Configuration())
    now = Configuration(search=SearchConfiguration(length_offset=3))
    assert training.keep_earlier_defaults(now, run) == now
    sections = Configuration(search=SearchConfiguration(length_ratio=1.5, length_offset=10)).to_dict()
    del sections["data"]["shares"]
    run.config.write_text(yaml.safe_dump(sections))
    kept = training.keep_earlier_defaults(now, run)
    assert (kept.search.length_ratio, kept.search.length_offset, kept.data.shares) == (1.5, 3, "hashed")


def test_more_epochs_of_a_finished_run_are_refused_with_what_is_possible(tiny_run: TinyRun):
    configuration = tiny_run.configuration
    longer = dataclasses.replace(configuration, train=dataclasses.replace(configuration.train, epochs=12))
    with pytest.raises(UsageError, match=r"finished with train\.epochs 10, .* --train\.init_from .* trains on"):
        train(longer, tiny_run.path)


def test_a_run_in_a_store_is_exported(short: Configuration):
    with pytest.raises(UsageError, match="s3://bucket/run: a run in a store is exported there; leave --no-export out"):
        train(short, "s3://bucket/run", export=False)


@pytest.mark.slow
@pytest.mark.parametrize(("objective", "tie"), [("bleu", "chrf"), ("accuracy", "per")])
def test_what_decides_is_a_setting(short: Configuration, tmp_path: Path, objective: str, tie: str):
    train_settings = dataclasses.replace(short.train, objective=objective, epochs=2)
    result = train(dataclasses.replace(short, train=train_settings), tmp_path / "run", export=False)
    assert not (tmp_path / "run" / "export").exists()
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    decide = [METRICS[name] for name in (objective, tie)]
    best = min(lines, key=lambda line: [metric.to_minimize(line[metric.log_name]) for metric in decide])
    assert result["best_epoch"] == best["epoch"]
    assert result[f"val_{objective}"] == pytest.approx(best[f"val_{objective}"], abs=1e-4)
    assert set(result) >= {"wer", "per"}  # of symbols, as ever
    with pytest.raises(UsageError, match=r"train\.objective was '"):
        train(dataclasses.replace(short, train=dataclasses.replace(train_settings, objective=None)), tmp_path / "run")
