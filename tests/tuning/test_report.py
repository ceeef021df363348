"""Table, file, importance and pictures from made-up trials."""

import csv
import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from pipeline.evaluation.scores import wilson_interval
from pipeline.pictures.heat_map import png_bytes
from pipeline.settings.configuration import Configuration
from pipeline.settings.train import Objective, TrainConfiguration
from pipeline.tuning.live_trials import LiveTrials
from pipeline.tuning.report import draw_importance, draw_trials, write_report
from pipeline.tuning.result import TrialRecord, TuningResult
from pipeline.tuning.space import make_space

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
def result(tmp_path: Path) -> TuningResult:
    trials = [
        record(n, 30 - 5 * (n % 3) + n / 100, model__units=[8, 16, 32][n % 3], data__buckets=1 + n % 8)
        for n in range(12)
    ]
    return TuningResult(tmp_path, [*trials, record(12)], SPACE)


def test_the_best_comes_first_and_failures_last(result: TuningResult):
    lines = result.table().splitlines()
    assert lines[0].split() == [
        "trial", "WER", "%", "PER", "%", "epochs", "units", "learning_rate", "attention", "buckets", "attention_units",
    ]  # fmt: skip
    assert lines[1].split() == ["02", "20.02", "5.00", "3", "32", "0.01", "none", "3", "–"]
    assert lines[-3].split()[:2] == ["12", "failed"]
    assert lines[-2] == "trial 12 failed: not enough memory"
    assert re.match(r"differences in WER are explained by model\.units \d+%, ", lines[-1])
    assert len(lines) == 16


def test_trials_as_rows(result: TuningResult):
    rows = result.to_dicts()
    assert [row["trial"] for row in rows] == [f"{n:02d}" for n in range(13)]
    assert rows[2] == {
        "trial": "02", "status": "completed", "val_wer": 20.02, "val_per": 5.005, "epochs": 3, "best_epoch": 2,
        "seconds": 1.5, "went_on_from": None, "model.units": 32, "train.learning_rate": 0.01,
        "model.attention": "none", "data.buckets": 3, "model.attention_units": None, "failure": None,
    }  # fmt: skip
    assert rows[12]["status"] == "failed"
    assert (rows[12]["val_wer"], rows[12]["failure"]) == (None, "not enough memory")
    assert {tuple(row) for row in rows} == {tuple(rows[2])}


def test_a_notebook_shows_the_best_trial_first(result: TuningResult):
    lines = result._repr_html_().split("</tr>")
    assert lines[0].startswith("<table><tr><th>trial</th><th>status</th><th>val_wer</th>")
    assert lines[1].startswith("<tr><td>02</td><td>completed</td><td>20.02</td>")
    assert lines[13].startswith("<tr><td>12</td><td>failed</td><td></td>")
    assert len(lines) == 15
    assert TuningResult(result.path, [], SPACE)._repr_html_() == "<table><tr></tr></table>"


def test_json(result: TuningResult):
    config = str(result.path / "best.yaml")
    figures = {"trials": 13, "failed": 1, "best": "02", "val_wer": 20.02}
    assert result.to_json() == {**figures, "indistinct": [], "at_the_edge": [], "config": config}


def test_files(result: TuningResult):
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


def test_the_setting_that_matters_is_found(result: TuningResult):
    shares = result.importance
    assert next(iter(shares)) == "model.units"
    assert shares["model.units"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)
    assert "epochs trained" not in shares  # the same for all


def test_too_few_trials_say_nothing(tmp_path: Path):
    few = TuningResult(tmp_path, [record(n, 30.0 + n, model__units=[8, 16][n % 2]) for n in range(5)], SPACE)
    assert few.importance == {}
    write_report(few)
    assert not (tmp_path / "importance.png").exists()
    same = TuningResult(tmp_path, [record(n, 30.0) for n in range(9)], SPACE)
    assert same.importance == {}


def test_nothing_succeeded(tmp_path: Path):
    failed = TuningResult(tmp_path, [record(0), record(1)], SPACE)
    write_report(failed)
    assert failed.best is None
    assert failed.best_configuration is None
    assert {path.name for path in tmp_path.iterdir()} == {"trials.tsv"}
    assert failed.to_json()["best"] is None


def test_pictures_name_every_setting(result: TuningResult):
    axes = draw_trials(result).axes[0]
    labels = [label.get_text().replace("\n", "") for label in axes.get_xticklabels()]
    assert labels == [*(dimension.key for dimension in SPACE.dimensions), "dev WER"]
    assert {"8", "256", "none", "null", "20.0 %"} <= {text.get_text() for text in axes.texts}
    assert len(axes.lines) == 12 + len(labels)
    bars = draw_importance(result).axes[0]
    assert "model.units" in [label.get_text() for label in bars.get_yticklabels()]


@pytest.fixture
def short(result: TuningResult) -> TuningResult:
    """Too few trials to say which settings mattered, which takes its time."""
    return dataclasses.replace(result, trials=[*result.trials[:5], result.trials[-1]])


