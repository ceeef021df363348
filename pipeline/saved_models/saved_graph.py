"""What the graph of a SavedModel may hold: nothing that reads or writes files, talks to a network or runs Python.

A SavedModel is a program. TensorFlow runs parts of it as it loads, and the rest when asked, and among its operations
are some that read and write any file. What is allowed is listed, not what is forbidden: TensorFlow has some 1,500
operations, libraries add others, and a list of the dangerous ones would be wrong with the next version. Those listed
compute with numbers and strings, and keep variables, tables and tokenizers.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError, Message
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import config_pb2, saved_model_pb2
from tensorflow.python.framework import op_def_registry

from pipeline.errors import DataError
from pipeline.saved_models.export_info import how_to_export

ARITHMETIC = """
    Abs Add AddN AddV2 All Any ArgMax BatchMatMulV2 BatchMatMulV3 BiasAdd BitwiseXor Cast Ceil ClipByValue Cos Cumsum
    DenseBincount DivNoNan Einsum Elu Equal Erf Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual IsFinite IsInf
    IsNan LeakyRelu Less LessEqual Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max Maximum Mean Min
    Minimum Mul Neg NotEqual Pow Prod RealDiv Reciprocal Relu RightShift Round Rsqrt Select SelectV2 Sigmoid Sign Sin
    Softmax Softplus Sqrt Square SquaredDifference Sub Sum Tanh TopKV2 UnsortedSegmentMax UnsortedSegmentSum
"""
SHAPES = """
    BroadcastArgs BroadcastTo ConcatV2 Const EnsureShape ExpandDims Fill GatherNd GatherV2 Identity IdentityN
    InvertPermutation LinSpace OneHot OnesLike Pack Pad PadV2 Range Rank Reshape ReverseV2 ScatterNd Shape ShapeN Size
    Slice Snapshot Split SplitV Squeeze StopGradient StridedSlice TensorScatterUpdate Tile Transpose Unpack Where
    ZerosLike
"""
STRINGS = """
    AsString LookupTableFindV2 LookupTableImportV2 LookupTableSizeV2 HashTableV2 NormalizeUTF8
    RaggedGather RaggedRange RaggedTensorToTensor ReduceJoin RegexReplace SentencepieceDetokenizeOp SentencepieceOp
    SentencepieceTokenizeOp StaticRegexFullMatch StaticRegexReplace StringJoin StringLength StringLower StringSplitV2
    StringStrip Substr FastWordpieceTokenizeWithOffsets UnicodeDecode UnicodeDecodeWithOffsets UnicodeEncode
    UnicodeTranscode UnsortedSegmentJoin
"""
CONTROL = """
    Assert Case If NoOp PartitionedCall Placeholder StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile
    TensorListConcatV2 TensorListFromTensor TensorListGetItem TensorListLength TensorListReserve TensorListResize
    TensorListSetItem TensorListStack While
