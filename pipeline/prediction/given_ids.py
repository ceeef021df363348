"""Strings that were given, as ids, and what is to be told of them."""

import tensorflow as tf

from pipeline.text.processor import Reading, TextProcessor


def to_ids(text: TextProcessor, read: Reading, max_length: int) -> tuple[tf.Tensor, tf.Tensor]:
    """See `TextProcessor.to_ids`; of as many rows as are known to be, which some ways of cutting forget."""
    ids, lengths = text.to_ids(read.symbols, max_length)
    rows = read.invalid.shape[0]
    ids.set_shape([rows, None])
    lengths.set_shape([rows])
    return ids, lengths


def flags(text: TextProcessor, read: Reading, ids: tf.Tensor, prefix: str = "") -> dict[str, tf.Tensor]:
    """cut, invalid and unknown `[batch]`: whether there was more, whether it was no UTF-8, how many are unknown.

    Args:
        text: What has read.
        read: What was read.
        ids: `[batch, symbols]` of that.
        prefix: Of the names.
    """
    unknown = tf.reduce_sum(tf.cast(text.is_unknown(ids), tf.int32), axis=1)
    return {f"{prefix}cut": read.cut, f"{prefix}invalid": read.invalid, f"{prefix}unknown": unknown}


def count_tokens(tokens: tf.Tensor) -> tf.Tensor:
    """How many symbols rows `[batch, symbols]` have before '', int32 `[batch]`."""
    return tf.reduce_sum(tf.cast(tf.not_equal(tokens, ""), tf.int32), axis=1)
