"""What the graph of a SavedModel may hold: nothing that reads or writes files, talks to a network or runs Python.

A SavedModel is a program. TensorFlow runs parts of it as it loads, and the rest when asked, and among its operations
are some that read and write any file. What is allowed is listed, not what is forbidden: TensorFlow has some 1,500
operations, libraries add others, and a list of the dangerous ones would be wrong with the next version. Those listed
compute with numbers and strings, and keep variables, tables and tokenizers.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf.message import DecodeError, Message
from tensorflow.core.protobuf import saved_model_pb2

from pipeline.errors import DataError
from pipeline.export_info import how_to_export

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
    Assert If NoOp PartitionedCall Placeholder StatefulPartitionedCall StatelessIf StatelessWhile TensorListConcatV2
    TensorListFromTensor TensorListGetItem TensorListLength TensorListReserve TensorListResize TensorListSetItem
    TensorListStack While
"""
VARIABLES = "AssignVariableOp DisableCopyOnRead ReadVariableOp VarHandleOp VarIsInitializedOp"
ALLOWED = frozenset(" ".join([ARITHMETIC, SHAPES, STRINGS, CONTROL, VARIABLES]).split())
# Every SavedModel has a function that saves its variables, and one that restores them. The loader here calls neither.
SAVING = frozenset(["MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"])
OBJECTS = frozenset(
    ["_generic_user_object", "signature_map", "tf_module", "trackable_dict_wrapper", "trackable_list_wrapper"]
)
REGISTERED = frozenset(["", "tf.StaticHashTable", "tf.TrackableConstant"])


def require_harmless(path: Path) -> None:
    """Look through a `saved_model.pb` before TensorFlow loads it.

    What it cannot tell is how long the model takes, how much memory, and whether its answers are right.

    Raises:
        DataError: It is damaged, or holds what no export of this project holds.
        OSError: It cannot be read.
    """
    model = saved_model_pb2.SavedModel()
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
    meta = model.meta_graphs[0]
    if meta.asset_file_def:
        yield f"it names a file to read, {meta.asset_file_def[0].filename!r}"
    for item in meta.object_graph_def.nodes:
        if item.HasField("asset") or item.registered_name not in REGISTERED or item.registered_saver:
            kind = item.registered_name or item.registered_saver or "asset"
            yield f"it holds an object of the kind {kind!r}"
        if item.HasField("user_object") and item.user_object.identifier not in OBJECTS:
            yield f"it holds an object of the kind {item.user_object.identifier!r}"
    yield from _faulty_operations(meta)


def _faulty_operations(meta: Message) -> Iterator[str]:
    functions = {function.signature.name: function.node_def for function in meta.graph_def.library.function}
    ends = {meta.saver_def.save_tensor_name.split(":")[0], meta.saver_def.restore_op_name}
    of_saver = [node for node in meta.graph_def.node if node.name in ends]
    others = [node for node in meta.graph_def.node if node.name not in ends]
    # Whatever else can be reached may be run: from the graph itself, and from the objects.
    callable_ = _reachable([*_called(others), *meta.object_graph_def.concrete_functions], functions)
    saving = _reachable(_called(of_saver), functions) - callable_
    for name, nodes in [("", meta.graph_def.node), *functions.items()]:
        allowed = ALLOWED | SAVING if name in saving else ALLOWED
        for node in nodes:
            if node.op not in allowed and node.op not in functions:
                yield f"its graph holds the operation {node.op} ({node.name})"


def _called(nodes: Iterable[Message]) -> Iterator[str]:
    """Names of the functions that operations are given, or that they are themselves."""
    for node in nodes:
        yield node.op
        for value in node.attr.values():
            yield from (function.name for function in (value.func, *value.list.func) if function.name)


def _reachable(names: Iterable[str], functions: dict[str, Iterable[Message]]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in functions and name not in found:
            found.add(name)
            waiting += _called(functions[name])
    return found
