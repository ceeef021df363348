import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from pipeline.errors import DataError
from pipeline.export_info import EXPORT_INFO, checksums
from pipeline.loading import load_predictor
from pipeline.saved_graph import require_harmless


def save(folder: Path, function: Callable[[tf.Tensor], Any], **more: Any) -> Path:
    """A model of a stranger's."""
    module = tf.Module()
    module.decode = tf.function(function, [tf.TensorSpec([None], tf.string)], autograph=False)
    for name, value in more.items():
        setattr(module, name, value)
    tf.saved_model.save(module, str(folder))
    return folder / "saved_model.pb"


def overwrite(source: tf.Tensor) -> tf.Tensor:
    tf.io.write_file(source[0], "mine now")
    return source


def save_elsewhere(source: tf.Tensor) -> tf.Tensor:
    tf.raw_ops.SaveV2(prefix=source[0], tensor_names=["x"], shape_and_slices=[""], tensors=[source])
    return source


def print_elsewhere(source: tf.Tensor) -> tf.Tensor:
    tf.raw_ops.PrintV2(input=source[0], output_stream="file:///tmp/strange")
    return source


STRANGE: dict[str, Callable[[tf.Tensor], Any]] = {
    "ReadFile": lambda source: tf.map_fn(tf.io.read_file, source),
    "WriteFile": overwrite,
    "MatchingFiles": lambda source: tf.io.matching_files(source),
    "PyFunc": lambda source: tf.numpy_function(lambda value: value, [source], tf.string),
    "EagerPyFunc": lambda source: tf.py_function(lambda value: value, [source], tf.string),
    "RestoreV2": lambda source: tf.raw_ops.RestoreV2(
        prefix=source[0], tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32]
    ),
    "SaveV2": save_elsewhere,
    "PrintV2": print_elsewhere,
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_refused(name: str, tmp_path: Path):
    path = save(tmp_path, STRANGE[name])
    with pytest.raises(DataError, match=rf"saved_model\.pb: refused: its graph holds the operation {name} "):
        require_harmless(path)


def test_what_hides_in_a_function_or_a_branch(tmp_path: Path):
    inner = tf.function(lambda source: tf.io.read_file(source[0]), [tf.TensorSpec([None], tf.string)], autograph=False)
    path = save(tmp_path, lambda source: tf.cond(tf.size(source) > 3, lambda: inner(source), lambda: ""))
    with pytest.raises(DataError, match="the operation ReadFile"):
        require_harmless(path)


def test_files_that_it_brings_along(tmp_path: Path):
    (tmp_path / "words").write_text("a\n")
    path = save(tmp_path / "model", lambda source: source, words=tf.saved_model.Asset(str(tmp_path / "words")))
    with pytest.raises(DataError, match="refused: it names a file to read, 'words'"):
        require_harmless(path)


def test_functions_of_the_saver_are_for_the_saver_alone(tiny_export: Path, tmp_path: Path):
    """The functions that save and restore read and write files; nothing else may call them."""
    path = tmp_path / "saved_model.pb"
    model = saved_model_pb2.SavedModel()
    model.ParseFromString((tiny_export / "saved_model.pb").read_bytes())
    path.write_bytes(model.SerializeToString())
    require_harmless(path)
    meta = model.meta_graphs[0]
    [saver] = [node for node in meta.graph_def.node if node.name == meta.saver_def.restore_op_name]
    caller = meta.graph_def.library.function[0].node_def.add()
    caller.name, caller.op = "again", "StatefulPartitionedCall"
    caller.attr["f"].func.name = saver.attr["f"].func.name
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="the operation RestoreV2"):
        require_harmless(path)


def test_other_layouts_and_objects(tiny_export: Path, tmp_path: Path):
    model, path = saved_model_pb2.SavedModel(), tmp_path / "saved_model.pb"
    model.ParseFromString((tiny_export / "saved_model.pb").read_bytes())
    item = model.meta_graphs[0].object_graph_def.nodes[0]
    item.registered_name = "Custom>Thing"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="refused: it holds an object of the kind 'Custom>Thing'"):
        require_harmless(path)
    model.meta_graphs[0].ClearField("object_graph_def")
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="refused: it has another layout"):
        require_harmless(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(DataError, match="the exported model is damaged"):
        require_harmless(path)


def test_an_export_with_a_strange_graph_is_not_loaded(
    tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its checksums are right: they say nothing of where it comes from."""
    place = tmp_path / "export"
    save(place, overwrite)
    info = json.loads((tiny_export / EXPORT_INFO).read_text(encoding="utf-8"))
    (place / EXPORT_INFO).write_text(json.dumps({**info, "files": checksums(place)}))
    monkeypatch.setattr("pipeline.loading.tf.saved_model.load", lambda path: pytest.fail("loaded"))
    with pytest.raises(DataError, match="refused: its graph holds the operation WriteFile"):
        load_predictor(place)
    shutil.rmtree(place)
