"""Copying: the probability of a symbol mixes generating it and pointing at it in the source."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from layers.compiling import compiled
from layers.emissions import log_share, log_sum
from layers.guest_layer import GuestLayer, makes_node
from layers.precision import softmax_dtype
from layers.registration import PACKAGE

NOTHING = -1
"""The target symbol of a source symbol that is never copied."""


@keras.saving.register_keras_serializable(package=PACKAGE)
class Copying(GuestLayer):
    """The pointer-generator of See, Liu & Manning (2017), https://arxiv.org/abs/1704.04368.

        p(y_t) = g_t · p_generate(y_t) + (1 - g_t) · Σ_{j: x_j = y_t} a_tj        g_t = sigmoid(one more logit)

    The logit of g_t is one more output of the decoder, whose hidden layer sees C_t, s_t and y_{t-1}:
    `AttentionDecoder(vocabulary_size=V + 1, …)`. What attention gives to positions that hold nothing to copy (the
    source's end) belongs to generating, so that probabilities sum to 1.

    Args:
        symbols: The target id of every source id: -1 copies nothing. None: ids mean the same on both sides, and those
            of 0 are padding.
        fast: Compile the mixture and its gradient with XLA where the layer is called; False leaves it to the graph.

    Call arguments:
        outputs: `[batch, target, vocabulary_size + 1]`, logits of the symbols, then that of g_t.
        attention_weights: `[batch, target, source]`, each row summing to 1; of several heads, their mean.
        source: `[batch, source]` int, the source's ids.

    Returns:
        log p, `[batch, target, vocabulary_size]` in at least float32; as logits, they are their own log-softmax. A mask
        attached to the outputs passes on.

    Example:
        >>> import numpy as np
        >>> outputs = np.array([[[0.0, 0.0, np.log(3)]]], "float32")  # two symbols, g = 3 / 4
        >>> weights, source = np.array([[[0.5, 0.5]]], "float32"), np.array([[0, 1]])
        >>> layer = Copying(symbols=[1, -1])  # 0 is copied as 1, and 1 not at all
        >>> np.exp(layer(outputs, weights, source)).round(4).tolist()
        [[[0.4375, 0.5625]]]

        (3/4 + 1/4 · 1/2) / 2 is the first, and 1/4 · 1/2 more the second.
    """

    def __init__(self, symbols: Sequence[int] | None = None, fast: bool = True, **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})
        self.symbols = None if symbols is None else [int(symbol) for symbol in symbols]
        self.fast = fast
        self.built = True  # it has no weights, and may be used by its methods alone

    @makes_node
    def target_ids(self, source: Any) -> Any:
        """The target id of every source symbol, int32 of the same shape; -1 where nothing is copied."""
        if self.symbols is None:
            ids = ops.cast(source, "int32")
            return ops.where(ops.equal(ids, 0), NOTHING, ids)
        return tf.gather(tf.constant(self.symbols, tf.int32), source)

    @makes_node
    def mix(self, outputs: Any, attention_weights: Any, copied: Any, beams: int = 1) -> Any:
        """log p, as a step of a search needs it.

        Args:
            outputs: `[rows, vocabulary_size + 1]`, or `[rows, target, …]`.
            attention_weights: `[rows, source]`, or `[rows, target, source]`.
            copied: `[batch, source]`, from `target_ids`.
            beams: How many rows, one after the other, look at each source.
        """
        return log_sum(*self._parts(outputs, attention_weights, copied, beams))

    @makes_node
    def share_copied(self, outputs: Any, attention_weights: Any, copied: Any) -> Any:
        """How much of the probability of every symbol comes of copying, from 0 to 1; arguments as in `mix`."""
        generated, pointed = self._parts(outputs, attention_weights, copied, 1)
        return tf.sigmoid(pointed - generated)

    def _parts(self, outputs: Any, attention_weights: Any, copied: Any, beams: int) -> tuple[Any, Any]:
        dtype = softmax_dtype(self.compute_dtype)
        outputs, weights = tf.cast(outputs, dtype), tf.cast(attention_weights, dtype)
        if len(outputs.shape) == 3:
            return _parts(outputs, weights, copied)
        # Rows that look at the same source are its positions.
        rows = tf.shape(copied)[0]
        size = outputs.shape[-1]
        parts = _parts(
            tf.reshape(outputs, [rows, beams, size]), tf.reshape(weights, [rows, beams, tf.shape(copied)[1]]), copied
        )
        generated, pointed = (tf.reshape(part, [rows * beams, size - 1]) for part in parts)
        return generated, pointed

    def call(self, outputs: Any, attention_weights: Any, source: Any) -> Any:
        """log p of every symbol at every position; see the class."""
        copied = self.target_ids(source)
        if not self.fast:
            return self.mix(outputs, attention_weights, copied)
        dtype = softmax_dtype(self.compute_dtype)
        return _mix_compiled([tf.cast(outputs, dtype), tf.cast(attention_weights, dtype)], [copied])

    def compute_mask(self, outputs: Any, previous_mask: Any) -> Any:
        """The outputs' mask."""
        return previous_mask

    def compute_output_shape(self, outputs_shape: Any, attention_weights_shape: Any, source_shape: Any) -> Any:
        """Shape of log p."""
        return (*outputs_shape[:-1], outputs_shape[-1] - 1)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Shape and dtype of log p, or of what a method returns."""
        spec = super().compute_output_spec(*args, **kwargs)
        if kwargs.get("method") is not None:
            return spec
        return keras.KerasTensor(spec.shape, dtype=softmax_dtype(self.compute_dtype))

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        return {**super().get_config(), "symbols": self.symbols, "fast": self.fast}


def _parts(outputs: Any, weights: Any, copied: Any) -> tuple[Any, Any]:
    """The logarithms of what generating and copying give to every symbol, each `[batch, target, vocabulary]`."""
    logits, gate = outputs[..., :-1], outputs[..., -1:]
    # A row of zeros where nothing is copied; one-hot vectors of -1 are not zeros in every runtime.
    own = tf.cast(tf.equal(copied[:, :, None], tf.range(logits.shape[-1])), weights.dtype)
    rest = tf.matmul(weights, tf.cast(copied < 0, weights.dtype)[:, :, None])
    generate, point = tf.math.log_sigmoid(gate), tf.math.log_sigmoid(-gate)
    # g + (1 - g) · rest, in logarithms: 1 - (1 - g) · (1 - rest) would be 0 long before g is.
    generate = log_sum(generate, point + log_share(rest))
    return generate + tf.nn.log_softmax(logits), point + log_share(tf.matmul(weights, own))


def _mix(outputs: Any, weights: Any, copied: Any) -> Any:
    return log_sum(*_parts(outputs, weights, copied))


_mix_compiled = compiled(_mix)  # what has the logits' size is not kept
