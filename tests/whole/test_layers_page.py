"""The page about the layers: its examples run, and what they save is loaded where only `layers` is imported."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import layers

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "layers.md").read_text(encoding="utf-8")
LOAD = """
import sys
import numpy as np
import layers, keras
folder = sys.argv[1]
model = keras.saving.load_model(folder + "/backwards.keras")
given = [np.load(folder + name) for name in ("/words.npy", "/shifted.npy")]
np.save(folder + "/answer.npy", model.predict(given, verbose=0))
"""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names of the page's examples after all of them ran, and the folder that they ran in."""
    folder, here = tmp_path_factory.mktemp("page"), Path.cwd()
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    names: dict[str, Any] = {"folder": folder}
    os.chdir(folder)
    try:
        for block in blocks:
            exec(compile(block, "docs/layers.md", "exec"), names)
    finally:
        os.chdir(here)
    assert len(blocks) == 3
    return names


def test_the_model_learns(example: dict[str, Any]):
    losses = example["history"].history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_the_loaded_model_answers_the_same(example: dict[str, Any]):
    given = [example["words"][:3], example["shifted"][:3]]
    expected = example["model"].predict(given, verbose=0)
    np.testing.assert_array_equal(example["again"].predict(given, verbose=0), expected)


@pytest.mark.slow
def test_a_fresh_process_needs_nothing_but_the_import(example: dict[str, Any]):
    folder = example["folder"]
    for name in ("words", "shifted"):
        np.save(folder / f"{name}.npy", example[name][250:260])
    subprocess.run([sys.executable, "-c", LOAD, str(folder)], cwd=ROOT, check=True, capture_output=True)
    expected = example["model"].predict([example["words"][250:260], example["shifted"][250:260]], verbose=0)
    np.testing.assert_allclose(np.load(folder / "answer.npy"), expected, rtol=1e-5, atol=1e-5)


def test_single_steps_write_what_the_model_does(example: dict[str, Any]):
    words = example["words"][254:258]  # some are padded
    written = np.asarray(example["write_backwards"](words, 5))
    shifted = np.concatenate([np.full((len(words), 1), example["START"]), written[:, :-1]], axis=1)
    expected = example["model"].predict([words, shifted], verbose=0).argmax(axis=-1)
    np.testing.assert_array_equal(written, expected)


def test_the_classifier_looks_at_symbols_only(example: dict[str, Any]):
    probabilities, weights = example["classifier"].predict(example["words"][:2], verbose=0)
    assert probabilities.shape == (2, 3)
    assert (weights[:, 3:] == 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


def test_the_page_names_what_there_is():
    for name in set(layers.__all__) - {"AttentionMemory", "plain_unroll"}:
        assert f"`{name}`" in PAGE, name
    decoder_and_more = [layers.AttentionDecoder, layers.MultiHeadBahdanauAttention, layers.GRUCell]
    for kind in decoder_and_more:
        methods = [name for name in dir(kind) if getattr(getattr(kind, name), "makes_node", False)]
        assert methods
        for name in methods:
            assert f"`{name}(" in PAGE, name
