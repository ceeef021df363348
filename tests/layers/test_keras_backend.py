"""Another backend: one sentence when the layers are imported, whether or not that backend is installed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from layers.keras_backend import require_tensorflow


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """As in a process that has imported nothing yet."""
    for name in ("KERAS_BACKEND", "TF_USE_LEGACY_KERAS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.delitem(sys.modules, "tf_keras", raising=False)


@pytest.mark.parametrize("value", ["tensorflow", ""])
def test_tensorflow_is_right(value: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KERAS_BACKEND", value)
    require_tensorflow()


def test_the_environment_names_another(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KERAS_BACKEND", "openvino")
    with pytest.raises(ImportError, match=r"KERAS_BACKEND says 'openvino': set .* KERAS_BACKEND=tensorflow"):
        require_tensorflow()


def test_keras_own_file_names_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "jax"}))
    with pytest.raises(ImportError, match=r"keras\.json says 'jax'"):
        require_tensorflow()
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    require_tensorflow()


@pytest.mark.parametrize("content", ["", "[]", "{", "{}"])
def test_a_file_that_says_nothing(content: str, tmp_path: Path):
    (tmp_path / "keras.json").write_text(content)
    require_tensorflow()


def test_the_keras_that_is_there_has_another(monkeypatch: pytest.MonkeyPatch):
    keras = ModuleType("keras")
    keras.config = SimpleNamespace(backend=lambda: "torch")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keras", keras)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")  # set too late
    with pytest.raises(ImportError, match="the Keras that is imported already says 'torch'"):
        require_tensorflow()


@pytest.mark.parametrize("value", ["1", "True"])
def test_keras_2_is_in_use(value: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", value)
    require_tensorflow()  # nobody has asked for it yet, and keras is Keras 3
    monkeypatch.setitem(sys.modules, "tf_keras", ModuleType("tf_keras"))
    with pytest.raises(ImportError, match=r"TF_USE_LEGACY_KERAS makes tf\.keras Keras 2"):
        require_tensorflow()


def test_the_sentence_is_what_an_import_ends_in():
    # PyTorch is not installed here: Keras itself would fail, and not say why.
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run([sys.executable, "-c", "import layers"], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ImportError: the layers need Keras's TensorFlow backend, but the")
