"""A whole target of a decoder with hard monotonic attention: all but its two recurrences at once.

The states depend on no context, so that they come first; then, for all positions of source and target together, the
scores, the jumps and log p of every symbol; then the forward algorithm over alignments, of which each step takes a few
numbers. Automatic differentiation does the rest.
"""

from typing import Any

import tensorflow as tf

from layers.attention.monotonic import advance, explain, mix, open_shares
from layers.decoder_state import AttentionMemory, Given


def unroll(decoder: Any, given: Given, symbols: Any, training: bool | None) -> tuple[Any, Any]:
    """The same as `layers.plain_unroll`, held to it by a parity test, and with dropout.

    Args:
        decoder: A `layers.MonotonicDecoder`.
        given: What is decoded.
        symbols: `[batch, target]`, the ids of its inputs.
        training: Whether to drop.

    Returns:
        Logits `[batch, target, vocabulary]` and attention weights `[batch, target, source]`.
    """
    memory = decoder.prepare_memory(given.memory, given.memory_mask, given.summary)
    *cells, alignment, _ = decoder.initial_state(given.summary, given.memory_mask)
    gates, hidden = (tf.transpose(part, [1, 0, 2]) for part in decoder.embedded_shares(given.inputs))
    parts = tf.split(gates, decoder.widths[:-2], axis=-1)
    outputs = _loop(lambda t, state: decoder.climb([part[t] for part in parts], list(state)), cells, tf.shape(gates)[0])
    hidden = hidden + decoder.product(outputs, decoder.readout_hidden.kernel, decoder.input_units)
    emissions = _emissions(decoder, hidden, memory, training, alignment.dtype)
    # What a step is given is the symbol of the step before; before the first there is none.
    which = tf.one_hot(tf.transpose(symbols)[1:], decoder.vocabulary_size, dtype=emissions.dtype)
    picked = tf.reduce_sum(emissions[:-1] * which[:, :, None], axis=-1)
    picked = tf.concat([tf.zeros_like(emissions[:1, :, :, 0]), picked], axis=0)
    fits, jumps = _fits(decoder.attention, outputs, memory, alignment.dtype)

    def move(t: Any, state: Any) -> tuple[Any, list[Any]]:
        moved = advance(explain(state[0], picked[t]), fits[t], jumps[t])
        return moved, [moved]

    weights = _loop(move, [alignment], tf.shape(gates)[0])
    logits, weights = (tf.transpose(part, [1, 0, 2]) for part in (mix(weights, emissions), weights))
    return logits, tf.reverse(weights, [2]) if decoder.backward else weights


def _loop(step: Any, state: list[Any], length: Any) -> Any:
    """What a recurrence gives at each of its steps, `[target, …]`."""

    def body(t: Any, state: list[Any], array: Any) -> tuple[Any, ...]:
        output, new_state = step(t, state)
        for part, same in zip(new_state, start, strict=True):
            part.set_shape(same.shape)
        return t + 1, new_state, array.write(t, output)

    start = list(state)
    array = tf.TensorArray(start[0].dtype, length)
    *_, array = tf.while_loop(lambda t, *_: t < length, body, (tf.constant(0), start, array), maximum_iterations=length)
    return array.stack()


def _fits(attention: Any, queries: Any, memory: AttentionMemory, dtype: Any) -> tuple[Any, Any]:
    """exp e `[target, batch, source]` and exp τ `[target, batch, jumps]` of queries `[target, batch, units]`."""
    turned = tf.transpose(queries, [1, 0, 2])
    shape = tf.shape(turned)
    # As many queries look at a source as there are target positions.
    flat = tf.reshape(turned, [-1, turned.shape[-1]])
    scores = attention.scores(flat, memory.keys, shape[1], None)
    scores = tf.cast(tf.reshape(scores, [shape[0], shape[1], -1]), dtype)
    fits = open_shares(scores, memory.mask[:, None])
    return tf.transpose(fits, [1, 0, 2]), attention.jump_shares(queries, dtype)


def _emissions(decoder: Any, hidden: Any, memory: AttentionMemory, training: bool | None, dtype: Any) -> Any:
    """log p of every symbol, `[target, batch, source, vocabulary]`."""
    # Rows first, as dropout is drawn for: by several workers each for its own.
    rows_first = tf.transpose(tf.ones_like(hidden), [1, 0, 2])
    kept = tf.transpose(decoder.dropout_layer(rows_first, training=training), [1, 0, 2])
    features = tf.tanh(hidden[:, :, None] + memory.values[None]) * kept[:, :, None]
    logits = decoder.output_projection(tf.reshape(features, [-1, decoder.readout_units]))
    shape = tf.concat([tf.shape(features)[:-1], [decoder.vocabulary_size]], axis=0)
    return tf.nn.log_softmax(tf.cast(tf.reshape(logits, shape), dtype))
