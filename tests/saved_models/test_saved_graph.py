import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2
from tensorflow.core.protobuf import saved_model_pb2

from pipeline.errors import DataError
from pipeline.saved_models.export_info import EXPORT_INFO, checksums
from pipeline.saved_models.loading import load_predictor
from pipeline.saved_models.saved_graph import require_harmless


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


def loop_of_two(meta: Any) -> None:
    for name, other in (("ping", "pong"), ("pong", "ping")):
        add_function(meta, name, other)


def doubling(meta: Any) -> None:
    """Each of a few functions calls the next one twice."""
    for place in range(40):
        add_function(meta, f"level{place}", *[f"level{place + 1}"] * 2)
    add_function(meta, "level40")


def add_function(meta: Any, name: str, *called: str) -> Any:
    function = meta.graph_def.library.function.add()
    function.signature.name = name
    for place, other in enumerate(called):
        node = function.node_def.add()
        node.name, node.op = f"call{place}", "PartitionedCall"
        node.attr["f"].func.name = other
    return function


def saver_function(meta: Any) -> str:
    [node] = [node for node in meta.graph_def.node if node.name == meta.saver_def.restore_op_name]
    return node.attr["f"].func.name


def saver_through_an_attribute(meta: Any) -> None:
    node = add_function(meta, "outer", meta.graph_def.library.function[0].signature.name).node_def[0]
    node.attr["f"].func.attr["g"].func.name = saver_function(meta)


def saver_implements(meta: Any) -> None:
    [function] = [part for part in meta.graph_def.library.function if part.signature.name == saver_function(meta)]
    function.attr["api_implements"].s = b"harmless"


def use_saver(meta: Any) -> None:
    node = meta.graph_def.node.add(name="again", op="Identity", input=[f"^{meta.saver_def.restore_op_name}"])
    node.attr["T"].type = 1


def constant(meta: Any, dtype: int, sizes: list[int], **values: Any) -> None:
    node = meta.graph_def.node.add(name="large", op="Const")
    node.attr["dtype"].type = dtype
    tensor = node.attr["value"].tensor
    tensor.dtype = dtype
    for size in sizes:
        tensor.tensor_shape.dim.add(size=size)
    for name, value in values.items():
        if isinstance(value, list):
            getattr(tensor, name).extend(value)
        else:
            setattr(tensor, name, value)


def first_call(meta: Any) -> Any:
    return next(node for node in meta.graph_def.node if node.op == "StatefulPartitionedCall")


def any_object(meta: Any, kind: str) -> Any:
    return next(node for node in meta.object_graph_def.nodes if node.HasField(kind))


FLOAT, INT32, INT64 = 1, 3, 9
TOO_LARGE = "its constants have more than 134,217,728 numbers or strings"
TAMPERED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "itself": (lambda meta: add_function(meta, "again", "again"), "its function 'again' calls itself"),
    "one another": (loop_of_two, "its function 'p[io]ng' calls itself"),
    "ever more": (doubling, r"its function 'level\d+' is more than 33,554,432 operations"),
    "function's attribute": (saver_through_an_attribute, "'f' with attributes of its own"),
    "api_implements": (saver_implements, "has an attribute 'api_implements'"),
    "after the saver": (use_saver, "the operation (RestoreV2|SaveV2|ShardedFilename|MergeV2Checkpoints)"),
    "unknown attribute": (lambda meta: meta.graph_def.node[0].attr["_kernel"].CopyFrom(number(1)), "'_kernel'"),
    "argument": (lambda meta: meta.graph_def.library.function[0].arg_attr[0].attr["_x"].CopyFrom(number(1)), "'_x'"),
    "polymorphic": (lambda meta: meta.graph_def.library.function[0].signature.attr.add(name="T"), "of several kinds"),
    "device": (lambda meta: setattr(meta.graph_def.node[0], "device", "/job:worker/task:1"), "for the device '/job:w"),
    "variable": (lambda meta: setattr(any_object(meta, "variable").variable, "device", "/job:ps"), "device '/job:ps'"),
    "2**62 ones": (lambda meta: constant(meta, FLOAT, [2**62], float_val=[1.0]), TOO_LARGE),
    "2**40 ones": (lambda meta: constant(meta, FLOAT, [2**20, 2**20], float_val=[1.0]), TOO_LARGE),
    "many": (lambda meta: [constant(meta, FLOAT, [2**26], float_val=[1.0]) for _ in range(3)], TOO_LARGE),
    "a size": (lambda meta: constant(meta, INT64, [1], int64_val=[2**62]), TOO_LARGE),
    "a packed size": (lambda meta: constant(meta, INT64, [1], tensor_content=b"\xff" * 7 + b"\x3f"), TOO_LARGE),
    "assets": (lambda meta: meta.collection_def["saved_model_assets"].node_list.value.append("x"), "a collection"),
    "tags": (lambda meta: meta.meta_info_def.tags.append("train"), "it is for 'serve', 'train', not for 'serve'"),
    "gradients": (lambda meta: meta.graph_def.library.gradient.add(function_name="f"), "it holds gradients"),
    "defaults": (lambda meta: meta.signature_def["score"].defaults["source"].SetInParent(), "of another kind"),
    "options": (
        lambda meta: setattr(first_call(meta).attr["config_proto"], "s", b"\x10\x64"),
        "says how it is run, in 'config_proto'",
    ),
    "executor": (lambda meta: setattr(first_call(meta).attr["executor_type"], "s", b"X"), "in 'executor_type'"),
    "own saver": (
        lambda meta: any_object(meta, "variable").saveable_objects["x"].SetInParent(),
        "saved in a way of its own, 'x'",
    ),
}


def number(value: int) -> attr_value_pb2.AttrValue:
    return attr_value_pb2.AttrValue(i=value)


@pytest.mark.parametrize("name", TAMPERED)
def test_what_hides_where_nobody_looks(name: str, tiny_export: Path, tmp_path: Path):
    model, path = saved_model_pb2.SavedModel(), tmp_path / "saved_model.pb"
    model.ParseFromString((tiny_export / "saved_model.pb").read_bytes())
    change, message = TAMPERED[name]
    change(model.meta_graphs[0])
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match=message) as caught:
        require_harmless(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("more", [b"\xfa\x7f\x01x", b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x12\x80" * 200])
def test_what_no_message_holds(more: bytes, tiny_export: Path, tmp_path: Path):
    """Fields that are unknown, and lengths that there cannot be."""
    path = tmp_path / "saved_model.pb"
    path.write_bytes((tiny_export / "saved_model.pb").read_bytes() + more)
    with pytest.raises(DataError, match=r"(does not know|damaged)"):
        require_harmless(path)


def test_files_beyond_measure(tmp_path: Path):
    with open(tmp_path / "saved_model.pb", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataError, match="refused: it has more than 1,073,741,824 bytes"):
        require_harmless(tmp_path / "saved_model.pb")


def test_an_export_with_a_strange_graph_is_not_loaded(
    tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its checksums are right: they say nothing of where it comes from."""
    place = tmp_path / "export"
    save(place, overwrite)
    info = json.loads((tiny_export / EXPORT_INFO).read_text(encoding="utf-8"))
    (place / EXPORT_INFO).write_text(json.dumps({**info, "files": checksums(place)}))
    monkeypatch.setattr("pipeline.saved_models.loading.tf.saved_model.load", lambda path: pytest.fail("loaded"))
    with pytest.raises(DataError, match="refused: its graph holds the operation WriteFile"):
        load_predictor(place)
    shutil.rmtree(place)
