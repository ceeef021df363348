"""`configure`, which reads the data where their settings are to follow from them."""

import itertools
import logging
from pathlib import Path

import pytest
import yaml

from pipeline.defaults.configure import configure, default_config
from pipeline.errors import DataError, UsageError
from pipeline.options.settings_command import SettingsCommand
from pipeline.options.settings_options import parse_settings, settings_parser
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.text import TextConfiguration
from tests.tiny_task import write_splits


@pytest.fixture(scope="module")
def train_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_splits(tmp_path_factory.mktemp("tiny"))["train"]


def test_own_data_have_their_own_settings_and_the_built_in_corpus_its_preset(train_file: str):
    fitted = configure(changes={"data.train": train_file})
    assert fitted.text.target_tokenizer == "space"
    assert fitted.model.dropout > Configuration().model.dropout
    assert configure() == configure("cmudict")
    assert default_config({"data.train": {"cmudict": 1.0}}) == "cmudict"
    assert default_config({"data.train": {"cmudict": 1.0, train_file: 2.0}}) == "auto"


def test_what_is_given_stays(train_file: str):
    changes = {"data.train": train_file, "model.dropout": 0.1, "text.target_tokenizer": "char", "train.epochs": 3}
    fitted = configure("auto", changes)
    assert (fitted.model.dropout, fitted.text.target_tokenizer, fitted.train.epochs) == (0.1, "char", 3)


def test_a_preset_that_is_named_stays_what_it_is(train_file: str):
    assert configure("cmudict", {"data.train": train_file}).train.epochs == 8