def test_the_report_says_how_sure_it_is_and_where_to_go_on(short: TuningResult):
    few = dataclasses.replace(short, dev_size=40)
    low, high = wilson_interval(20.02, 40)
    sure = (
        f"trial 02: on 40 dev sources, WER lies between {low:.1f} and {high:.1f} % (95 %); trials 01, 04, 00, 03 cannot"
    )
    assert f"{sure} be told apart from it on this dev set" in few.table()
    assert few.to_json()["interval"] == [round(low, 4), round(high, 4)]
    assert few.to_json()["indistinct"] == ["01", "04", "00", "03"]
    more = dataclasses.replace(short, dev_size=1000)
    assert more.indistinct == []
    assert "told apart" not in more.table()
    assert short.interval is None
    assert "dev source" not in short.table()


def judged_by(result: TuningResult, objective: Objective) -> TuningResult:
    train = TrainConfiguration(objective=objective)
    space = dataclasses.replace(SPACE, configuration=dataclasses.replace(SPACE.configuration, train=train))
    return dataclasses.replace(result, space=space)


def test_with_another_objective_the_largest_may_be_the_best(short: TuningResult):
    found = judged_by(dataclasses.replace(short, dev_size=1000), "accuracy")
    assert [trial.name for trial in found.ranked] == ["03", "00", "04", "01", "02"]
    assert [trial.name for trial in found.indistinct] == ["00"]
    assert found.to_json()["val_accuracy"] == 30.03
    low, high = wilson_interval(30.03, 1000)
    assert f"trial 03: on 1,000 dev sources, accuracy lies between {low:.1f} and {high:.1f} %" in found.table()
    assert "trial 03, accuracy 30.03 % (" in found.describe_best()
    assert found.table().splitlines()[0].split()[:5] == ["trial", "accuracy", "%", "PER", "%"]


def test_of_no_share_nothing_says_how_sure_it_is(short: TuningResult):
    found = judged_by(dataclasses.replace(short, dev_size=1000), "bleu")
    assert (found.interval, found.indistinct) == (None, [])
    assert "trial 03, BLEU 30.03 (" in found.describe_best()


def test_one_item_and_one_trial_that_is_alike(result: TuningResult):
    two = dataclasses.replace(result, trials=[record(0, 0.0), record(1, 0.0)], dev_size=1)
    assert "on 1 dev source, WER" in two.table()
    assert "; trial 01 cannot be told apart" in two.table()


def test_a_value_at_the_end_of_its_range_is_named(short: TuningResult):
    best = record(20, 1.0, train__learning_rate=0.1, model__units=16)
    found = dataclasses.replace(short, trials=[*short.trials[:4], best])
    assert found.to_json()["at_the_edge"] == ["train.learning_rate"]
    assert "train.learning_rate 0.1 is about the largest tried; widen the space there" in found.table()
    alone = dataclasses.replace(short, trials=[best])
    assert alone.edges == []


def test_all_trials_so_far_after_each(short: TuningResult, capsys: pytest.CaptureFixture[str]):
    show = LiveTrials()
    show(dataclasses.replace(short, trials=short.trials[:1]))
    show(short)
    said = capsys.readouterr().err
    assert "best of 1 trial so far: trial 00, WER 30.00 % (model.units 8" in said
    assert "best of 6 trials so far: trial 02, WER 20.02 % (model.units 32" in said
    assert said.count("trial 12 failed: not enough memory") == 1
    failed = dataclasses.replace(short, trials=short.trials[-1:])
    assert failed.describe_best() == "no trial has succeeded so far"


def test_a_notebook_shows_them_in_one_place(short: TuningResult, monkeypatch: pytest.MonkeyPatch):
    shown: list[str] = []

    class Handle:
        def update(self, content: dict[str, str], raw: bool) -> None:
            shown[-1] = content["text/plain"]

    def display(content: dict[str, str], raw: bool, display_id: bool) -> Handle:
        shown.append(content["text/plain"])
        return Handle()

    monkeypatch.setattr("pipeline.tuning.live_trials.in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", display)
    show = LiveTrials()
    for count in (1, 6):
        show(dataclasses.replace(short, trials=short.trials[:count]))
    assert len(shown) == 1
    assert shown[0].startswith("best of 6 trials so far")


def test_settings_are_drawn_literally(tmp_path: Path):
    files = ["$HOME/a_1$.tsv", "$\\frac{", "x" * 60]
    space = make_space({"data.train": {"choices": files}}, Configuration())
    trials = [dataclasses.replace(record(n, 30.0 - n), values={"data.train": file}) for n, file in enumerate(files)]
    figure = draw_trials(TuningResult(tmp_path, trials, space))
    png_bytes(figure)  # markup that is none would be an error
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert shown[:3] == [*files[:2], "x" * 23 + "…"]
