"""Hand-written unroll of a decoder with Bahdanau attention: the same equations, five times fewer products.

What is sequential stays in the loop, everything else becomes one large product outside of it. With W_y and
W_c the rows of the cell's kernel for the symbol and for the context, the gates of step t see

    W_y y_{t-1} + W_c C_t = W_y y_{t-1} + Σ_j a_tj (W_c h_j)

so `symbol_gates` = y W_y and `memory_gates` = h W_c are computed for all positions at once, and a step costs
one product, s_{t-1} with [U | W_query], whose columns serve the gates and the attention query together.

Forward, per step (x: input side of the gates, u: recurrent side):

    [u | q] = s_{t-1} [U | W_query] + [b_u | 0]
    a = attention(q)     x = symbol_gates_t + Σ_j a_j memory_gates_j     (`layers.fast.look`)
    s_t = CELL(x, u, s_{t-1})     (`layers.cells.gru` and `layers.cells.lstm`, their gradients too)

and after the last step, for all at once, C_t = Σ_j a_tj h_j and g's hidden layer [y_{t-1} s_t C_t] W_g + b_g.

Backward, per step, from ds = dL/ds_t (from outside and from step t + 1), with dx and du of the cell:

    dq, and the keys' and v's shares, from dx as the context's gradient
    ds_{t-1} = (direct share) + [du | dq] [U | W_query]ᵀ

and every kernel's gradient is one product of stacked per-step gradients, after the loop. Forward and backward
are each one XLA-compiled function, whose element-wise chains become single loops; but not the products for the
kernels' gradients (see `layers.products`). Of an LSTM's state (h, c) it is h that meets U and W_query.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from layers.cells.equations import EQUATIONS
from layers.decoder_state import DecoderParts, Given
from layers.fast.look import closed_positions, look, look_back, memory_gradient
from layers.products import dense, dense_gradient, kernel_gradient, write


class Weights(NamedTuple):
    """The decoder's weights as the equations above name them: H units, A attention units, M memory units, G = 3H
    gate units of a GRU and 4H of an LSTM."""

    symbol_kernel: Any  # [features, G], W_y
    context_kernel: Any  # [M, G], W_c
    recurrent_kernel: Any  # [H, G + A], [U | W_query]
    input_bias: Any  # [G]
    recurrent_bias: Any  # [G]
    key_kernel: Any  # [M, A]
    key_bias: Any  # [A]
    score_vector: Any  # [A]
    readout_kernel: Any  # [features + H + M, R], W_g
    readout_bias: Any  # [R]


class Saved(NamedTuple):
    """What the backward pass needs, time first."""

    states: tuple[Any, ...]  # [T, B, H] each, s_{t-1}
    gates: tuple[Any, ...]  # [T, B, H] each, from the equations' `advance`
    queries: Any  # [T, B, A]
    attention: Any  # [T, B, S]
    keys: Any  # [B, S, A]
    memory_gates: Any  # [B, S, G]
    seen: Any  # [B, T, features + H + M], what the readout sees: y, s and C


class Gradients(NamedTuple):
    """What the compiled part of the backward pass leaves for the weights' gradients."""

    gates: Any  # [T, B, G], of x
    projected: Any  # [T, B, G + A], of [u | q]
    memory_gates: Any  # [B, S, G]
    keys: Any  # [B, S, A]
    input_bias: Any  # from here on as in Weights
    recurrent_bias: Any
    key_bias: Any
    score_vector: Any
    readout_bias: Any


def unroll(parts: DecoderParts, given: Given, initial: Sequence[Any]) -> tuple[Any, Any]:
    """The same as `layers.plain_unroll`, held to it by a parity test.

    Args:
        parts: The decoder's layers.
        given: What is decoded.
        initial: The decoder's initial state.

    Returns:
        hidden `[batch, target, readout_units]` for the decoder's `readout`, and attention weights
        `[batch, target, source]`.
    """
    attention = parts.attention
    query_kernel, key = attention.query_projection.kernel, attention.memory_projection
    weights = _weights(parts, given.inputs.shape[-1], query_kernel, key.kernel, key.bias, attention.score_vector)
    return _run(parts.cell_kind, given, initial, weights)


def unroll_fixed_context(parts: DecoderParts, given: Given, initial: Sequence[Any]) -> tuple[Any, Any]:
    """The same without attention: a look at a memory of one position, the summary, which has to get all the weight."""
    summary = tf.convert_to_tensor(given.summary)
    nothing = (tf.zeros([rows, 1], summary.dtype) for rows in (parts.cell.units, summary.shape[-1]))
    weights = _weights(parts, given.inputs.shape[-1], *nothing, *(tf.zeros([1], summary.dtype) for _ in range(2)))
    one = given._replace(memory=summary[:, None], memory_mask=tf.ones([tf.shape(summary)[0], 1], tf.bool))
    hidden, _ = _run(parts.cell_kind, one, initial, weights)
    # It looks nowhere.
    shape = tf.concat([tf.shape(hidden)[:2], tf.shape(given.memory_mask)[1:]], axis=0)
    return hidden, tf.zeros(shape, summary.dtype)


