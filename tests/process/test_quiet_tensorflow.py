"""Keras is what the pipeline needs, whatever the shell has."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.process import quiet_tensorflow
from pipeline.process.quiet_tensorflow import import_tensorflow, set_keras_environment

ROOT = Path(__file__).parents[2]
HAZARDS = {
    "KERAS_BACKEND": "torch",
    "TF_USE_LEGACY_KERAS": "1",
    "KERAS_MAX_EPOCHS": "none",
    "KERAS_NNX_ENABLED": "true",
    "MPLBACKEND": "TkAgg",
    "TF_CPP_MIN_LOG_LEVEL": "0",
    "COLUMNS": "10",
}


def test_the_shell_chooses_nothing(monkeypatch: pytest.MonkeyPatch):
    for name, value in HAZARDS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    set_keras_environment()
    assert sorted(name for name in os.environ if "KERAS" in name) == [
        "KERASTUNER_TUNER_ID",
        "KERAS_BACKEND",
        "KERAS_HOME",
    ]
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


@pytest.mark.slow
def test_neither_keras_json_nor_variables_matter(tmp_path: Path):
    (tmp_path / ".keras").mkdir()
    file = tmp_path / ".keras" / "keras.json"
    settings = {"backend": "jax", "floatx": "float16", "image_data_format": "channels_first", "epsilon": 0.5}
    file.write_text(json.dumps(settings))
    code = "from pipeline.process.quiet_tensorflow import import_tensorflow; import_tensorflow(); import keras; "
    code += "from keras import config as c; print(c.backend(), c.floatx(), c.image_data_format(), "
    code += "c.epsilon(), keras.__version__[0])"
    environment = {**os.environ, **HAZARDS, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment.pop("KERAS_HOME", None)
    result = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout == "tensorflow float32 channels_last 1e-07 3\n", result.stderr
    assert json.loads(file.read_text()) == settings


def test_that_each_of_many_models_is_traced_is_no_news():
    import_tensorflow()
    said = "5 out of the last 7 calls to <function {} at 0x7f> triggered tf.function retracing."
    messages = [said.format("StringModel.decode"), said.format("mine"), "StringModel"]
    records = [logging.makeLogRecord({"msg": message}) for message in messages]
    assert [quiet_tensorflow._is_news(record) for record in records] == [False, True, True]
    assert quiet_tensorflow._is_news in logging.getLogger("tensorflow").filters


def test_somebody_elses_layers_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "layers.py").touch()
    code = "from pipeline.process.quiet_tensorflow import import_tensorflow; import_tensorflow()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    result = subprocess.run([sys.executable, "-c", code], env=environment, cwd="/", capture_output=True, text=True)
    assert f"import layers finds {tmp_path / 'layers.py'} in the place of {ROOT}" in result.stderr


def test_a_memory_limit_below_what_tensorflow_takes_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(quiet_tensorflow, "memory_limit", lambda: 1_000_000_000)
    with pytest.raises(UsageError, match=r"memory limit of 1\.0 GB \(ulimit -v\) is too small"):
        import_tensorflow()


@pytest.mark.slow
def test_a_command_imports_nothing_that_keras_has_for_others_and_a_notebook_all():
    code = "import sys; from pipeline.process.quiet_tensorflow import import_tensorflow; import_tensorflow({}); "
    code += "from keras.src.wrappers import fixes; print('matplotlib' in sys.modules, 'sklearn' in sys.modules, "
    code += "fixes.sklearn is None); import matplotlib, gc; print(gc.isenabled())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code.format("")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.stdout == "False False True\nTrue\n", result.stderr
    command = [sys.executable, "-c", code.format("alone=False").replace("fixes.sklearn is None", "True")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.stdout.split()[0] == "True", result.stderr


TEXT = """
import sys
from pipeline.process.quiet_tensorflow import import_tensorflow
import_tensorflow()
from pipeline.text.normalization import normalize
from pipeline.text.tokenizers import FastWordpieceTokenizer, SentencepieceTokenizer
import pipeline.training.run, pipeline.evaluation.evaluate, pipeline.saved_models.opening
print(normalize(["e\u0301"]).numpy()[0].decode() == "\u00e9")
print("tensorflow_text" in sys.modules, sum(name.startswith("tensorflow_text.python.ops.") for name in sys.modules) < 8)
import tensorflow_text
print(tensorflow_text.WhitespaceTokenizer().tokenize(["a b"]).to_list())
print(tensorflow_text.SentencepieceTokenizer is SentencepieceTokenizer)
"""


def test_a_command_imports_what_texts_need_of_tensorflow_text_and_whoever_wants_it_whole_gets_it():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", TEXT], env=environment, capture_output=True, text=True)
    assert result.stdout.splitlines() == ["True", "False True", "[[b'a', b'b']]", "True"], result.stderr
