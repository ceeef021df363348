"""An attention layer of the user's own, in a file outside of the packages: trained, tuned, exported, refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.process.extensions import VARIABLE, import_extensions
from tests.tiny_task import SIZES

ROOT = Path(__file__).parents[2]
LAYER = """
import keras
from keras import ops

import layers
from pipeline import register_attention


@register_attention("scaled_dot")
@keras.saving.register_keras_serializable("mine")
class ScaledDotAttention(layers.Attention):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.query_projection = keras.layers.Dense(units, use_bias=False, dtype=self.dtype_policy)
        self.memory_projection = keras.layers.Dense(units, use_bias=False, dtype=self.dtype_policy)

    def build(self, query_shape, keys_shape=None, values_shape=None, mask_shape=None):
        self.query_projection.build(query_shape)
        if values_shape is not None:
            self.memory_projection.build(values_shape)
        self.built = True

    def project_memory(self, memory):
        return self.memory_projection(memory)

    def scores(self, query, keys, beams, coverage):
        query = ops.reshape(self.query_projection(query), (-1, beams, self.units))
        return ops.matmul(query, ops.transpose(keys, (0, 2, 1))) / self.units**0.5

    def get_config(self):
        return {**super().get_config(), "units": self.units}
"""
TINY = ["--text.target_tokenizer=space", "--data.batch_tokens=256", "--data.buckets=2", "--model.units=16"]
TINY += ["--train.epochs=2", "--train.min_epoch_tokens=0", "--train.attention_samples=1", "--data.max_length=16"]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "scaled_dot.py"
    path.write_text(LAYER)
    return path


def run(*argv: str, extension: Path | None = None, code: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if extension:
        environment[VARIABLE] = str(extension)
    start = ["-c", code] if code else ["-m", "pipeline"]
    command = [sys.executable, *start, *argv]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)


def data(splits: dict[str, str]) -> list[str]:
    return [f"--data.{name}={path}" for name, path in splits.items()]


@pytest.mark.slow
def test_it_trains_answers_and_is_exported(file: Path, tiny_splits: dict[str, str], tmp_path: Path):
    place = tmp_path / "run"
    own = ["--model.attention=scaled_dot", "--run", str(place)]
    trained = run("train", *own, *data(tiny_splits), *TINY, extension=file)
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout)["n"] == SIZES["test"]
    # Its export needs none of its code.
    asked = [sys.executable, "-m", "pipeline", "predict", str(place / "export")]
    answered = subprocess.run(asked, input="ab\n", cwd=ROOT, capture_output=True, text=True)
    assert answered.returncode == 0, answered.stderr
    # A run needs it, and no run has a file imported: who opens it says so.
    refused = run("predict", str(place), "-")
    assert refused.returncode == 2
    assert "'scaled_dot' is impossible" in refused.stderr
    assert VARIABLE in refused.stderr


@pytest.mark.slow
def test_it_is_tuned(file: Path, tiny_splits: dict[str, str], tmp_path: Path):
    space = tmp_path / "my.space.yaml"
    space.write_text("model.attention: {choices: [bahdanau, scaled_dot]}\n")
    tuned = ["--tune.space", str(space), "--tune.algorithm=grid", "--tune.trials=2", "--tune.epochs=1"]
    # The configuration's own value is tried first; said here, since it would follow from the data.
    own = ["--model.attention=bahdanau", "--run", str(tmp_path / "run")]
    done = run("tune", *own, *tuned, *data(tiny_splits), *TINY, extension=file)
    assert done.returncode == 0, done.stderr
    assert "scaled_dot" in done.stdout


def test_a_name_that_nobody_registered_is_refused(tiny_splits: dict[str, str], tmp_path: Path):
    refused = run("train", "--model.attention=scaled_dot", "--run", str(tmp_path / "run"), *data(tiny_splits))
    assert refused.returncode == 2
    assert "model.attention: scaled_dot is impossible, it must be bahdanau or multi_head_bahdanau" in refused.stderr
    assert not (tmp_path / "run").exists()


def test_what_a_program_itself_registers_is_not_tuned(file: Path, tiny_splits: dict[str, str], tmp_path: Path):
    asked = f"""
from pipeline import TuneConfiguration, UsageError, configure, tune
try:
    tune(configure(changes={{"model.attention": "scaled_dot"}}), TuneConfiguration(), {str(tmp_path / "run")!r})
except UsageError as error:
    print(error)
"""
    said = run(code=LAYER + asked)
    assert "put its class into a file of its own" in said.stdout, said.stderr


@pytest.fixture
def variable(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv(VARIABLE, raising=False)
    return monkeypatch


def test_what_cannot_be_imported_is_named(variable: pytest.MonkeyPatch, tmp_path: Path):
    from pipeline.errors import UsageError

    (tmp_path / "broken.py").write_text("1 / 0")
    for name in ("no_such_module", str(tmp_path / "none.py"), str(tmp_path / "broken.py")):
        variable.setenv(VARIABLE, name)
        for _ in range(2):
            with pytest.raises(UsageError, match=r"ATTENTIF_IMPORT: .* cannot be imported"):
                import_extensions()


def test_a_file_is_imported_once(variable: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "once.py").write_text("print('imported')")
    variable.setenv(VARIABLE, os.pathsep.join([str(tmp_path / "once.py")] * 2))
    import_extensions()
    assert capsys.readouterr().out == "imported\n"


def test_a_file_may_be_imported_by_its_name_too(file: Path):
    code = "from pipeline.process.extensions import import_extensions; import_extensions(); import sys; "
    code += f"sys.path.insert(0, {str(file.parent)!r}); import scaled_dot; print(scaled_dot.ScaledDotAttention)"
    found = run(code=code, extension=file)
    assert "scaled_dot.ScaledDotAttention" in found.stdout, found.stderr


def test_two_kinds_cannot_have_one_name():
    import layers

    class Another(layers.Attention):
        pass

    with pytest.raises(ValueError, match="'bahdanau' is the name of another kind"):
        layers.register_attention("bahdanau", Another)
    with pytest.raises(ValueError, match=r"int is no layers\.Attention"):
        layers.register_attention("mine", int)  # type: ignore[arg-type]


def test_settings_and_layers_have_the_same_kinds():
    from layers.attention.base import Wanted
    from layers.attention.kinds import ATTENTIONS
    from layers.cells.kinds import CELLS, DECODER_CELLS
    from pipeline.settings.kinds import ATTENTION_KINDS, ENCODER_CELLS

    # The hard one has a decoder of its own.
    soft = {name: kind for name, kind in ATTENTION_KINDS.items() if not kind.is_hard}
    assert list(ATTENTIONS) == list(soft)
    for name, kind in soft.items():
        layer = ATTENTIONS[name](Wanted(units=4, attention_units=4, heads=2))
        assert (kind.looks, kind.takes_coverage, kind.has_heads) == (
            layer.looks,
            layer.takes_coverage,
            layer.has_head_axis,
        )
    assert list(ENCODER_CELLS) == list(DECODER_CELLS)
    assert set(ENCODER_CELLS.values()) <= set(CELLS)
