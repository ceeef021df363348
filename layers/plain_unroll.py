"""The decoder's step at every position, by a loop in the graph and automatic differentiation."""

from typing import Any

import tensorflow as tf

from layers.decoder_state import Steps


def plain_unroll(
    decoder: Steps,
    inputs: Any,
    memory: Any,
    memory_mask: Any,
    summary: Any,
    symbols: Any = None,
    copied: Any = None,
    heads_apart: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """A decoder's `step` at every target position, one after the other.

    The reference that hand-written unrolls are held to, and the way for every decoder without one. Arguments as in the
    call of the decoder, with symbols for one that takes them, and copied for one that copies by itself.

    Returns:
        hidden `[batch, target, readout_units]` for `readout`, and attention weights `[batch, target, source]`, or
        `[batch, target, heads, source]` with the heads apart.
    """
    given = () if symbols is None else (symbols,)
    to_copy = () if copied is None else (copied,)
    prepared = decoder.prepare_memory(memory, memory_mask, summary, *to_copy)
    state = decoder.initial_state(summary, memory_mask)
    time_major = tf.transpose(decoder.prepare_inputs(inputs, *given), [1, 0, 2])
    length = tf.shape(time_major)[0]

    def body(position: tf.Tensor, state: list[Any], outputs: tuple[Any, Any]) -> tuple[Any, ...]:
        hidden, state, weights = decoder.step(time_major[position], state, prepared, heads_apart=heads_apart)
        for part, same in zip(state, start, strict=True):
            part.set_shape(same.shape)  # a step may forget how many rows there are
        return position + 1, state, (outputs[0].write(position, hidden), outputs[1].write(position, weights))

    # A first step outside the loop tells the dtypes; its results are thrown away by graph pruning.
    first = decoder.step(time_major[0], state, prepared, heads_apart=heads_apart)
    arrays = (tf.TensorArray(first[0].dtype, length), tf.TensorArray(first[2].dtype, length))
    start = [tf.cast(part, after.dtype) for part, after in zip(state, first[1], strict=True)]
    *_, (hidden, weights) = tf.while_loop(
        lambda position, *_: position < length, body, (tf.constant(0), start, arrays), maximum_iterations=length
    )
    weights = weights.stack()
    others = range(2, weights.shape.rank or 3)
    return tf.transpose(hidden.stack(), [1, 0, 2]), tf.transpose(weights, [1, 0, *others])