"""
VARIABLES = "AssignVariableOp DisableCopyOnRead ReadVariableOp VarHandleOp VarIsInitializedOp"
ALLOWED = frozenset(" ".join([ARITHMETIC, SHAPES, STRINGS, CONTROL, VARIABLES]).split())
# Every SavedModel has a function that saves its variables, and one that restores them. The loader here calls neither.
SAVING = frozenset(["MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"])
# Beside those that an operation declares.
NODE_ATTRIBUTES = frozenset(["_class", "_collective_manager_ids", "_has_manual_control_dependencies"]) | frozenset(
    ["_lower_using_switch_merge", "_num_original_outputs", "_output_shapes", "_read_only_resource_inputs"]
)
FUNCTION_ATTRIBUTES = frozenset(["_construction_context", "_input_shapes", "_noinline"])
ARGUMENT_ATTRIBUTES = frozenset(["_output_shapes", "_user_specified_name"])
OBJECTS = frozenset(["_generic_user_object", "signature_map", "trackable_dict_wrapper", "trackable_list_wrapper"])
REGISTERED = frozenset(["", "tf.StaticHashTable", "tf.TrackableConstant"])
COLLECTIONS = frozenset(["saved_model_main_op"])
# How a function is run, of what a session could be told.
CALL_OPTIONS = frozenset(
    ["allow_soft_placement", "device_count", "experimental", "gpu_options", "graph_options", "pluggable_device_options"]
)
_DEVICE = re.compile(r"((/job:localhost)?(/replica:0)?(/task:0)?/device:[CG]PU:([0-9]{1,3}|\*))?")
LARGEST_FILE = 1 << 30
# Of all constants together, and of a whole number in one, which may be a size.
LARGEST_CONSTANTS, LARGEST_NUMBER = 1 << 27, 1 << 31
# Operations, if each function were written out where it is called: those of exports have some 20,000 for each member.
MOST_OPERATIONS = 1 << 25


def require_harmless(path: Path) -> None:
    """Look through a `saved_model.pb` before TensorFlow loads it.

    What it cannot tell is how long the model takes, how much memory for what it computes, and whether its answers are
    right.

    Raises:
        DataError: It is damaged, or holds what no export of this project holds.
        OSError: It cannot be read.
    """
    model = saved_model_pb2.SavedModel()
    if path.stat().st_size > LARGEST_FILE:
        raise DataError(f"{path}: refused: it has more than {LARGEST_FILE:,} bytes; {how_to_export(path.parent)}")
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise DataError(f"{path}: the exported model is damaged ({error}); {how_to_export(path.parent)}") from error
    for fault in _faults(model):
        raise DataError(f"{path}: refused: {fault}, as no export of a run does; {how_to_export(path.parent)}")


def _faults(model: Message) -> Iterator[str]:
    """What is wrong with it, in words."""
    if len(model.meta_graphs) != 1 or not model.meta_graphs[0].HasField("object_graph_def"):
        # TensorFlow would load it in the way of its first version, which runs more of it.
        yield "it has another layout"
        return
    size = model.ByteSize()
    model.DiscardUnknownFields()
    if model.ByteSize() != size:
        yield "it holds what this version of TensorFlow does not know"
    meta = model.meta_graphs[0]
    yield from _faulty_parts(meta)
    for item in meta.object_graph_def.nodes:
        yield from _faulty_object(item)
    graph = _Graph(meta)
    yield from graph.faulty_calls()
    yield from graph.faulty_operations()


def _faulty_parts(meta: Message) -> Iterator[str]:
    if meta.asset_file_def:
        yield f"it names a file to read, {meta.asset_file_def[0].filename!r}"
    for name in meta.collection_def:
        if name not in COLLECTIONS:
            yield f"it holds a collection {name!r}"
    if list(meta.meta_info_def.tags) != ["serve"] or meta.meta_info_def.HasField("any_info"):
        yield f"it is for {', '.join(map(repr, meta.meta_info_def.tags)) or 'nothing'}, not for 'serve'"
    library = meta.graph_def.library
    if library.gradient or library.registered_gradients:
        yield "it holds gradients"
    for name, signature in meta.signature_def.items():
        inputs = [*signature.inputs.values(), *signature.outputs.values()]
        if signature.defaults or not all(part.WhichOneof("encoding") == "name" for part in inputs):
            yield f"its signature {name!r} has inputs of another kind"


def _faulty_object(item: Message) -> Iterator[str]:
    if item.HasField("asset") or item.registered_name not in REGISTERED or item.registered_saver:
        kind = item.registered_name or item.registered_saver or "asset"
        yield f"it holds an object of the kind {kind!r}"
    if item.HasField("user_object") and item.user_object.identifier not in OBJECTS:
        yield f"it holds an object of the kind {item.user_object.identifier!r}"
    if item.saveable_objects:
        yield f"it holds an object that is saved in a way of its own, {next(iter(item.saveable_objects))!r}"
    if item.variable.experimental_distributed_variable_components:
        yield f"it holds a variable in several parts, {item.variable.name!r}"
    if not _is_near(item.variable.device) or not _is_near(item.resource.device):
        yield f"it holds an object for the device {item.variable.device or item.resource.device!r}"


def _is_near(device: str) -> bool:
    """Whether a device is one of this machine, or not said."""
    return _DEVICE.fullmatch(device) is not None


class _Graph:
    """The operations of a graph and of its functions, by function; '' is the graph itself."""

    def __init__(self, meta: Message) -> None:
        self.meta, self.functions = meta, {part.signature.name: part for part in meta.graph_def.library.function}
        self.nodes = {"": meta.graph_def.node, **{name: part.node_def for name, part in self.functions.items()}}
        self.called = {name: _called(nodes) for name, nodes in self.nodes.items()}
        self.saver = {meta.saver_def.save_tensor_name.split(":")[0], meta.saver_def.restore_op_name}

    def faulty_calls(self) -> Iterator[str]:
        """Functions that call themselves, or one another so often that they would never end."""
        sizes: dict[str, int] = {}
        for name in self.nodes:
            # Depth first, without recursion: chains of calls may be longer than Python's stack.
            path = [(name, iter(self.called[name]))] if name not in sizes else []
            open_ = {name}
            while path:
                current, rest = path[-1]
                following = next((part for part in rest if part in self.functions and part not in sizes), None)
                if following in open_:
                    yield f"its function {following!r} calls itself"
                    return
                if following is not None:
                    open_.add(following)
                    path.append((following, iter(self.called[following])))
                    continue
                path.pop()
                open_.discard(current)
                sizes[current] = len(self.nodes[current]) + sum(sizes.get(part, 0) for part in self.called[current])
                if sizes[current] > MOST_OPERATIONS:
                    yield f"its function {current!r} is more than {MOST_OPERATIONS:,} operations"
                    return

    def faulty_operations(self) -> Iterator[str]:
        """Operations that are not allowed where they stand, their attributes, and those of functions."""
        saving = self._of_saver_alone()
        elements = 0
        for name, nodes in self.nodes.items():
            allowed = ALLOWED | SAVING if name in saving else ALLOWED
            for node in nodes:
                if node.op not in allowed and node.op not in self.functions:
                    yield f"its graph holds the operation {node.op} ({node.name})"
                    return
                yield from _faulty_attributes(node)
                if not _is_near(node.device):
                    yield f"its operation {node.name} is for the device {node.device!r}"
                elements += _count_elements(node)
                if elements > LARGEST_CONSTANTS:
                    yield f"its constants have more than {LARGEST_CONSTANTS:,} numbers or strings ({node.name})"
                    return
        for part in self.functions.values():
            yield from _faulty_function(part)

    def _of_saver_alone(self) -> set[str]:
        """The functions that only the two operations of the saver call: whatever else there is may be run."""
        of_saver = [node for node in self.nodes[""] if node.name in self.saver]
        others = [node for node in self.nodes[""] if node.name not in self.saver]
        if any(name.split(":")[0].lstrip("^") in self.saver for node in others for name in node.input):
            return set()
        own = self._reachable(_called(of_saver))
        apart = [name for name in self.functions if name not in own]
        return own - self._reachable([*_called(others), *self.meta.object_graph_def.concrete_functions, *apart])

    def _reachable(self, names: Iterable[str]) -> set[str]:
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in self.functions and name not in found:
                found.add(name)
                waiting += self.called[name]
        return found


def _called(nodes: Iterable[Message]) -> list[str]:
    """Names of the functions that operations are given, or that they are themselves."""
    names = []
    for node in nodes:
        names.append(node.op)
        for value in node.attr.values():
            kind = value.WhichOneof("value")
            if kind == "func":
                names.append(value.func.name)
            elif kind == "list":
                names += [function.name for function in value.list.func]
    return names


@functools.cache
def _declared(operation: str) -> frozenset[str]:
    """The attributes that an operation may have."""
    known = op_def_registry.get(operation)
    return NODE_ATTRIBUTES | {part.name for part in known.attr} if known else NODE_ATTRIBUTES


def _faulty_attributes(node: Message) -> Iterator[str]:
    declared = _declared(node.op)
    for name, value in node.attr.items():
        if name not in declared:
            yield f"its operation {node.name} has an attribute {name!r}"
        if value.WhichOneof("value") == "placeholder" or value.func.attr or any(f.attr for f in value.list.func):
            yield f"its operation {node.name} has an attribute {name!r} with attributes of its own"
        if name == "config_proto" and not _is_plain_call(value.s):
            yield f"its operation {node.name} says how it is run, in {name!r}"
        if name in ("executor_type", "config") and value.s:
            yield f"its operation {node.name} says how it is run, in {name!r}"


@functools.cache
def _is_plain_call(content: bytes) -> bool:
    options = config_pb2.ConfigProto()
    try:
        options.ParseFromString(content)
    except DecodeError:
        return False
    return {field.name for field, _ in options.ListFields()} <= CALL_OPTIONS


def _faulty_function(part: Message) -> Iterator[str]:
    name = part.signature.name
    arguments = [key for values in part.arg_attr.values() for key in values.attr if key not in ARGUMENT_ATTRIBUTES]
    for key in [*(key for key in part.attr if key not in FUNCTION_ATTRIBUTES), *arguments]:
        yield f"its function {name!r} has an attribute {key!r}"
    if part.signature.attr or part.resource_arg_unique_id:
        yield f"its function {name!r} is one of several kinds"


def _count_elements(node: Message) -> int:
    """How many numbers or strings a constant has in memory; endlessly many where one of its numbers is too large."""
    if node.op != "Const":
        return 0
    tensor, count = node.attr["value"].tensor, 1
    for dimension in tensor.tensor_shape.dim:
        count *= max(dimension.size, 0)
    numbers = (*tensor.int_val, *tensor.int64_val)
    if tensor.tensor_content and tensor.dtype == types_pb2.DT_INT64:
        numbers = np.frombuffer(tensor.tensor_content[: len(tensor.tensor_content) // 8 * 8], np.int64).tolist()
    return count if all(abs(number) < LARGEST_NUMBER for number in numbers) else LARGEST_CONSTANTS + 1
