"""Studies: what is refused, which learning rate is chosen, and one with real, tiny trainings, killed and gone on."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.commands.main import main
from pipeline.errors import CircumstanceError, TrainingError, UsageError
from pipeline.runs.checkpoints import Checkpoints, TrainingState
from pipeline.runs.directory import RunDirectory
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.settings.study import StudyConfiguration
from pipeline.study.directory import StudyDirectory, begin_study
from pipeline.study.equal_size import fixed_context
from pipeline.study.jobs import Failure, Job
from pipeline.study.length import (
    ATTENTION,
    _choose,
    _order,
    _require_different,
    _require_usable,
    _train,
    study_length,
)
from tests.tiny_task import tiny_configuration


def begun(path: Path) -> StudyDirectory:
    directory = StudyDirectory(path / "study")
    begin_study(directory, Configuration())
    return directory


def pretend_trained(directory: StudyDirectory, name: str, wer: float, per: float) -> None:
    run = RunDirectory(directory.runs / name)
    run.begin(Configuration())
    run.append_metrics({"epoch": 1, "val_wer": wer, "val_per": per, "seconds": 2.0})
    Checkpoints(run.checkpoints).save(TrainingState(epoch=1, best_epoch=1), lambda path: path.write_bytes(b""))
    run.result.write_text("{}", encoding="utf-8")


def test_rates_are_factors_and_runs_are_called_by_them():
    orders = [_order(ATTENTION, Configuration(), factor, 4) for factor in (1, 0.333, 3)]
    assert [order.configuration.train.learning_rate for order in orders] == [0.003, 0.001, 0.009]
    assert [order.configuration.train.seed for order in orders] == [4, 4, 4]
    assert orders[1].name == "attention-rate-0.001-seed-4"


def test_the_rate_with_the_best_dev_metric_is_chosen(tmp_path: Path):
    directory = begun(tmp_path)
    orders = [_order(ATTENTION, Configuration(), factor, 1) for factor in (1, 2, 3, 4)]
    for order, wer, per in zip(orders, (30.0, 20.0, 20.0), (9.0, 8.0, 7.0), strict=False):
        pretend_trained(directory, order.name, wer, per)
    assert _choose(directory, orders) == orders[2]  # equal WER is decided by PER; the last one failed
    with pytest.raises(TrainingError, match="attention: no training succeeded"):
        _choose(directory, orders[3:])


def test_a_training_that_failed_is_not_tried_in_vain(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    directory = begun(tmp_path)
    broken = replace_settings(Configuration(), {"data.train": str(tmp_path / "missing.tsv")})
    order = _order(ATTENTION, broken, 1, 1)
    directory.failure(order.name).write_text("the loss is not a number\n", encoding="utf-8")
    assert _train(directory, [order], workers=1) == {order.name: "the loss is not a number"}
    assert f"delete {directory.failure(order.name)} to try again" in caplog.text


def test_what_failed_for_want_of_room_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    directory = begun(tmp_path)
    orders = [_order(ATTENTION, Configuration(), factor, 1) for factor in (1, 2)]
    tried: list[str] = []

    def fail(jobs: list[Job], workers: int) -> dict[str, Failure]:
        tried.extend(job.name for job in jobs)
        found = {orders[0].name: Failure("the checkpoint cannot be written (No space left on device)", True)}
        return found | {orders[1].name: Failure("the training diverges", False)}

    monkeypatch.setattr("pipeline.study.length.run_jobs", fail)
    with pytest.raises(CircumstanceError, match=r"No space left on device\); then the same study goes on, with these"):
        _train(directory, orders, workers=1)
    assert tried == [order.name for order in orders]
    with pytest.raises(CircumstanceError):
        _train(directory, orders, workers=1)
    # What its settings are at fault for is named, not tried in vain.
    assert tried[2:] == [orders[0].name]
    assert directory.failure(orders[1].name).read_text() == "the training diverges\n"
    assert not directory.failure(orders[0].name).exists()


def test_a_training_that_had_other_data_is_not_compared(tmp_path: Path):
    directory = begun(tmp_path)
    order = _order(ATTENTION, Configuration(), 1, 1)
    pretend_trained(directory, order.name, 30.0, 9.0)
    run = RunDirectory(directory.runs / order.name)
    run.data_info.write_text(json.dumps(json.loads(directory.info.read_text())["files"]))
    assert _train(directory, [order], workers=1) == {}
    run.data_info.write_text(run.data_info.read_text().replace(': "', ': "0'))
    with pytest.raises(UsageError, match=rf"\({order.name}\): changed since the study .*other data"):
        _train(directory, [order], workers=1)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param({"coverage": True}, marks=pytest.mark.slow),
        pytest.param({"attention": "multi_head_bahdanau"}, marks=pytest.mark.slow),
        pytest.param({"attention": "luong_dot"}, marks=pytest.mark.slow),
        {"cell": "conditional_gru", "tied_embeddings": True},
    ],
    ids=lambda kind: "-".join(kind),
)
def test_every_kind_has_a_twin_of_equal_size_with_a_fixed_context(kind: dict[str, object]):
    from pipeline.study.equal_size import count_parameters

    base = tiny_configuration({}, model={"units": 40, "embedding_units": 8, **kind})
    fixed = fixed_context(base, (9, 9))
    sizes = [count_parameters(configuration.model, 9, 9) for configuration in (base, fixed)]
    assert (fixed.model.attention, fixed.model.coverage) == ("none", False)
    assert abs(sizes[1] / sizes[0] - 1) <= 0.1


def test_rates_that_come_out_equal_are_refused():
    base = replace_settings(Configuration(), {"train.learning_rate": 0.003})
    orders = [_order(ATTENTION, base, factor, 1) for factor in (1, 0.3333, 0.3334)]
    with pytest.raises(UsageError, match=r"several of them are the learning rate 0\.001"):
        _require_different(orders)
    _require_different(orders[:2])


def test_a_study_of_an_earlier_version_goes_on(tmp_path: Path):
    directory = begun(tmp_path)
    info = json.loads(directory.info.read_text(encoding="utf-8"))
    del info["configuration"]["model.coverage"]
    directory.info.write_text(json.dumps(info), encoding="utf-8")
    begin_study(directory, Configuration())
    with pytest.raises(UsageError, match=r"model\.coverage was False, is now True"):
        begin_study(directory, replace_settings(Configuration(), {"model.coverage": True}))


def test_dev_pairs_are_asked_for():
    own = {"data.train": "pairs.tsv", "data.test": "test.tsv"}
    with pytest.raises(UsageError, match=r"data.dev: null is impossible"):
        _require_usable(replace_settings(Configuration(), own))


def test_the_fixed_context_gets_units_for_equal_size(caplog: pytest.LogCaptureFixture):
    from pipeline.study.equal_size import count_parameters

    caplog.set_level("INFO", logger="pipeline")
    base = tiny_configuration({}, model={"units": 20, "embedding_units": 4, "attention_units": 200})
    fixed = fixed_context(base, (9, 9))
    sizes = [count_parameters(configuration.model, 9, 9) for configuration in (base, fixed)]
    assert fixed.model.attention == "none"
    assert fixed.model.units > 20
    assert fixed.model.units % 2 == 0
    assert abs(sizes[1] / sizes[0] - 1) <= 0.1
    assert "model.units is" in caplog.text
    assert replace_settings(fixed, {"model.attention": "bahdanau", "model.units": 20}) == base


def test_another_study_is_refused_and_replaced(tmp_path: Path):
    directory = begun(tmp_path)
    begin_study(directory, replace_settings(Configuration(), {"train.seed": 9}))  # not what makes a study
    other = replace_settings(Configuration(), {"model.units": 8})
    with pytest.raises(UsageError, match=r"model.units was 256, is now 8"):
        begin_study(directory, other)
    (directory.runs / "old").mkdir()
    begin_study(directory, other, overwrite=True)
    assert not (directory.runs / "old").exists()
    (tmp_path / "precious").touch()
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="exists and is not a study"):
            begin_study(StudyDirectory(tmp_path), other, overwrite)
    assert (tmp_path / "precious").exists()


def test_what_cannot_be_compared_is_refused(tiny_splits: dict[str, str]):
    configuration = tiny_configuration(tiny_splits)
    _require_usable(configuration)
    with pytest.raises(UsageError, match=r"model\.attention: 'none'"):
        _require_usable(replace_settings(configuration, {"model.attention": "none"}))
    with pytest.raises(UsageError, match=r"data\.test: null"):
        _require_usable(replace_settings(configuration, {"data.test": None}))


def is_alive(process: int) -> bool:
    status = Path(f"/proc/{process}/status")
    return status.is_file() and "\nState:\tZ" not in status.read_text()


@pytest.mark.slow
def test_killed_it_goes_on_and_reports(tiny_splits: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    model, train = {"units": 8, "embedding_units": 4, "fast": False}, {"epochs": 1, "attention_samples": 0}
    configuration = tiny_configuration(tiny_splits, model=model, train=train)
    configuration.save(tmp_path / "tiny.yaml")
    run = tmp_path / "study"
    command = [sys.executable, "-m", "pipeline", "study", "length", "--config", str(tmp_path / "tiny.yaml")]
    command += ["--run", str(run), "--study.rates", "1", "--study.seeds", "3", "--study.samples", "50"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as study:
        while not list((run / "logs").glob("*.log")):
            assert study.poll() is None
            time.sleep(0.05)
        found = subprocess.run(["pgrep", "-P", str(study.pid)], capture_output=True, text=True, check=False)
        # The training, and the companion that would say how the study ended.
        children = list(map(int, found.stdout.split()))
        assert children
        study.send_signal(signal.SIGKILL)
    for _ in range(600):
        if not any(map(is_alive, children)):
            break
        time.sleep(0.1)
    assert not any(map(is_alive, children)), "the killed study's training goes on"
    assert main(command[3:]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert sum(part["n"] for part in last["fifths"]) == last["all"]["n"] == 60
    assert last["seeds"] == [3]
    for kind in ("fixed", "attention"):
        trained = json.loads((run / "runs" / f"{kind}-rate-0.02-seed-3" / "result.json").read_text(encoding="utf-8"))
        assert last["all"][kind]["value"] == pytest.approx(100 - trained["wer"], abs=0.01)
    assert {f"length.{end}" for end in ("json", "tsv", "md", "png")} <= {path.name for path in run.iterdir()}
    before = {path: path.stat().st_mtime_ns for path in run.rglob("metrics.jsonl")}
    how = StudyConfiguration(rates="1", seeds="3", samples=50)
    again = study_length(configuration, how, run).to_json()
    assert again["all"]["attention"]["value"] == last["all"]["attention"]["value"]
    assert before == {path: path.stat().st_mtime_ns for path in run.rglob("metrics.jsonl")}
