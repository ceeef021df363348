"""`train FILE`, and where a run goes whose --run was left out."""

import dataclasses
import logging
import shutil
from pathlib import Path

import pytest

from pipeline.commands.main import main
from pipeline.commands.train import make_parser, parse
from pipeline.data.run_data import record_data
from pipeline.errors import UsageError
from pipeline.pairs.data_files import read_data_files
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from tests.tiny_task import TinyRun


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("pairs.tsv").write_text("abc\ta b c\nba\tb a\ncab\tc a b\n" * 9)
    return tmp_path


def begin(path: Path | str, configuration: Configuration) -> None:
    run = RunDirectory(Path(path))
    run.begin(configuration)
    record_data(run, read_data_files(configuration))


@pytest.mark.parametrize(
    "words", [["pairs.tsv", "--seed", "3"], ["--seed", "3", "pairs.tsv"], ["--seed=3", "pairs.tsv"]]
)
def test_a_file_alone_is_what_is_trained_on(words: list[str]):
    parsed = parse(words)
    assert parsed.configuration.data.train == "pairs.tsv"
    assert parsed.configuration.train.seed == 3
    assert parsed.run == Path("runs/pairs")
    assert parsed.configuration == parse(["--data.train", "pairs.tsv", "--seed", "3"]).configuration
    assert parse([*words, "--run", "other", "--overwrite"]).run == Path("other")


def test_the_export_may_be_left_out():
    assert parse(["pairs.tsv"]).export
    assert not parse(["--no-export", "pairs.tsv"]).export
    with pytest.raises(
        UsageError, match="--no-export: impossible with --seeds and --both, whose runs are all exported"
    ):
        parse(["pairs.tsv", "--no-export", "--both"])


def test_of_a_finished_run_it_is_said_that_there_is_none(
    tiny_run: TinyRun, folder: Path, capsys: pytest.CaptureFixture[str]
):
    run = folder / "run"
    shutil.copytree(tiny_run.path, run, ignore=shutil.ignore_patterns("export"))
    words = ["train", "--config", str(run / "config.yaml"), "--run", str(run)]
    assert main(words) == 0
    assert f"{run} has no export; one is made by:  python -m pipeline export {run} DIR" in capsys.readouterr().err
    assert main([*words, "--no-export"]) == 0
    assert "has no export" not in capsys.readouterr().err


def test_too_many_files_are_refused():
    with pytest.raises(UsageError, match=r"dev\.tsv: a file too many beside pairs\.tsv; .*--data\.dev"):
        parse(["pairs.tsv", "dev.tsv"])
    for words in (["--data.train", "b.tsv"], ["--data.train=b.tsv"]):
        with pytest.raises(UsageError, match=r"pairs\.tsv: --data\.train is given as well; leave one of them out"):
            parse(["pairs.tsv", *words])
    assert "FILE" in make_parser().format_help()


def test_another_training_gets_the_next_name_and_the_same_goes_on(caplog: pytest.LogCaptureFixture):
    begin("runs/pairs", parse(["pairs.tsv", "--seed", "7"]).configuration)
    with caplog.at_level(logging.INFO):
        first = parse(["pairs.tsv"])
    assert first.run == Path("runs/pairs-2")
    said = "--run was left out: the run is runs/pairs-2, for runs/pairs holds another training ("
    assert f"{said}train.seed was 7, is now 1)" in caplog.messages
    begin(first.run, first.configuration)
    assert parse(["pairs.tsv"]).run == Path("runs/pairs-2")
    assert parse(["pairs.tsv", "--seed", "7"]).run == Path("runs/pairs")
    assert parse(["pairs.tsv", "--train.keep_checkpoints", "5"]).run == Path("runs/pairs-2")
    assert parse(["pairs.tsv", "--overwrite"]).run == Path("runs/pairs")
    # Other content is another training, too, even where all settings are the same.
    Path("pairs.tsv").write_text("abc\ta b c\nba\tb a\ncab\tc a c\n" * 9)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert parse(["pairs.tsv"]).run == Path("runs/pairs-3")


def test_what_is_no_run_is_left_alone():
    Path("runs/pairs").mkdir(parents=True)
    assert parse(["pairs.tsv"]).run == Path("runs/pairs")
    Path("runs/pairs/notes.txt").write_text("mine")
    assert parse(["pairs.tsv"]).run == Path("runs/pairs-2")


def test_several_seeds_go_on_where_they_are():
    configuration = parse(["pairs.tsv"]).configuration
    begin("runs/pairs/seed-1", configuration)
    assert parse(["pairs.tsv", "--seeds", "2"]).run == Path("runs/pairs")
    assert parse(["pairs.tsv", "--seeds", "2", "--model.units", "8"]).run == Path("runs/pairs-2")
    assert parse(["pairs.tsv"]).run == Path("runs/pairs-2")


def test_a_preset_gives_its_name():
    begin("runs/sentences", Configuration())
    train = ["--config", "sentences", "pairs.tsv"]
    assert parse(train).run == Path("runs/sentences-2")
    configuration = parse([*train, "--run", "runs/sentences"]).configuration
    assert dataclasses.asdict(configuration)["data"]["train"] == "pairs.tsv"
