import json
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_text
from tensorflow.python.framework import op_def_registry

from benchmarks.export_loaders import KINDS, make_model
from pipeline.saved_models.custom_operations import LIBRARIES, libraries_of, needed_libraries
from pipeline.saved_models.export_info import EXPORT_INFO, GRAPH
from pipeline.saved_models.saved_graph import ALLOWED


def test_every_operation_that_is_not_tensorflows_has_a_library():
    known = {name for name in ALLOWED if hasattr(tf.raw_ops, name)} | {"Placeholder"}
    others = {name for name in ALLOWED - known if op_def_registry.get(name) is not None}
    assert others == frozenset().union(*LIBRARIES.values())


def test_the_libraries_hold_them():
    folder = Path(tensorflow_text.__file__).parent / "python" / "ops"
    for name, operations in LIBRARIES.items():
        content = (folder / name).read_bytes()
        assert all(operation.encode() in content for operation in operations)


def test_an_export_names_what_it_needs(tiny_export: Path):
    info = json.loads((tiny_export / EXPORT_INFO).read_text(encoding="utf-8"))
    assert info["custom_operations"] == ["_normalize_ops.so"] == needed_libraries(tiny_export / GRAPH)


def test_libraries_of_nothing():
    assert libraries_of(["Const", "MatMul"]) == []


@pytest.mark.parametrize(
    ("kind", "library"),
    [
        ("bpe", "_sentencepiece_tokenizer.so"),
        ("unigram", "_sentencepiece_tokenizer.so"),
        ("wordpiece", "_fast_wordpiece_tokenizer.so"),
        ("space", None),
    ],
)
def test_subwords_need_more(kind: str, library: str | None, tmp_path: Path):
    """That these suffice, a program in C shows (`tests/whole/test_export_loaders.py`)."""
    model = make_model(KINDS[kind], tmp_path)
    graph = model.score.get_concrete_function().graph.as_graph_def()
    operations = {node.op for part in graph.library.function for node in part.node_def}
    assert libraries_of(operations) == ["_normalize_ops.so", *([library] if library else [])]