def _run(cell: str, given: Given, initial: Sequence[Any], weights: Weights) -> tuple[Any, Any]:
    return _recurrence(
        cell,
        tf.convert_to_tensor(given.inputs),
        tuple(initial),
        tf.convert_to_tensor(given.memory),
        tf.convert_to_tensor(given.memory_mask),
        weights,
    )


def _weights(
    parts: DecoderParts, features: int, query_kernel: Any, key_kernel: Any, key_bias: Any, score_vector: Any
) -> Weights:
    cell = parts.cell
    # Split, not sliced: the gradient of slices is two tables of zeros and their sum.
    symbol_kernel, context_kernel = tf.split(cell.kernel, [features, cell.kernel.shape[0] - features])
    input_bias, recurrent_bias = EQUATIONS[parts.cell_kind].split_bias(tf.convert_to_tensor(cell.bias))
    return Weights(
        symbol_kernel=symbol_kernel,
        context_kernel=context_kernel,
        recurrent_kernel=tf.concat([cell.recurrent_kernel, query_kernel], axis=1),
        input_bias=input_bias,
        recurrent_bias=recurrent_bias,
        key_kernel=tf.convert_to_tensor(key_kernel),
        key_bias=tf.convert_to_tensor(key_bias),
        score_vector=tf.convert_to_tensor(score_vector),
        readout_kernel=tf.convert_to_tensor(parts.readout_hidden.kernel),
        readout_bias=tf.convert_to_tensor(parts.readout_hidden.bias),
    )


def _recurrence(
    cell: str, inputs: Any, initial: tuple[Any, ...], memory: Any, mask: Any, weights: Weights
) -> tuple[Any, Any]:
    """The hidden layer `[B, T, R]` and attention `[B, T, S]`, with the gradient above."""
    parts = len(initial)

    @tf.custom_gradient
    def with_gradient(inputs: Any, memory: Any, *rest: Any) -> tuple[Any, Any]:
        initial, weights = rest[:parts], Weights(*rest[parts:])
        # An eager tape must not look inside: the gradient of a compiled loop is this one or none.
        given = tf.nest.map_structure(tf.stop_gradient, (inputs, initial, memory, mask, weights))
        outputs, saved = _forward(cell, *given)

        def gradient(*upstream: Any) -> tuple[Any, ...]:
            *d_given, found = _backward(cell, upstream, inputs, memory, weights, saved)
            return (*d_given, *_weight_gradients(found, upstream[0], inputs, memory, saved))

        return outputs, gradient

    return with_gradient(inputs, memory, *initial, *weights)