def test_choices_are_said_with_their_reasons(train_file: str, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        configure(changes={"data.train": train_file, "model.units": 8})
    [said] = [record.message for record in caplog.records if "--config auto" in record.message]
    assert said.startswith("settings that follow from 500 training pairs (--config auto; what you give wins)\n")
    assert "text.target_tokenizer space: 5 symbols" in said
    assert "model.units" not in said


def test_reasons_stand_beside_the_settings_in_yaml_and_nowhere_else(train_file: str, tmp_path: Path):
    fitted = configure(changes={"data.train": train_file, "model.units": 8})
    text = fitted.to_yaml()
    assert "  target_tokenizer: space  # auto: 5 symbols" in text
    assert "  units: 8\n" in text
    assert yaml.safe_load(text) == fitted.to_dict()
    assert "reasons" not in fitted.to_dict()
    fitted.save(tmp_path / "config.yaml")
    again = configure(tmp_path / "config.yaml")
    assert again.to_dict() == fitted.to_dict()


def test_auto_needs_data():
    with pytest.raises(UsageError, match=r"--config auto: give data\.train"):
        configure("auto")


def test_data_that_cannot_be_used_are_refused_as_in_training(tmp_path: Path):
    with pytest.raises(DataError, match="no such file; check the path"):
        configure(changes={"data.train": tmp_path / "none.tsv"})
    path = tmp_path / "bad.tsv"
    path.write_text("a\tb\nc\n")
    with pytest.raises(DataError, match=r"bad\.tsv:2: no TAB"):
        configure(changes={"data.train": path})
    assert configure(changes={"data.train": path, "data.skip_bad_lines": True}).data.skip_bad_lines


def test_a_choice_that_is_impossible_beside_what_is_given_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "sentences.tsv"
    path.write_text("I have never been there before.\tIch war noch nie zuvor dort.\n" * 9, encoding="utf-8")
    with caplog.at_level(logging.INFO):
        fitted = configure(changes={"data.train": path, "model.readout_units": 17})
    assert (fitted.model.readout_units, fitted.model.tied_embeddings) == (17, False)
    assert "model.tied_embeddings true does not go with what is given: left out" in caplog.messages
    with pytest.raises(UsageError, match=r"^train\.epochs: 0 is impossible"):
        configure(changes={"data.train": path, "train.epochs": 0})


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Lemmas, features and forms that copy them."""
    path = tmp_path_factory.mktemp("forms") / "forms.tsv"
    words = ["".join(letters) for letters in itertools.product("bdgk", "aeiou", "lmnrst")]
    path.write_text("".join(f"{word}\tV;PST\t{word}ed\n" for word in words), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("given", "attention", "copy", "seen"),
    [
        ({}, "monotonic", True, 200_000),
        ({"model.attention": "bahdanau"}, "bahdanau", True, 1_200_000),
        ({"model.features": "attended"}, "bahdanau", True, 1_200_000),
        ({"model.tied_embeddings": True}, "bahdanau", True, 1_200_000),
        ({"model.cell": "conditional_gru"}, "bahdanau", True, 1_200_000),
        ({"model.copy": False}, "bahdanau", False, 600_000),
    ],
)
def test_what_depends_on_what_is_given_follows_it(
    forms: str, given: dict[str, object], attention: str, copy: bool, seen: int
):
    found = configure("auto", {"data.train": forms, "data.dev": forms, **given})
    assert found.data.columns == {"source": 1, "target": 3, "features": 2}
    assert (found.model.attention, found.model.copy) == (attention, copy)
    assert found.train.epochs * found.train.min_epoch_tokens == pytest.approx(seen, abs=10)


def test_dev_sources_are_counted_where_there_are_any(tmp_path: Path):
    files = write_splits(tmp_path)
    for changes, smoothing in (({}, 5), ({"data.dev": files["dev"]}, 5), ({"data.dev_size": 400}, 3)):
        assert configure(changes={"data.train": files["train"], **changes}).train.smoothing == smoothing
    with pytest.raises(DataError, match="no such file"):
        configure(changes={"data.train": files["train"], "data.dev": tmp_path / "none.tsv"})


def test_settings_follow_from_the_part_that_is_trained_on(train_file: str, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        configure(changes={"data.train": train_file, "data.train_size": 40})
        configure(changes={"data.train": train_file, "data.train_size": 0.1})
    said = [record.message.partition(" (")[0] for record in caplog.records if "--config auto" in record.message]
    assert said == [f"settings that follow from {number} training pairs" for number in (40, 50)]


@pytest.fixture
def earlier(tmp_path: Path) -> str:
    """A run of an odd size that cuts in an odd way."""
    run = RunDirectory(tmp_path / "earlier")
    model = ModelConfiguration(units=24, cell="lstm", dropout=0.9)
    run.begin(Configuration(text=TextConfiguration(lowercase=True, min_count=3), model=model))
    return str(run.path)


def test_a_run_to_begin_with_decides_what_nobody_gave(train_file: str, earlier: str, caplog: pytest.LogCaptureFixture):
    changes = {"data.train": train_file, "train.init_from": earlier, "model.embedding_units": 10}
    with caplog.at_level(logging.INFO):
        found = configure(changes=changes)
    assert (found.model.units, found.model.cell, found.model.embedding_units) == (24, "lstm", 10)
    assert (found.text.target_tokenizer, found.text.lowercase) == ("char", True)
    # What has no shape follows from the data.
    assert (found.model.dropout, found.text.min_count) == (0.5, 1)
    assert f"those of {earlier} where nothing else is given (model.units 24)" in caplog.text
    assert "model.units 192" not in caplog.text
    named = configure("cmudict", changes)
    assert (named.model.units, named.text.lowercase) == (24, True)
    with pytest.raises(UsageError, match=r"train\.init_from: none: no such run"):
        configure(changes={**changes, "train.init_from": "none"})


def test_a_file_and_a_command_line_decide_before_it(train_file: str, earlier: str, tmp_path: Path):
    file = tmp_path / "own.yaml"
    file.write_text("model: {units: 12}\n")
    command = SettingsCommand("train")
    words = ["--config", str(file), "--data.train", train_file, f"--train.init_from={earlier}", "--model.cell=gru"]
    _, found = parse_settings(command, settings_parser(command), words)
    assert (found.model.units, found.model.cell, found.text.lowercase) == (12, "gru", True)
    # Of a run that goes on, what it decided when that began.
    before = {"model.embedding_units": 7, "text.lowercase": False, "train.epochs": 3}
    _, found = parse_settings(command, settings_parser(command), words, lambda _: before)
    assert (found.model.embedding_units, found.text.lowercase, found.train.epochs) == (7, False, 10)
