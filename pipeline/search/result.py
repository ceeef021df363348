"""What a search asks of a model, and what it finds; nothing here knows the model.

A model comes in as one function, `step(tokens, state, memory)`: `[rows]` int32 previous symbols, a nest of
state tensors with `rows` as first axis and a nest of memory tensors with the inputs as first axis; in a beam
search, `rows` are the hypotheses of every input, one after the other. It returns logits `[rows, vocabulary]`,
the new state and the attention weights `[rows, source]`. State goes in and comes out; memory only goes in.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.text.symbols import END

Step = Callable[[Any, Any, Any], tuple[Any, Any, Any]]


class SearchResult(NamedTuple):
    """The hypotheses of every input, best first by rank score."""

    tokens: tf.Tensor
    """`[batch, n_best, target]` int32, closed by the end symbol, then padding."""
    scores: tf.Tensor
    """`[batch, n_best]` float32, log p(target, end symbol included), unpenalised; -inf where there is none."""
    lengths: tf.Tensor
    """`[batch, n_best]` int32, end symbol included; 0 where there is none."""
    attention_weights: tf.Tensor
    """`[batch, n_best, target, source]` float32, row t being what was looked at for symbol t; None if not kept."""
    rank_scores: tf.Tensor
    """`[batch, n_best]` float32, the scores with their penalties; -inf where there is none."""
    limited: tf.Tensor
    """`[batch, n_best]` bool, whether the limit ended it where the model would have gone on."""

    def map(self, function: Callable[[tf.Tensor], tf.Tensor]) -> "SearchResult":
        """The same of everything that was kept."""
        return SearchResult(*(part if part is None else function(part) for part in self))


def log_softmax(logits: Any) -> Any:
    """log p of logits, float32."""
    return tf.nn.log_softmax(tf.cast(logits, tf.float32))


def last_size(part: Any) -> Any:
    """Of the last axis: a number where the graph knows it, which costs nothing at every position."""
    return tf.shape(part)[-1] if part.shape[-1] is None else part.shape[-1]


def would_go_on(log_probabilities: Any) -> Any:
    """Where the model finds another symbol more probable than the end, or gives no numbers any more."""
    return ~(tf.gather(log_probabilities, END, axis=1) >= tf.reduce_max(log_probabilities, axis=-1))