@tf.function(jit_compile=True, autograph=False)
def _forward(
    cell: str, inputs: Any, initial: tuple[Any, ...], memory: Any, mask: Any, weights: Weights
) -> tuple[tuple[Any, ...], Saved]:
    equations, gate_units = EQUATIONS[cell], weights.recurrent_bias.shape[0]
    length = tf.shape(inputs)[1]
    symbol_gates = dense(tf.transpose(inputs, [1, 0, 2]), weights.symbol_kernel) + weights.input_bias
    keys = dense(memory, weights.key_kernel) + weights.key_bias
    memory_gates = dense(memory, weights.context_kernel)
    closed = closed_positions(mask, keys.dtype)

    def body(position: Any, state: tuple[Any, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        projected = tf.matmul(state[0], weights.recurrent_kernel)
        recurrent_gates = tf.split(projected[:, :gate_units] + weights.recurrent_bias, equations.GATES, axis=1)
        query = projected[:, gate_units:]
        attention, context_gates = look(query, keys, memory_gates, closed, weights.score_vector)
        gates = symbol_gates[position] + context_gates
        new_state, saved = equations.advance(tf.split(gates, equations.GATES, axis=1), recurrent_gates, state)
        return position + 1, new_state, write(arrays, position, (query, attention, *new_state, *saved))

    arrays = tuple(tf.TensorArray(keys.dtype, length) for _ in range(2 + equations.PARTS + equations.SAVED))
    *_, arrays = tf.while_loop(
        lambda position, *_: position < length, body, (tf.constant(0), initial, arrays), maximum_iterations=length
    )
    queries, attention, *rest = (array.stack() for array in arrays)
    states, gates = rest[: equations.PARTS], tuple(rest[equations.PARTS :])
    attention_weights = tf.transpose(attention, [1, 0, 2])
    contexts = tf.matmul(attention_weights, memory)
    seen = tf.concat([inputs, tf.transpose(states[0], [1, 0, 2]), contexts], axis=-1)
    hidden = dense(seen, weights.readout_kernel) + weights.readout_bias
    before = tuple(tf.concat([first[None], part[:-1]], axis=0) for first, part in zip(initial, states, strict=True))
    return (hidden, attention_weights), Saved(before, gates, queries, attention, keys, memory_gates, seen)


@tf.function(jit_compile=True, autograph=False)
def _backward(
    cell: str, upstream: tuple[Any, ...], inputs: Any, memory: Any, weights: Weights, saved: Saved
) -> tuple[Any, ...]:
    """The gradients of inputs, memory and initial state, and `Gradients`."""
    d_hidden, d_attention = upstream
    d_seen = dense_gradient(d_hidden, weights.readout_kernel)
    parts = [inputs.shape[-1], weights.recurrent_kernel.shape[0], memory.shape[-1]]
    d_inputs, d_states, d_contexts = tf.split(d_seen, parts, axis=-1)
    # The context's share of the attention's gradient does not wait for the loop.
    d_attention = tf.transpose(d_attention + tf.matmul(d_contexts, memory, transpose_b=True), [1, 0, 2])
    d_initial, d_keys, d_vector, d_gates, d_projected = _backward_loop(
        cell, tf.transpose(d_states, [1, 0, 2]), d_attention, weights, saved
    )
    kernels = (weights.context_kernel, weights.key_kernel)
    d_memory, d_memory_gates = memory_gradient(saved.attention, d_gates, d_contexts, d_keys, *kernels)
    d_inputs += tf.transpose(dense_gradient(d_gates, weights.symbol_kernel), [1, 0, 2])
    found = Gradients(
        gates=d_gates,
        projected=d_projected,
        memory_gates=d_memory_gates,
        keys=d_keys,
        input_bias=tf.reduce_sum(d_gates, axis=[0, 1]),
        recurrent_bias=tf.reduce_sum(d_projected[:, :, : weights.recurrent_bias.shape[0]], axis=[0, 1]),
        key_bias=tf.reduce_sum(d_keys, axis=[0, 1]),
        score_vector=d_vector,
        readout_bias=tf.reduce_sum(d_hidden, axis=[0, 1]),
    )
    return (d_inputs, d_memory, *d_initial, found)


def _weight_gradients(found: Gradients, d_hidden: Any, inputs: Any, memory: Any, saved: Saved) -> Weights:
    return Weights(
        symbol_kernel=kernel_gradient(tf.transpose(inputs, [1, 0, 2]), found.gates),
        context_kernel=kernel_gradient(memory, found.memory_gates),
        recurrent_kernel=kernel_gradient(saved.states[0], found.projected),
        input_bias=found.input_bias,
        recurrent_bias=found.recurrent_bias,
        key_kernel=kernel_gradient(memory, found.keys),
        key_bias=found.key_bias,
        score_vector=found.score_vector,
        readout_kernel=kernel_gradient(saved.seen, d_hidden),
        readout_bias=found.readout_bias,
    )


def _backward_loop(cell: str, d_states: Any, d_attention: Any, weights: Weights, saved: Saved) -> tuple[Any, ...]:
    """From the last step to the first.

    Returns:
        The gradients of the initial state, of the keys and of v, and per step those of x and of [u | q].
    """
    equations, length = EQUATIONS[cell], tf.shape(d_states)[0]

    def body(position: Any, carry: Any, d_keys: Any, d_vector: Any, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        state, gates = (tuple(part[position] for part in parts) for parts in (saved.states, saved.gates))
        d_state = (carry[0] + d_states[position], *carry[1:])
        d_input_parts, d_recurrent_parts, carry = equations.retreat(d_state, state, gates)
        d_gates = tf.concat(d_input_parts, axis=1)
        looked = (saved.attention[position], saved.queries[position], saved.keys, saved.memory_gates)
        d_look = look_back(d_gates, d_attention[position], *looked, weights.score_vector)
        d_projected = tf.concat([*d_recurrent_parts, d_look.query], axis=1)
        through = tf.matmul(d_projected, weights.recurrent_kernel, transpose_b=True)
        arrays = write(arrays, position, (d_gates, d_projected))
        d_keys, d_vector = d_keys + d_look.keys, d_vector + d_look.vector
        return position - 1, (carry[0] + through, *carry[1:]), d_keys, d_vector, arrays

    arrays = tuple(tf.TensorArray(d_states.dtype, length) for _ in range(2))
    nothing = tuple(tf.zeros_like(part[0]) for part in saved.states)
    start = (length - 1, nothing, tf.zeros_like(saved.keys), tf.zeros_like(saved.keys[:, 0]))
    _, d_initial, d_keys, d_vector, arrays = tf.while_loop(
        lambda position, *_: position >= 0, body, (*start, arrays), maximum_iterations=length
    )
    d_keys, d_vector = weights.score_vector * d_keys, tf.reduce_sum(d_vector, axis=0)
    return (d_initial, d_keys, d_vector, *(array.stack() for array in arrays))
