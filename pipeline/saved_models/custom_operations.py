"""Which operations of an export's graph are tensorflow-text's, and the libraries where other loaders find them."""

from collections.abc import Iterable
from pathlib import Path

from tensorflow.core.protobuf import saved_model_pb2

# Every operation of tensorflow-text that `pipeline.saved_models.saved_graph.ALLOWED` has, by library; they stand in
# `tensorflow_text/python/ops`.
LIBRARIES = {
    "_normalize_ops.so": frozenset(["NormalizeUTF8"]),
    "_sentencepiece_tokenizer.so": frozenset(
        ["SentencepieceDetokenizeOp", "SentencepieceOp", "SentencepieceTokenizeOp"]
    ),
    "_fast_wordpiece_tokenizer.so": frozenset(["FastWordpieceTokenizeWithOffsets"]),
}


def libraries_of(operations: Iterable[str]) -> list[str]:
    """The libraries that hold some of these operations.

    Example:
        >>> libraries_of(["Const", "NormalizeUTF8"])
        ['_normalize_ops.so']
    """
    used = set(operations)
    return [name for name, held in LIBRARIES.items() if held & used]


def needed_libraries(graph: Path) -> list[str]:
    """What a program must load before it can load a `saved_model.pb` that `export` wrote."""
    saved = saved_model_pb2.SavedModel.FromString(graph.read_bytes())
    definition = saved.meta_graphs[0].graph_def
    nodes = [definition.node, *(function.node_def for function in definition.library.function)]
    return libraries_of(node.op for part in nodes for node in part)
