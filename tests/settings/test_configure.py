"""`configure`: a preset or file with changes, checked as YAML is, without a command line."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.settings.configure import configure
from pipeline.settings.types import checked

ROOT = Path(__file__).parents[2]


def test_values_mean_themselves():
    changes = {"data.train": ("[a,b]", "null"), "text.lowercase": True, "train.clip_norm": 2, "train.patience": None}
    configuration = configure(changes=changes)
    assert configuration.data.train == ["[a,b]", "null"]
    train = configuration.train
    assert (configuration.text.lowercase, train.clip_norm, train.patience) == (True, 2.0, None)
    assert isinstance(train.clip_norm, float)


def test_a_file_and_changes_above_it(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("train: {epochs: 3, learning_rate: 1e-2}\nstudy: {workers: 2}\n")
    train = configure(path, {"train.seed": 7}).train
    assert (train.epochs, train.learning_rate, train.seed) == (3, 0.01, 7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train.epoch": 3}, r"^train\.epoch: no such key; did you mean train\.epochs\?"),
        ({"epochs": 3}, r"^epochs: no such key; did you mean train\.epochs\?"),
        ({"tune.trials": 3}, r"^tune\.trials: no such key"),
        ({"train.epochs": None}, r"^train\.epochs: null is impossible, it must be a whole number$"),
        ({"train.epochs": 1.5}, r"^train\.epochs: 1\.5 is impossible, it must be a whole number$"),
        ({"train.epochs": True}, r"^train\.epochs: True is impossible, it must be a whole number$"),
        ({"train.learning_rate": 10**400}, r"^train\.learning_rate: 10+ is impossible, it must be a number$"),
        ({"text.lowercase": 1}, r"^text\.lowercase: 1 is impossible, it must be true or false$"),
        (
            {"model.attention": "monotonic", "model.cell": "conditional_gru"},
            r"^model\.cell: 'conditional_gru' is impossible, it must be gru or .* with model\.attention monotonic$",
        ),
        ({"model.attention": "monotonic", "model.tied_embeddings": True}, r"^model\.tied_embeddings: True is imp"),
        ({"model.attention": "monotonic", "model.input_feeding": True}, r"^model\.input_feeding: True is impossible"),
        ({"model.attention": "monotonic", "model.coverage": True}, r"^model\.coverage: True is impossible"),
        ({"model.attention": "none", "model.copy": True}, r"^model\.copy: True is impossible, .* with attention none$"),
        ({"data.dev": ["a", 1]}, r"^data\.dev: .* is impossible, it must be text or a list of texts or null$"),
    ],
)
def test_what_is_refused(changes: dict[str, object], message: str):
    with pytest.raises(UsageError, match=message):
        configure(changes=changes)


@pytest.mark.parametrize("written", ["1e-2", "1.0e-2", "0.01"])
def test_a_number_that_yaml_takes_for_text(written: str):
    assert checked("train.learning_rate", written) == 0.01


def test_it_needs_neither_argparse_nor_tensorflow():
    code = "import sys; from pipeline.settings.configure import configure; configure('cmudict', {'model.units': 8})\n"
    code += "assert not {'jsonargparse', 'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("train.patience", "null", None),
        ("train.deterministic", "True", True),
        ("train.learning_rate", ".5e-3", 0.0005),
        ("train.learning_rate", "1_0", 10.0),
        ("train.seed", "0x10", 16),
        ("train.epochs", " 3", 3),
        ("train.clip_norm", "1e1", 10.0),
    ],
)
def test_quoted_values_are_what_yaml_has_without_quotes(key: str, text: str, value: object, tmp_path: Path):
    section, name = key.split(".")
    (tmp_path / "mine.yaml").write_text(f"{section}: {{{name}: '{text}'}}\n")
    for configuration in (configure(str(tmp_path / "mine.yaml")), configure(changes={key: text})):
        assert getattr(getattr(configuration, section), name) == value


@pytest.mark.parametrize(("key", "text"), [("train.epochs", "1e3"), ("train.epochs", "[3"), ("train.seed", "true")])
def test_quoted_values_of_another_type_are_refused(key: str, text: str):
    with pytest.raises(UsageError, match=key):
        configure(changes={key: text})
