"""The space of a tuning: what YAML may say, what is refused, and what it means."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.settings.configuration import Configuration
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.train import TrainConfiguration
from pipeline.tuning.space import DEFAULT_SPACE, Choices, Range, Space, find_space, make_space, read_space

BASE = Configuration()


def space(**content: Any) -> Space:
    return make_space({key.replace("__", "."): entry for key, entry in content.items()}, BASE)


def test_the_configurations_own_values_are_part_of_it():
    found = space(
        model__units={"choices": [64, 128]},
        model__dropout={"min": 0.3, "max": 0.6, "step": 0.1},
        train__learning_rate={"min": 0.01, "max": 0.1, "scale": "log"},
    )
    assert found.dimensions[0].over == Choices((64, 128, 256))
    assert found.dimensions[1].over == Choices((0.2, 0.3, 0.4, 0.5, 0.6))
    assert found.dimensions[2].over == Range(0.003, 0.1, log=True)
    assert [dimension.preset for dimension in found.dimensions] == [256, 0.2, 0.003]


def test_whole_numbers_and_null():
    found = space(data__buckets={"min": 1, "max": 8}, model__attention_units={"choices": [None, 32]})
    assert found.dimensions[0].over == Range(1, 8, whole=True)
    assert found.dimensions[1].over == Choices((None, 32))
    # Whole numbers count as numbers where those are meant.
    assert space(train__learning_rate={"choices": [1]}).dimensions[0].over == Choices((0.003, 1.0))


def test_steps_are_choices_from_min_to_max():
    # keras-tuner's own steps leave out 0.5 here, and would start from the preset, 256, there.
    assert space(model__dropout={"min": 0.0, "max": 0.5, "step": 0.1}).dimensions[0].over == Choices(
        (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    )
    units = space(model__units={"min": 300, "max": 520, "step": 100}).dimensions[0].over
    assert units == Choices((256, 300, 400, 500))
    assert all(isinstance(value, int) for value in units.values)


def test_apply_changes_only_what_it_names():
    changed = space(model__units={"choices": [8]}).apply({"model.units": 8, "train.epochs": 3})
    assert (changed.model.units, changed.train.epochs) == (8, 3)
    assert dataclasses.replace(changed, model=BASE.model, train=BASE.train) == BASE


def test_a_condition_puts_the_parent_first():
    found = space(
        model__attention_units={"choices": [None, 32], "when": {"model.attention": "bahdanau"}},
        model__attention={"choices": ["bahdanau", "none"]},
    )
    assert [dimension.key for dimension in found.dimensions] == ["model.attention", "model.attention_units"]
    assert found.dimensions[1].when == {"model.attention": ("bahdanau",)}


@pytest.mark.parametrize(("attention", "kept"), [("bahdanau", 2), ("none", 0)])
def test_a_condition_on_what_is_not_varied_is_decided_at_once(attention: str, kept: int):
    base = dataclasses.replace(BASE, model=ModelConfiguration(attention=attention))  # type: ignore[arg-type]
    content = {
        "model.attention_units": {"choices": [None, 32], "when": {"model.attention": ["bahdanau"]}},
        # Depends on one that may go.
        "model.readout_units": {"choices": [None, 32], "when": {"model.attention_units": 32}},
    }
    found = make_space(content, base)
    assert len(found.dimensions) == kept
    assert all("model.attention" not in dimension.when for dimension in found.dimensions)


@pytest.mark.parametrize(
    ("key", "entry", "message"),
    [
        ("model.unit", {"choices": [1]}, "no such key; did you mean model.units?"),
        ("model.units", [1, 2], "must be {choices"),
        ("model.units", {"choices": []}, "choices must be a list"),
        ("model.units", {"choices": [1], "min": 1}, "exclude each other"),
        ("model.units", {"choices": ["many"]}, "many is impossible, it must be a whole number"),
        ("model.units", {"choices": [0]}, "must be at least 1"),
        ("model.units", {"choices": [True]}, "True is impossible"),
        ("model.units", {"min": 8}, "min and max"),
        ("model.units", {"min": 9, "max": 8}, "below max"),
        ("model.units", {"min": 8, "max": 16, "step": 0.5}, "whole number"),
        ("model.units", {"min": 8, "max": 16, "step": 0}, "above 0"),
        ("model.units", {"min": 8, "max": 16, "scale": "cubic"}, "linear or log"),
        ("model.dropout", {"min": 0, "max": 0.5, "step": 0.0001}, "makes 5,001 values"),
        ("train.epochs", {"choices": [5, 20]}, "set tune.epochs"),
        ("train.objective", {"choices": ["wer", "bleu"]}, "measured by the same figure; set it in the configuration"),
        ("text.target_tokenizer", {"choices": ["char", "bpe"]}, "tune among one kind, or set train.objective"),
        ("model.units", {"choices": [8], "when": {"model.cell": []}}, "needs at least one value"),
        ("model.units", {"min": 8, "max": 16, "by": 2}, "by: no such word"),
        ("model.dropout", {"min": 0.0, "max": 0.5, "scale": "log"}, "above 0"),
        ("model.dropout", {"min": 0.1, "max": 1.5}, "below 1"),
        ("model.cell", {"min": 1, "max": 2}, "use choices"),
        ("model.cell", {"choices": ["gru", "rnn"]}, "rnn is impossible, it must be gru or"),
        ("model.units", {"choices": [8], "when": {"model.cel": "gru"}}, "did you mean model.cell?"),
        ("model.units", {"choices": [8], "when": {"model.cell": "rnn"}}, "rnn is impossible, it must be gru or"),
        ("model.units", {"choices": [8], "when": {"model.units": 8}}, "depends on itself"),
        ("model.units", {"choices": [8], "when": "gru"}, "when: must be"),
    ],
)
def test_refusals_name_file_line_and_key(tmp_path: Path, key: str, entry: Any, message: str):
    path = tmp_path / "space.yaml"
    path.write_text(f"# a comment\n{key}: {entry}\n".replace("'", '"').replace("True", "true"), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_space(path, BASE)
    assert message in str(caught.value)
    assert f"{path}, line 2: {key}" in str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", "{}", "model.units"])
def test_an_empty_space_is_refused(tmp_path: Path, content: str):
    path = tmp_path / "space.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match="no settings to tune"):
        read_space(path, BASE)


def test_broken_files_are_refused(tmp_path: Path):
    path = tmp_path / "space.yaml"
    with pytest.raises(UsageError, match="cannot be read"):
        read_space(path, BASE)
    path.write_text("model.units: {choices: [1]}\nmodel.units: {choices: [2]}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"line 2: model.units: stands here twice"):
        read_space(path, BASE)
    path.write_text("model.units: {choices: [1\n", encoding="utf-8")
    with pytest.raises(UsageError, match="not YAML"):
        read_space(path, BASE)


def test_with_an_objective_of_its_own_targets_may_be_cut_in_any_way():
    base = dataclasses.replace(BASE, train=TrainConfiguration(objective="bleu"))
    found = make_space({"text.target_tokenizer": {"choices": ["char", "bpe"]}}, base)
    assert found.dimensions[0].over == Choices(("char", "bpe"))
    assert found.apply({"text.target_tokenizer": "bpe"}).train.objective == "bleu"


def test_conditions_in_a_circle_and_on_ranges_are_refused():
    with pytest.raises(UsageError, match="circle"):
        space(
            model__units={"choices": [8], "when": {"model.cell": "gru"}},
            model__cell={"choices": ["gru", "lstm"], "when": {"model.units": 8}},
        )
    with pytest.raises(UsageError, match="by choices, not by a range"):
        space(model__units={"min": 8, "max": 16}, model__cell={"choices": ["gru"], "when": {"model.units": 8}})


def test_a_condition_that_never_holds_is_refused(tmp_path: Path):
    path = tmp_path / "space.yaml"
    content = "model.units: {choices: [64]}\nmodel.cell: {choices: [gru, lstm], when: {model.units: 100}}\n"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=r"line 2: model.cell: when: model.units never is 100 in this space"):
        read_space(path, BASE)
    path.write_text("model.cell: {choices: [gru], when: {model.units: 64}}\nmodel.units: 64\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"line 2: model.units: must be {choices"):
        read_space(path, BASE)


def test_written_and_read_again_it_is_the_same(tmp_path: Path):
    path = tmp_path / "space.yaml"
    found = space(
        model__attention={"choices": ["bahdanau", "none"]},
        model__attention_units={"choices": [None, 32], "when": {"model.attention": "bahdanau"}},
        train__learning_rate={"min": 0.01, "max": 0.1, "scale": "log"},
        model__dropout={"min": 0.0, "max": 0.5, "step": 0.1},
    )
    path.write_text(found.to_yaml(), encoding="utf-8")
    assert read_space(path, BASE) == found


def test_where_it_is_found(tmp_path: Path):
    config = tmp_path / "mine.yaml"
    assert find_space(None, config) == DEFAULT_SPACE == find_space(None)
    beside = tmp_path / "mine.space.yaml"
    beside.touch()
    assert find_space(None, config) == beside
    assert find_space("other.yaml", config) == Path("other.yaml")


def test_weights_of_corpora_can_be_tuned():
    base = dataclasses.replace(BASE, data=dataclasses.replace(BASE.data, train={"a.tsv": 1.0, "b.tsv": 1.0}))
    choices = [{"a.tsv": 1, "b.tsv": 0.5}, {"b.tsv": 1, "a.tsv": 1}]
    space = make_space({"data.train": {"choices": choices}}, base)
    over = space.dimensions[0].over
    assert isinstance(over, Choices)
    assert over.values == ({"a.tsv": 1.0, "b.tsv": 0.5}, {"a.tsv": 1.0, "b.tsv": 1.0})
    assert space.apply({"data.train": over.values[0]}).data.train == choices[0]
    with pytest.raises(UsageError, match=r"data\.train: \{'a\.tsv': 'x'\} is impossible, it must be text or"):
        make_space({"data.train": {"choices": [{"a.tsv": "x"}]}}, base)
