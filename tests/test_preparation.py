import logging
from pathlib import Path

import pytest

from pipeline.configuration import Configuration, DataConfiguration, TextConfiguration
from pipeline.corpus import open_splits
from pipeline.errors import UsageError
from pipeline.preparation import TrainingData, prepare_data
from pipeline.run_directory import Checkpoints, RunDirectory, TrainingState


def configure(folder: Path, sources: str, dev: str = "ab", **text: object) -> Configuration:
    """A corpus of one pair per white-space-separated source; the target is the source, spaced out."""
    for name, words in (("train", sources), ("dev", dev)):
        lines = (f"{word}\t{' '.join(word)}\n" for word in words.split())
        (folder / f"{name}.tsv").write_text("".join(lines), encoding="utf-8")
    data = DataConfiguration(train=str(folder / "train.tsv"), dev=str(folder / "dev.tsv"), max_length=8)
    return Configuration(data=data, text=TextConfiguration(target_tokenizer="space", **text))


def prepare(configuration: Configuration, run: RunDirectory) -> TrainingData:
    if not run.exists():
        run.begin(configuration)
    return prepare_data(configuration, run, open_splits(configuration.data, 1, configuration.text))


def test_vocabularies_come_from_training_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    data = prepare(configure(tmp_path, "ab ba bb", dev="az"), RunDirectory(tmp_path / "run"))
    assert data.source_vocabulary.symbols[4:] == ["b", "a"]
    assert (len(data.train), len(data.dev)) == (3, 1)
    assert "1 source and 1 target symbols are not in the vocabulary" in caplog.text


def test_overlap_is_counted_as_the_model_sees_it(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    prepare(configure(tmp_path, "ab ba", dev="AB bb", lowercase=True), RunDirectory(tmp_path / "run"))
    assert "1 dev sources are in the training data too" in caplog.text


def test_words_where_characters_are_meant(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    words = [f"w{number}" for number in range(120)]
    configuration = configure(tmp_path, " ".join(words))
    Path(configuration.data.train).write_text("".join(f"{word}\t{word}\n" for word in words))
    with caplog.at_level(logging.WARNING):
        prepare(configuration, RunDirectory(tmp_path / "run"))
    assert "set text.target_tokenizer to char" in caplog.text


def test_changed_files_begin_anew_while_nothing_is_trained(tmp_path: Path):
    run = RunDirectory(tmp_path / "run")
    assert len(prepare(configure(tmp_path, "ab ba"), run).train) == 2
    data = prepare(configure(tmp_path, "ab ba abc"), run)
    assert len(data.train) == 3
    assert "c" in data.source_vocabulary.symbols


def test_changed_files_are_refused_once_something_is_trained(tmp_path: Path):
    run = RunDirectory(tmp_path / "run")
    prepare(configure(tmp_path, "ab ba"), run)
    Checkpoints(run.checkpoints).save(TrainingState(epoch=1, best_epoch=1), lambda path: path.touch())
    prepare(configure(tmp_path, "ab ba"), run)  # written again, the same content
    with pytest.raises(UsageError, match=r"train\.tsv: changed since the run .* began; .*--overwrite"):
        prepare(configure(tmp_path, "ab ba abc"), run)
