"""A whole target of a decoder with hard monotonic attention: all but its two recurrences at once.

The states depend on no context, so that they come first; then, for all positions of source and target together, the
scores, the jumps and log p of every symbol; then the forward algorithm over alignments, of which each step takes a few
numbers. In training both recurrences are compiled, with gradients of their own; the rest differentiates by itself.
"""

from typing import Any

import tensorflow as tf

from layers.attention.monotonic import advance, explain, open_shares
from layers.cells.equations import EQUATIONS
from layers.compiling import compiled
from layers.decoder_state import AttentionMemory, Given
from layers.emissions import emit, join, mix
from layers.fast import recurrence
from layers.fast.conditions import fits


def unroll(decoder: Any, given: Given, symbols: Any, copied: Any, training: bool | None) -> tuple[Any, Any]:
    """The same as `layers.plain_unroll`, held to it by a parity test, and with dropout.

    Args:
        decoder: A `layers.MonotonicDecoder`.
        given: What is decoded.
        symbols: `[batch, target]`, the ids of its inputs.
        copied: `[batch, source]`, the target ids of the source, for a decoder that copies.
        training: Whether to drop.

    Returns:
        Logits `[batch, target, vocabulary]` and attention weights `[batch, target, source]`.
    """
    memory = decoder.prepare_memory(given.memory, given.memory_mask, given.summary, copied)
    *cells, alignment, _ = decoder.initial_state(given.summary, given.memory_mask)
    gates, hidden = (tf.transpose(part, [1, 0, 2]) for part in decoder.embedded_shares(given.inputs))
    outputs = _climb(decoder, gates, cells, training)
    hidden = hidden + decoder.product(outputs, decoder.readout_hidden.kernel, decoder.input_units)
    emissions = _emissions(decoder, hidden, memory, training, alignment.dtype)
    fitting, jumps = _fits(decoder.attention, outputs, memory, alignment.dtype)
    to_align = [alignment, _picked(emissions, symbols), fitting, jumps]
    weights = _align_compiled(to_align, []) if training else _align(*to_align)
    logits, weights = (tf.transpose(part, [1, 0, 2]) for part in (mix(weights, emissions), weights))
    return logits, tf.reverse(weights, [2]) if decoder.backward else weights


def _climb(decoder: Any, gates: Any, cells: list[Any], training: bool | None) -> Any:
    """The outputs of the recurrent layers, `[target, batch, units]`, one layer after the other; as `decoder.climb`."""
    output: Any = None
    for index, cell in enumerate(decoder.cells):
        if index:
            gates = cell.input_share(decoder.product(output, cell.kernel, 0))
        states = _run(decoder, cell, gates, cells[index * decoder.parts : (index + 1) * decoder.parts], training)
        output = output + states if index else states
    return output


def _run(decoder: Any, cell: Any, gates: Any, state: list[Any], training: bool | None) -> Any:
    """The outputs of one of them."""
    kind = decoder.cell_kind
    # Compiled in training only: an exported model must not need XLA.
    if training and fits(kind in EQUATIONS, f"monotonic decoder, cell {kind}", decoder.dtype_policy):
        return recurrence.run(kind, gates, tuple(state), *cell.recurrent_share())
    parts = tf.split(gates, decoder.widths[:-2], axis=-1)

    def step(t: Any, state: Any) -> tuple[Any, list[Any]]:
        state = cell.advance([part[t] for part in parts], list(state))
        return state[0], state

    return _loop(step, state, tf.shape(gates)[0])


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


def _picked(emissions: Any, symbols: Any) -> Any:
    """What a step is given, log p of the symbol of the step before `[target, batch, source]`; first there is none."""
    following = tf.pad(tf.transpose(symbols)[1:], [[0, 1], [0, 0]], constant_values=-1)
    which = tf.one_hot(following, emissions.shape[-1], dtype=emissions.dtype)
    picked = tf.reduce_sum(emissions * which[:, :, None], axis=-1)
    return tf.pad(picked[:-1], [[1, 0], [0, 0], [0, 0]])


def _align(alignment: Any, picked: Any, fits: Any, jumps: Any) -> Any:
    """The distributions of the position, `[target, batch, source]`."""

    def move(t: Any, state: Any) -> tuple[Any, list[Any]]:
        moved = advance(explain(state[0], picked[t]), fits[t], jumps[t])
        return moved, [moved]

    return _loop(move, [alignment], tf.shape(fits)[0])


# Of such small tensors it is the number of operations that takes time; what is larger gains nothing by it.
_align_compiled = compiled(_align)


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
    shape = tf.concat([tf.shape(features)[:-1], [decoder.output_projection.units]], axis=0)
    logits = tf.cast(tf.reshape(logits, shape), dtype)
    return join(*emit(logits, memory.copied)) if decoder.copies else tf.nn.log_softmax(logits)
