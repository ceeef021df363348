"""Exports in a session of a process of its own, which is how TensorFlow Serving, C, Go and Java run them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_text
from tensorflow.core.protobuf import saved_model_pb2

from benchmarks.export_loaders import (
    KINDS,
    SIGNATURES,
    TOLERANCE,
    Kind,
    answers_here,
    examine,
    make_batches,
    make_model,
)
from pipeline.saved_models.export import save_string_model
from pipeline.saved_models.export_info import EXPORT_INFO

# What the program in C prints as it is.
PLAIN = {chr(byte) for byte in range(32, 127)} - {"\\"}
# Much of the table in two models.
TOGETHER = {
    "one": Kind(
        {"attention": "multi_head_bahdanau", "cell": "layer_norm_gru", "coverage": True, "input_feeding": True},
        "bpe",
        {"replace_unknown": True},
        dictionary={"zebra": "Z"},
    ),
    "several": Kind(
        {"cell": "conditional_gru", "tied_embeddings": True},
        "wordpiece",
        {"method": "sample"},
        others=({"attention": "luong_general", "cell": "layer_norm_lstm"},),
        averaged=True,
    ),
}


@pytest.mark.parametrize("name", ["several", pytest.param("one", marks=pytest.mark.slow)])
def test_every_signature_answers_alike(name: str):
    try:
        found = examine({name: TOGETHER[name]}, make_batches()[1:3], fast=True)
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    assert set(found[name]) == set(SIGNATURES)
    assert not {name: row for name, row in found.items() if max(row.values()) > TOLERANCE}


@pytest.mark.slow
def test_every_kind_answers_alike():
    try:
        found = examine(KINDS, make_batches()[1:3], fast=True)
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    assert len(found) == len(KINDS) > 20
    assert not {name: row for name, row in found.items() if max(row.values()) > TOLERANCE}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no compiler")
@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "space"])
def test_a_program_in_c_is_told_the_same(kind: str, tmp_path: Path):
    """Through the interface that Go, Java and Rust have, too, with those libraries alone that the export names."""
    model = make_model(KINDS[kind], tmp_path)
    save_string_model(model, tmp_path / "export", {})
    program = compile_program(tmp_path)
    saved = saved_model_pb2.SavedModel.FromString((tmp_path / "export" / "saved_model.pb").read_bytes())
    given = {"source": "the cat", "prefix": "a", "target": "a dog", "target_tokens": "a"}
    batch = {name: [text.encode().decode("latin-1")] for name, text in given.items()}
    expected = answers_here(model, [{**batch, "target_tokens": [batch["target_tokens"]]}])
    folder = Path(tensorflow_text.__file__).parent / "python" / "ops"
    named = json.loads((tmp_path / "export" / EXPORT_INFO).read_text(encoding="utf-8"))["custom_operations"]
    libraries = [str(folder / name) for name in named]
    for name in SIGNATURES:
        signature = saved.meta_graphs[0].signature_def[name]
        inputs = [
            f"{'+' * (len(spec.tensor_shape.dim) - 1)}{spec.name}={given[key]}"
            for key, spec in signature.inputs.items()
        ]
        outputs = sorted(signature.outputs)
        arguments = [*inputs, *(signature.outputs[key].name for key in outputs)]
        command = [program, tmp_path / "export", ",".join(libraries), *arguments]
        lines = subprocess.check_output(command, text=True).splitlines()
        assert len(lines) == len(outputs) > 4
        for key, line in zip(outputs, lines, strict=True):
            value = expected[name][0][key].ravel()[0]
            if isinstance(value, bytes):
                assert line == "".join(
                    chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02x}" for byte in value
                )
            else:
                assert float(line) == pytest.approx(float(value), abs=TOLERANCE)
    for left_out in libraries:
        fewer = ",".join(library for library in libraries if library != left_out)
        failed = subprocess.run([program, tmp_path / "export", fewer, *arguments], capture_output=True, text=True)
        assert failed.returncode == 1
        assert "Op type not registered" in failed.stderr


def compile_program(folder: Path) -> Path:
    libraries = tf.sysconfig.get_lib()
    program, source = folder / "answer", Path(__file__).parents[2] / "benchmarks" / "answer.c"
    linking = [f"-L{libraries}", f"-Wl,-rpath,{libraries}"]
    linking += [f"-l:{name}" for name in ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")]
    command = ["gcc", "-Wall", "-Werror", f"-I{tf.sysconfig.get_include()}", str(source), *linking, "-o", str(program)]
    subprocess.run(command, check=True)
    return program
