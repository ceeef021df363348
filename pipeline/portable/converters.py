"""From a graph to a model file of another runtime, built-in operations only: a table."""

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from pipeline.errors import UsageError
from pipeline.portable.onnx_loops import move_invariants_out
from pipeline.portable.search_graph import SearchGraph
from pipeline.process.quiet_tensorflow import silent_stderr

OPSET = 17
"""Of ONNX; every ONNX Runtime since 1.12 has it."""


def convert_to_litert(graph: SearchGraph, precision: str) -> bytes:
    """A `.tflite` file with one signature.

    Args:
        graph: The search.
        precision: "float32"; "float16": weights of half the size, computed as float32; or "int8": weights of a quarter
            of the size, activations rounded as they come.

    Raises:
        UsageError: It needs an operation that LiteRT has not.
    """
    with tempfile.TemporaryDirectory(prefix="attentif-") as place, _quiet():
        tf.saved_model.save(graph, place, signatures={"serving_default": graph.find})
        converter = tf.lite.TFLiteConverter.from_saved_model(place)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            converted: bytes = converter.convert()
        except Exception as error:  # of many classes, none of them public
            raise _unconvertible("LiteRT", error) from error
    return converted


def convert_to_onnx(graph: SearchGraph, precision: str) -> bytes:
    """An `.onnx` file.

    Args:
        graph: The search.
        precision: "float32".

    Raises:
        UsageError: tf2onnx is not installed, or the graph needs an operation that ONNX has not.
    """
    try:
        import tf2onnx
    except ImportError as error:
        raise UsageError(
            f"tf2onnx, which --format onnx converts with, cannot be imported ({error}): "
            "python -m pip install -r requirements-export-onnx.txt"
        ) from error
    handlers: dict[str, Any] = {"SelectV2": (_convert_choice, [])}
    with _quiet():
        try:
            model, _ = tf2onnx.convert.from_function(
                graph.find, graph.find.input_signature, opset=OPSET, custom_op_handlers=handlers
            )
        except Exception as error:  # of many classes
            raise _unconvertible("ONNX", error) from error
    move_invariants_out(model.graph)
    converted: bytes = model.SerializeToString()
    return converted


def _unconvertible(runtime: str, error: Exception) -> UsageError:
    """What an attention of one's own may come to, with operations that a runtime lacks."""
    reason = " ".join(str(error).split())[:300]
    return UsageError(f"the model cannot be converted for {runtime} ({reason}); --format savedmodel takes it")


def _convert_choice(context: Any, node: Any, name: str, arguments: Any) -> None:
    """`tf.where` as a choice: tf2onnx makes products with 0 and a sum of it, which -inf does not survive."""
    from onnx import TensorProto

    kind, inputs, (condition, one, other) = "Where", node.input, node.input
    shapes, types = node.output_shapes, node.output_dtypes
    context.remove_node(node.name)
    if types == [TensorProto.BOOL]:  # ONNX Runtime does not choose between truths
        if_true = context.make_node("And", [condition, one])
        otherwise = context.make_node("And", [context.make_node("Not", [condition]).output[0], other])
        kind, inputs = "Or", [if_true.output[0], otherwise.output[0]]
    context.make_node(kind, inputs, name=node.name, outputs=node.output, shapes=shapes, dtypes=types)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the notes of converters on what they do, which nobody who exports can act upon."""
    loggers = [logging.getLogger(name) for name in ("absl", "tensorflow", "tf2onnx")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with silent_stderr():
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


# By the value of --format, from a graph and a precision to the content of the model file; a SavedModel is none of them.
FORMATS: dict[str, Callable[[SearchGraph, str], bytes]] = {"litert": convert_to_litert, "onnx": convert_to_onnx}
