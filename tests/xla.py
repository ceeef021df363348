"""Whether a computation needs the XLA compiler, which an exported model must not."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def needs_xla(function: Callable[[], Any]) -> bool:
    """Traces only; runs nothing."""
    graph = tf.function(function).get_concrete_function().graph.as_graph_def()
    marked = [*graph.node, *graph.library.function]
    return any("_XlaMustCompile" in part.attr and part.attr["_XlaMustCompile"].b for part in marked)
