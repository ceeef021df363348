"""The comparison with another toolkit: what both are told, and what counts."""

import argparse
from pathlib import Path

import pytest
import yaml

from benchmarks import rival
from pipeline.settings.configure import configure


@pytest.fixture
def work(tmp_path: Path) -> rival.Work:
    (tmp_path / "train.tsv").write_text("ab\tA B\nc\tC\n", encoding="utf-8")
    return rival.Work(tmp_path / "train.tsv", tmp_path / "dev.tsv", batch=40, units=8, embedding_units=6, dropout=0.3)


def test_both_train_the_same(work: rival.Work, tmp_path: Path):
    ours = configure(changes=rival.our_settings(work, "monotonic", 2))
    assert (ours.model.units, ours.model.embedding_units, ours.model.dropout, ours.train.epochs) == (8, 6, 0.3, 2)
    assert ours.data.batch_tokens == 100  # 2.5 symbols a pair, end symbols included
    command = rival.their_command(work, tmp_path / "environment", "monotonic", 2, tmp_path)
    theirs = yaml.safe_load(Path(command[-1]).read_text(encoding="utf-8"))
    model = theirs["model"]["init_args"]
    assert (model["decoder_hidden_size"], model["embedding_size"], model["decoder_dropout"]) == (8, 6, 0.3)
    assert model["source_encoder"]["init_args"] == {"hidden_size": 8, "embedding_size": 6, "dropout": 0.3}
    assert model["enforce_monotonic"]
    assert (theirs["trainer"]["max_epochs"], theirs["data"]["batch_size"]) == (2, 40)
    assert model["label_smoothing"] == ours.train.label_smoothing
    assert theirs["trainer"]["gradient_clip_val"] == ours.train.clip_norm


def test_what_both_need_once_does_not_count(work: rival.Work, monkeypatch: pytest.MonkeyPatch):
    def seconds(command: list[str], threads: int, log: Path) -> float:
        passes = [part.removeprefix("--train.epochs=") for part in command if part.startswith("--train.epochs=")]
        return 100 + int(passes[0]) if passes else 20 + 5 * _passes(Path(command[-1]))

    monkeypatch.setattr(rival, "processor_seconds", seconds)
    options = argparse.Namespace(passes=(1, 3), repeats=3, attention=["bahdanau"], environment=Path("e"), threads=1)
    # Five symbols a pass.
    assert rival.measure(work, options) == {"bahdanau": {"attentif": 5, "yoyodyne": 1, "times as fast": 5.0}}


def _passes(configuration: Path) -> int:
    passes: int = yaml.safe_load(configuration.read_text(encoding="utf-8"))["trainer"]["max_epochs"]
    return passes


def test_a_command_that_fails_says_why(tmp_path: Path):
    assert rival.processor_seconds(["true"], 1, tmp_path / "log") >= 0
    with pytest.raises(SystemExit, match="No such file"):
        rival.processor_seconds(["ls", "/nowhere"], 1, tmp_path / "log")
