"""Both directions: two runs beside each other, what is missing is trained, what is another's is refused."""

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.commands.main import main
from pipeline.commands.train import parse
from pipeline.data.run_data import record_data
from pipeline.defaults.reverse import reverse
from pipeline.errors import TrainingError, UsageError
from pipeline.pairs.data_files import read_data_files
from pipeline.runs.directory import RunDirectory
from pipeline.saved_models.way_back import find_way_back, load_round_trip, open_round_trip
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.study import both as both_module
from pipeline.study import seeds as seeds_module
from pipeline.study.both import train_both
from pipeline.study.jobs import Failure, Job
from tests.tiny_task import TinyRun


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What is trained; in the place of every training stands its result."""
    names: list[list[str]] = []

    def run_jobs(jobs: Sequence[Job], workers: int, told: tuple[str, ...]) -> dict[str, Failure]:
        names.append([job.name for job in jobs])
        for job in jobs:
            parsed = parse(job.arguments[1:])
            finish(parsed.run, parsed.configuration, parsed.overwrite)
        return {}

    for module in (both_module, seeds_module):
        monkeypatch.setattr(module, "run_jobs", run_jobs)
        monkeypatch.setattr(module, "usable_cores", lambda: 2)
    figures = {"val_wer": 5.0, "val_per": 1.0, "val_loss": 1.0, "seconds": 3.0}
    monkeypatch.setattr(seeds_module, "read_figures", lambda run: figures)
    return names


def finish(path: Path, configuration: Configuration, overwrite: bool = False) -> None:
    run = RunDirectory(path)
    run.begin(configuration, overwrite)
    record_data(run, read_data_files(configuration))
    result = {"split": "test", "n": 3, "wer": 10.0, "per": 2.0, "best_epoch": 1, "val_wer": 5.0}
    run.end({**result, "columns": configuration.data.columns})


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words of a command."""
    monkeypatch.chdir(tmp_path)
    Path("pairs.tsv").write_text("abc\ta b c\nba\tb a\ncab\tc a b\n" * 9)
    return ["train", "pairs.tsv", "--both"]


def test_two_ordinary_runs_are_made_and_found(
    train: list[str], begun: list[list[str]], capsys: pytest.CaptureFixture[str]
):
    assert main(train) == 0
    assert begun == [["pairs", "pairs-back"]]
    said = capsys.readouterr()
    result = json.loads(said.out.splitlines()[-1])
    assert result["source_to_target"]["run"] == "runs/pairs"
    assert result["source_to_target"]["columns"] is None
    assert result["target_to_source"]["run"] == "runs/pairs-back"
    assert result["target_to_source"]["columns"] == {"source": 2, "target": 1}
    assert "| target → source | runs/pairs-back | 1 | 10.00 | 2.00 |\n" in said.out
    assert "predict runs/pairs FILE --round-trip" in said.err
    assert "data.dev is null: each direction holds out pairs of its own" in said.err
    # Again: nothing is left to do, with and without the name, nor for each by itself.
    assert main(train) == main([*train, "--run", "runs/pairs"]) == 0
    assert begun[1:] == [[], []]
    assert parse(["pairs.tsv"]).run == Path("runs/pairs")
    # The way back alone, as after a kill.
    shutil.rmtree("runs/pairs-back")
    assert main([*train, "--run", "runs/pairs"]) == 0
    assert begun[3:] == [["pairs-back"]]
    assert main([*train, "--overwrite"]) == 0
    assert begun[4:] == [["pairs", "pairs-back"]]


def test_settings_of_the_way_back_stay_when_it_goes_on(train: list[str], begun: list[list[str]]):
    run = ["--run", "runs/mine"]
    back = replace_settings(parse([*train[1:], *run]).back, {"model.dropout": 0.11})
    finish(Path("runs/mine-back"), back)
    assert main([*train, *run]) == 0
    assert begun == [["mine"]]
    assert main([*train, *run, "--model.dropout", "0.3"]) == 2
    assert main([*train, *run, "--model.dropout", "0.3", "--overwrite"]) == 0


def test_the_next_name_is_free_for_both(train: list[str], begun: list[list[str]], caplog: pytest.LogCaptureFixture):
    finish(Path("runs/pairs-back"), Configuration())
    with caplog.at_level(logging.INFO):
        parsed = parse(train[1:])
    assert parsed.run == Path("runs/pairs-2")
    assert "the run is runs/pairs-2, for runs/pairs-back holds another training (" in caplog.text
    assert parse(["pairs.tsv"]).run == Path("runs/pairs")
    with pytest.raises(UsageError, match=r"runs/pairs-back: holds a run of another configuration"):
        train_both(parsed.configuration, "runs/pairs")
    Path("runs/x-back").mkdir()
    Path("runs/x-back/notes").touch()
    with pytest.raises(UsageError, match="runs/x-back: exists and is not a run"):
        train_both(parsed.configuration, "runs/x", overwrite=True)
    assert begun == []


