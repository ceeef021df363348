"""Requests that TensorFlow Serving answers while it loads an export, so that no user waits for what comes first.

A session plans how it runs a signature when it is first asked for it, which takes longer than a hundred answers. One
source alone is enough: a single row has a graph of its own, which is planned when the first one comes, and the graph of
several is planned with the signature. That of more than are searched at once is left to the first who sends so many.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipeline.prediction.string_model import StringModel
from pipeline.text.processor import TextProcessor
from pipeline.text.symbols import SPECIAL_SYMBOLS

WARM_UP = "assets.extra/tf_serving_warmup_requests"
# Longer sources run the same operations.
LENGTH = 16
# How SentencePiece calls the 256 pieces of which it makes what no other covers.
_BYTE = re.compile("<0x[0-9A-F]{2}>")


def write_warm_up(model: StringModel, export: Path) -> None:
    """Write a request to every signature, of one source.

    The strings are of the model's symbols, the most frequent first, at most `LENGTH` of them.
    """
    path = export / WARM_UP
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in _requests(model):
            writer.write(prediction_log(signature, inputs))


def prediction_log(signature: str, inputs: Mapping[str, Any]) -> bytes:
    """A `tensorflow.serving.PredictionLog` of a request, serialized.

    tensorflow-serving-api has the class. It is three nested messages whose fields are all of one kind: no reason to
    need that package.

    Args:
        signature: Its name.
        inputs: Strings by the names of its inputs.

    Example:
        >>> prediction_log("n_best", {})
        b'2\\x0c\\n\\n\\n\\x08\\x1a\\x06n_best'
    """
    request = _field(1, _field(3, signature.encode()))  # PredictRequest.model_spec.signature_name
    for name, values in inputs.items():
        tensor = tf.make_tensor_proto(values, tf.string).SerializeToString()
        request += _field(2, _field(1, name.encode()) + _field(2, tensor))  # an entry of PredictRequest.inputs
    return _field(6, _field(1, request))  # PredictionLog.predict_log.request


def _field(number: int, content: bytes) -> bytes:
    """A field with bytes, https://protobuf.dev/programming-guides/encoding/."""
    size, digits = len(content), []
    while size > 127:
        digits.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *digits, size]) + content


def _requests(model: StringModel) -> Iterator[tuple[str, dict[str, Any]]]:
    length = min(model.max_length, LENGTH)
    tokens = _typical(model.target_text, length)
    source = {"source": [_join(model.source_text, _typical(model.source_text, length))]}
    if model.source_text.vocabulary.features:
        source["features"] = [b""]
    target = [_join(model.target_text, tokens)]
    for signature in ("serving_default", "n_best", "explain"):
        yield signature, source
    if not model.target_text.right_to_left:
        yield "complete", {**source, "prefix": [_join(model.target_text, tokens[:1])]}
    yield "score", {**source, "target": target}
    yield "score_tokens", {**source, "target_tokens": [tokens]}


def _typical(text: TextProcessor, length: int) -> list[str]:
    """Symbols, the most frequent first, and again from the first where there are fewer."""
    symbols = text.vocabulary.symbols[len(SPECIAL_SYMBOLS) : len(text.vocabulary) - text.vocabulary.features]
    whole = [symbol for symbol in symbols[: LENGTH + 256] if not _BYTE.fullmatch(symbol)] or symbols
    return [whole[place % len(whole)] for place in range(length)]


def _join(text: TextProcessor, symbols: list[str]) -> bytes:
    return bytes(text.tokenizer.join(tf.constant([symbols]))[0].numpy())
