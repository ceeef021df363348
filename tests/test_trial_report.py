"""Table, file, importance and pictures from made-up trials."""

import csv
import re
from pathlib import Path

import pytest
import yaml

from pipeline.configuration import Configuration
from pipeline.space import make_space
from pipeline.trial_report import SearchResult, TrialRecord, draw_importance, draw_trials, write_report

SPACE = make_space(
    {
        "model.units": {"choices": [8, 16, 32, 256]},
        "train.learning_rate": {"min": 0.0001, "max": 0.1, "scale": "log"},
        "model.attention": {"choices": ["bahdanau", "none"]},
        "model.attention_units": {"choices": [None, 32], "when": {"model.attention": "bahdanau"}},
        "data.buckets": {"min": 1, "max": 8},
    },
    Configuration(),
)


def record(number: int, wer: float | None = None, **values: object) -> TrialRecord:
    chosen = {"model.units": 8, "train.learning_rate": 0.01, "model.attention": "none", "data.buckets": 2}
    chosen |= {key.replace("__", "."): value for key, value in values.items()}
    done = wer is not None
    return TrialRecord(
        name=f"{number:02d}",
        values=chosen,  # type: ignore[arg-type]
        epochs=3 if done else 0,
        best_epoch=2 if done else None,
        value=wer,
        second=wer and wer / 4,
        seconds=1.5 if done else None,
        reason=None if done else "not enough memory",
    )


@pytest.fixture
def result(tmp_path: Path) -> SearchResult:
    trials = [
        record(n, 30 - 5 * (n % 3) + n / 100, model__units=[8, 16, 32][n % 3], data__buckets=1 + n % 8)
        for n in range(12)
    ]
    return SearchResult(tmp_path, [*trials, record(12)], SPACE)


def test_the_best_comes_first_and_failures_last(result: SearchResult):
    lines = result.table().splitlines()
    assert lines[0].split() == [
        "trial", "WER", "%", "PER", "%", "epochs", "units", "learning_rate", "attention", "buckets", "attention_units",
    ]  # fmt: skip
    assert lines[1].split() == ["02", "20.02", "5.00", "3", "32", "0.01", "none", "3", "–"]
    assert lines[-3].split()[:2] == ["12", "failed"]
    assert lines[-2] == "trial 12 failed: not enough memory"
    assert re.match(r"differences in WER are explained by model\.units \d+%, ", lines[-1])
    assert len(lines) == 16


def test_json(result: SearchResult):
    config = str(result.path / "best.yaml")
    assert result.to_json() == {"trials": 13, "failed": 1, "best": "02", "val_wer": 20.02, "config": config}


def test_files(result: SearchResult):
    write_report(result)
    best = yaml.safe_load((result.path / "best.yaml").read_text(encoding="utf-8"))
    assert (best["model"]["units"], best["train"]["learning_rate"], best["data"]["buckets"]) == (32, 0.01, 3)
    with open(result.path / "trials.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["trial"] for row in rows] == [f"{n:02d}" for n in range(13)]
    assert (rows[2]["val_wer"], rows[2]["model.units"], rows[2]["model.attention_units"]) == ("20.02", "32", "")
    assert rows[12]["failure"] == "not enough memory"
    assert {path.name for path in result.path.iterdir()} == {
        "best.yaml", "trials.tsv", "trials.png", "importance.png", "logs",
    }  # fmt: skip


def test_the_setting_that_matters_is_found(result: SearchResult):
    shares = result.importance
    assert next(iter(shares)) == "model.units"
    assert shares["model.units"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)
    assert "epochs trained" not in shares  # the same for all


def test_too_few_trials_say_nothing(tmp_path: Path):
    few = SearchResult(tmp_path, [record(n, 30.0 + n, model__units=[8, 16][n % 2]) for n in range(5)], SPACE)
    assert few.importance == {}
    write_report(few)
    assert not (tmp_path / "importance.png").exists()
    same = SearchResult(tmp_path, [record(n, 30.0) for n in range(9)], SPACE)
    assert same.importance == {}


def test_nothing_succeeded(tmp_path: Path):
    failed = SearchResult(tmp_path, [record(0), record(1)], SPACE)
    write_report(failed)
    assert failed.best is None
    assert failed.best_configuration is None
    assert {path.name for path in tmp_path.iterdir()} == {"trials.tsv"}
    assert failed.to_json()["best"] is None


def test_pictures_name_every_setting(result: SearchResult):
    axes = draw_trials(result).axes[0]
    labels = [label.get_text().replace("\n", "") for label in axes.get_xticklabels()]
    assert labels == [*(dimension.key for dimension in SPACE.dimensions), "dev WER"]
    assert {"8", "256", "none", "null", "20.0 %"} <= {text.get_text() for text in axes.texts}
    assert len(axes.lines) == 12 + len(labels)
    bars = draw_importance(result).axes[0]
    assert "model.units" in [label.get_text() for label in bars.get_yticklabels()]
