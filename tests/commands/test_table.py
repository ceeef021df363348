"""Configuration from presets, YAML files and the command line; refusals name the key."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands.table import parse_arguments
from pipeline.errors import AttentifError, UsageError
from pipeline.settings.configuration import Configuration
from pipeline.settings.configure import configure, preset_names
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.types import ALL_SECTIONS, setting_names, setting_type


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_layers_defaults_then_file_then_command_line(tmp_path: Path):
    file = write(tmp_path, "train: {epochs: 3, seed: 4, learning_rate: 1e-2}\ndata: {train: [a.txt, b.txt]}\n")
    arguments = parse_arguments(["train", "--config", file, "--train.seed", "9", "--train.clip_norm", "null"])
    train = arguments.configuration.train
    assert (train.epochs, train.seed, train.learning_rate, train.clip_norm) == (3, 9, 0.01, None)
    assert train.patience == Configuration().train.patience
    assert arguments.configuration.data.train == ["a.txt", "b.txt"]
    assert (arguments.run, arguments.overwrite) == (Path("runs/mine"), False)


def test_the_order_of_config_and_settings_does_not_matter(tmp_path: Path):
    file = write(tmp_path, "train: {epochs: 3}\n")
    assert parse_arguments(["train", "--train.epochs", "5", "--config", file]).configuration.train.epochs == 5


def test_without_config_the_preset_cmudict_is_taken():
    arguments = parse_arguments(["train"])
    named = parse_arguments(["train", "--config", "cmudict"])
    assert arguments.configuration == named.configuration
    assert arguments.configuration.text.target_tokenizer == "space"
    assert arguments.run == Path("runs/cmudict")


def test_saved_configuration_comes_back_equal(tmp_path: Path):
    configuration = parse_arguments(["inspect", "--data.dev", "[a,b]", "--model.units", "7"]).configuration
    configuration.save(tmp_path / "configuration.yaml")
    again = parse_arguments(["inspect", "--config", str(tmp_path / "configuration.yaml")]).configuration
    assert again == configuration


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("pairs.tsv", "pairs.tsv"),
        ("a b.tsv", "a b.tsv"),
        ("[a,b]", ["a", "b"]),
        ("2024", "2024"),
        ("x: y", "x: y"),
        ("{a.tsv: 0.5, 'a.de,a.en': 2}", {"a.tsv": 0.5, "a.de,a.en": 2.0}),
        ('{"a b": 1}', {"a b": 1.0}),
    ],
)
def test_data_is_a_path_or_a_list(text: str, value: object):
    assert parse_arguments(["train", "--config", "cmudict", "--data.train", text]).configuration.data.train == value


def test_seed_is_short_for_train_seed_and_run_and_overwrite_are_taken():
    arguments = parse_arguments(["train", "--seed", "17", "--run", "out/x", "--overwrite"])
    assert (arguments.configuration.train.seed, arguments.run, arguments.overwrite) == (17, Path("out/x"), True)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--data.nope", "3"], "--data.nope: no such option"),
        (["--train.epoch", "3"], "did you mean --train.epochs?"),
        (["--train.seed", "x"], "train.seed: x is impossible, it must be a whole number"),
        (["--train.epochs", "1.5"], "train.epochs: 1.5 is impossible, it must be a whole number"),
        (["--train.epochs", "null"], "train.epochs: "),
        (["--train.clip_norm", "x"], "train.clip_norm: x is impossible, it must be a number or null"),
        (["--text.lowercase", "maybe"], "text.lowercase: maybe is impossible, it must be true or false"),
        (
            ["--text.normalization", "nfx"],
            "text.normalization: nfx is impossible, it must be none or nfc or nfd or nfkc or nfkd",
        ),
        (["--model.dropout", "1.5"], "model.dropout: 1.5 is impossible"),
        (["--seed", "-1"], "train.seed: -1 is impossible"),
        (["--data.train", "{a: -1}"], "data.train: weight of a: -1.0 is impossible"),
        (["--data.max_ratio", "0.5"], "data.max_ratio: 0.5 is impossible, it must be at least 1"),
        (["--data.batch_tokens", "10"], "data.batch_tokens: 10 is impossible, it must be above data.max_length"),
        (["--config", "nope"], "--config nope: no such file"),
        (["stray"], "stray: an argument too many"),
        (["--data", "x.yaml"], "--data: no such option"),
    ],
)
def test_command_line_refusals_name_the_key(argv: list[str], words: str):
    with pytest.raises(UsageError) as refusal:
        parse_arguments(["inspect", *argv])
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train:\n  epochs: 3\n  nope: 1\n", "mine.yaml, line 3: train.nope: no such key"),
        ("train:\n  epoch: 3\n", "did you mean epochs?"),
        ("trian:\n  epochs: 3\n", "mine.yaml, line 1: trian: no such key; did you mean train?"),
        ("train:\n  epochs: 3\n  epochs: 4\n", "mine.yaml, line 3: train.epochs: stands here twice"),
        ("train: {epochs: x}\n", "train.epochs: x is impossible, it must be a whole number (in "),
        ("train: {epochs: 3.0}\n", "train.epochs: 3.0 is impossible"),
        ("train: {epochs: null}\n", "train.epochs: null is impossible"),
        ("train: {epochs: 0}\n", "train.epochs: 0 is impossible, it must be at least 1"),
        ("data: {train: 5}\n", "data.train: 5 is impossible, it must be text or a list of texts"),
        ("data: {train: {a: x, b: 1}}\n", "data.train: {'a': 'x', 'b': 1} is impossible, it must be text or"),
        ("data: {train: {a: 0}}\n", "data.train: weight of a: 0.0 is impossible, it must be above 0"),
        ("data:\n  train:\n    a: 1\n    a: 2\n", "mine.yaml, line 4: data.train.a: stands here twice"),
        ("data: {dev: {a: 1}}\n", "data.dev: {'a': 1} is impossible, it must be text or a list of texts or null"),
        ("data: {train: 2024-13-45}\n", "mine.yaml, line 1: not YAML: no timestamp (month must be in 1..12)"),
        ("text: {lowercase: 1}\n", "text.lowercase: 1 is impossible"),
        ("data:\n  train: [a\ntext: {}\n", "mine.yaml, line 3: not YAML"),
        ("data:\n\ttrain: a\n", "mine.yaml, line 2: not YAML"),
        ("data: {train: a}\ntext: \x07\n", "mine.yaml, line 2: not YAML"),
        ("# only\n- a\n- b\n", "mine.yaml, line 2: not a mapping"),
        ("just words\n", "mine.yaml, line 1: not a mapping"),
        ("", "mine.yaml, line 1: holds no settings"),
        ("data: {}\ntrain: 5\n", "mine.yaml, line 2: train: not a mapping"),
        ("data: {train: !!python/object/apply:os.getcwd []}\n", "mine.yaml, line 1: not YAML"),
    ],
)
def test_file_refusals_name_file_and_key_or_line(tmp_path: Path, text: str, words: str):
    with pytest.raises(UsageError) as refusal:
        parse_arguments(["inspect", "--config", write(tmp_path, text)])
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_utf8_is_named_with_its_line(tmp_path: Path):
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"data:\n  train: caf\xe9.tsv\n")
    with pytest.raises(AttentifError, match=r"latin\.yaml, line 2: not UTF-8"):
        parse_arguments(["inspect", "--config", str(path)])


def test_presets_are_all_readable():
    assert {"cmudict", "g014b2b"} <= set(preset_names())
    for name in preset_names():
        parse_arguments(["inspect", "--config", name])


def test_every_space_fits_its_preset():
    for name in preset_names():
        assert parse_arguments(["tune", "--config", name]).space.dimensions


def test_search_arguments():
    arguments = parse_arguments(["predict", "model", "--beam", "4", "--n-best", "3", "--json"])
    assert (arguments.model, arguments.file, arguments.beam) == (Path("model"), "-", 4)
    assert (arguments.n_best, arguments.json, arguments.prefixes) == (3, True, False)
    assert parse_arguments(["predict", "model", "--prefixes"]).prefixes
    assert parse_arguments(["predict", "model", "-", "--n-best", "3"]).beam is None
    exported = parse_arguments(["export", "run", "directory"])
    assert (exported.beam, exported.n_best) == (None, None)
    assert parse_arguments(["evaluate", "model", "a.tsv"]).beam is None


def test_search_settings():
    options = ["--search.method", "sample", "--search.temperature", "0.5", "--search.max_length", "9"]
    search = parse_arguments(["train", *options, "--search.min_length", "9"]).configuration.search
    assert (search.method, search.temperature, search.min_length, search.max_length) == ("sample", 0.5, 9, 9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_length": 3, "max_length": 2}, r"search.min_length: 3 is impossible, .* at most search.max_length \(2\)"),
        ({"temperature": 0.0}, "search.temperature: 0.0 is impossible, it must be above 0"),
        ({"method": "worst"}, "search.method: worst is impossible, it must be best or sample"),
        ({"coverage_penalty": -1.0}, "search.coverage_penalty: -1.0 is impossible, it must be at least 0"),
        ({"block_ngrams": -1}, "search.block_ngrams: -1 is impossible"),
        ({"max_length": -1}, "search.max_length: -1 is impossible"),
    ],
)
def test_impossible_search_settings_are_refused(options: dict[str, Any], message: str):
    with pytest.raises(UsageError, match=message):
        configure(changes={f"search.{key}": value for key, value in options.items()})


@pytest.mark.parametrize("command", [["evaluate", "a,b", "x.tsv"], ["predict", "a,b"], ["export", "a,b", "out"]])
def test_search_settings_of_one_command(command: list[str]):
    options = ["--search.length_penalty", "-1", "--search.replace_unknown", "true", "--search.dictionary", "2024"]
    arguments = parse_arguments([*command, *options, "--average", "3"])
    assert arguments.search == {"length_penalty": -1.0, "replace_unknown": True, "dictionary": "2024"}
    assert (arguments.beam, arguments.average) == (None, 3)
    assert vars(arguments)["run" if command[0] == "export" else "model"] == Path("a,b")
    assert parse_arguments([*command, "--search.dictionary", "null"]).search == {"dictionary": None}
    assert parse_arguments(command).search == {}
    for beam in (["--beam", "4"], ["--search.beam_size", "4"], ["--beam", "4", "--search.beam_size", "4"]):
        arguments = parse_arguments([*command, *beam])
        assert (arguments.beam, arguments.search) == (4, {})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--search.nope", "1"], "--search.nope"),
        (["--search.beam_size", "x"], "search.beam_size: x is impossible, it must be a whole number"),
        (["--search.beam_size", "0"], "search.beam_size: 0 is impossible, it must be at least 1"),
        (
            ["--search.replace_unknown", "maybe"],
            "search.replace_unknown: maybe is impossible, it must be true or false",
        ),
        (["--beam", "4", "--search.beam_size", "5"], "--beam 4: --search.beam_size is 5; give one of them"),
        (["--search.beam_size", "2", "--n-best", "3"], "--n-best: 3 is impossible, it must be at most --beam 2"),
        (["--average", "0"], "'0' is impossible"),
    ],
)
def test_search_settings_that_are_refused(options: list[str], words: str):
    with pytest.raises(UsageError) as refusal:
        parse_arguments(["predict", "model", *options])
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_every_search_setting_is_an_option():
    for field in dataclasses.fields(SearchConfiguration):
        if field.name != "beam_size":
            written = "null" if field.default is None else str(field.default).lower()
            found = parse_arguments(["predict", "model", f"--search.{field.name}", written]).search
            assert found == {field.name: field.default}


@pytest.mark.parametrize(
    "argv",
    [
        ["predict", "model", "--beam", "0"],
        ["score", "model", "a.tsv", "--search.beam_size", "2"],
        ["predict", "model", "--n-best", "0"],
        ["predict", "model", "--beam", "two"],
        ["predict", "model", "--beam", "2", "--n-best", "3"],
        ["export", "run", "directory", "--beam", "2", "--n-best", "3"],
        ["evaluate", "model", "a.tsv", "--beam", "-1"],
        ["evaluate", "model"],
        ["export", "run"],
        ["predict"],
        ["predict", "model", "--js"],
        ["nope"],
        [],
    ],
)
def test_impossible_arguments_are_refused(argv: list[str]):
    with pytest.raises(UsageError):
        parse_arguments(argv)


def test_every_key_has_a_type_that_refusals_can_put_into_words():
    from pipeline.settings.types import in_words

    assert all(in_words(hint) for hint in map(setting_type, setting_names(ALL_SECTIONS)))


def test_a_mistyped_search_setting_is_guessed():
    with pytest.raises(UsageError, match=r"--search\.beamsize: no such option; did you mean --search\.beam_size\?"):
        parse_arguments(["predict", "model", "--search.beamsize", "3"])


def test_a_study_takes_no_single_seed():
    for option in (["--seed", "7"], ["--train.seed=7"]):
        with pytest.raises(UsageError, match=r"--study\.seeds"):
            parse_arguments(["study", "length", *option])


def test_a_study_takes_single_numbers_from_a_file(tmp_path: Path):
    path = write(tmp_path, "study: {rates: 1, seeds: 3}")
    study = parse_arguments(["study", "length", "--config", path]).study
    assert (study.factors, study.seed_list) == ([1.0], [3])


@pytest.mark.parametrize("name", ["#dev.tsv", "&dev", "# a b", "%d", "*x", "dev, too.tsv", "-dev", "e\u0301", "x\ny"])
def test_a_place_may_have_any_name(name: str):
    options = [f"--data.dev={name}", f"--data.test={name}", "--search.replace_unknown=true"]
    arguments = parse_arguments(["train", "--run=-r #", *options, f"--search.dictionary={name}"])
    configuration = arguments.configuration
    assert (configuration.data.dev, configuration.data.test, configuration.search.dictionary) == (name, name, name)
    assert str(arguments.run) == "-r #"
    asked = parse_arguments(["predict", "model", "--search.replace_unknown=true", f"--search.dictionary={name}"])
    assert asked.search["dictionary"] == name


def test_null_is_null_and_nothing_is_no_place():
    for word in ("null", "~"):
        assert parse_arguments(["train", "--run", "r", "--data.dev", word]).configuration.data.dev is None
    # As of a shell's variable that is not set.
    with pytest.raises(UsageError, match=r"data\.dev: '' is impossible, it must be the path of a file"):
        parse_arguments(["train", "--run", "r", "--data.dev="])


def test_a_value_that_begins_with_a_dash():
    for words in (["--run"], ["--run", "-x"]):
        with pytest.raises(
            UsageError, match=r"^--run: a value is missing; one that begins with a dash is written --run=-…"
        ):
            parse_arguments(["train", *words])