def test_seeds_of_both(train: list[str], begun: list[list[str]], capsys: pytest.CaptureFixture[str]):
    assert main([*train, "--seeds", "2"]) == 0
    assert begun == [["seed-1", "seed-2"]] * 2
    said = capsys.readouterr()
    result = json.loads(said.out.splitlines()[-1])
    assert result["target_to_source"]["ensemble"] == "runs/pairs-back/seed-1,runs/pairs-back/seed-2"
    assert "predict runs/pairs/seed-1,runs/pairs/seed-2 FILE --round-trip" in said.err
    assert find_way_back(Path("runs/pairs/seed-1,runs/pairs/seed-2")) == Path(result["target_to_source"]["ensemble"])
    assert main([*train, "--seeds", "2"]) == 0
    assert begun[2:] == [[], []]


def test_one_that_fails_is_named(train: list[str], monkeypatch: pytest.MonkeyPatch):
    failures = {"pairs-back": Failure("no room", try_again=False)}
    monkeypatch.setattr(both_module, "run_jobs", lambda *_, **options: failures)
    with pytest.raises(TrainingError, match=r"pairs-back: no room \(the same command tries again\)"):
        train_both(parse(train[1:]).configuration, "runs/pairs")


def test_the_way_back_is_found_beside(train: list[str], begun: list[list[str]]):
    main(train)
    assert find_way_back(Path("runs/pairs")) == Path("runs/pairs-back")
    assert find_way_back(Path("runs/pairs-back")) == Path("runs/pairs")
    for run in ("pairs", "pairs-back"):
        Path("runs", run, "export").mkdir()
    assert find_way_back(Path("runs/pairs/export")) == Path("runs/pairs-back/export")
    Path("small").mkdir()
    with pytest.raises(UsageError, match=r"small has no way back beside it \(small-back, .* --round-trip=BACK"):
        find_way_back(Path("small"))
    Path("small-back").mkdir()
    assert find_way_back(Path("small")) == Path("small-back")


def test_what_only_has_the_name_of_a_way_back_is_refused(train: list[str], begun: list[list[str]]):
    main(train)
    there = parse(["pairs.tsv"]).configuration
    finish(Path("runs/a"), there)
    finish(Path("runs/a-back"), there)
    with pytest.raises(UsageError, match=r"a-back is not runs/a turned round \(data\.columns is None, not \{"):
        find_way_back(Path("runs/a"))
    # The same data in another place are the same data.
    shutil.copy("pairs.tsv", "moved.tsv")
    finish(Path("runs/b"), there)
    finish(Path("runs/b-back"), replace_settings(reverse(there), {"data.train": "moved.tsv"}))
    assert find_way_back(Path("runs/b")) == Path("runs/b-back")
    Path("moved.tsv").write_text("x\ty\n")
    finish(Path("runs/c"), there)
    finish(Path("runs/c-back"), replace_settings(reverse(there), {"data.train": "moved.tsv"}))
    with pytest.raises(UsageError, match=r"data\.train is 'moved\.tsv', not 'pairs\.tsv'"):
        find_way_back(Path("runs/c"))


def test_a_real_model_beside_another(tiny_run: TinyRun, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """Of the tiny run itself, which reads no capitals, nothing can come back; it is asked all the same."""
    model = load_round_trip(tiny_run.path, tiny_run.path, n_best=2)
    [prediction] = model.predict("ab")
    assert [one.back.rank for one in prediction.hypotheses if one.back] == [None, None]
    assert prediction.hypotheses[0].back is not None
    assert len(prediction.hypotheses[0].back.texts) == 3
    assert "reads its sources as char, answers are space: is it a model of the other direction?" in caplog.text
    with pytest.raises(UsageError, match="give the model of the other direction"):
        open_round_trip(model, None)


@pytest.mark.slow
def test_answers_come_back_after_training_both(tiny_splits: dict[str, str], tmp_path: Path):
    """Letters and capitals, both learnt; as commands in processes of their own."""
    from tests.tiny_task import tiny_configuration

    found = train_both(tiny_configuration(tiny_splits), tmp_path / "tiny")
    assert found.there["wer"] < 20
    assert found.back["wer"] < 20
    model = load_round_trip(tmp_path / "tiny")
    predictions = model.predict(["ab", "éß", "東a"])
    assert [one.hypotheses[0].back.rank for one in predictions if one.hypotheses[0].back] == [1, 1, 1]
    export = load_round_trip(tmp_path / "tiny" / "export")
    assert [one.hypotheses[0].back for one in export.predict(["ab"])] == [predictions[0].hypotheses[0].back]
