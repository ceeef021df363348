"""Hand-written unroll of a conditional GRU with Bahdanau attention, as `layers.fast.bahdanau` has it for one cell.

Two transitions with the look between them (Sennrich et al. 2017, https://arxiv.org/abs/1703.04357), so a step has two
products. With `symbol_gates` = y W + b and `memory_gates` = h W' for all positions at once, per step:

    u = s_{t-1} U + b_u                    s' = GRU(symbol_gates_t, u, s_{t-1})
    [u' | q] = s' [U' | W_query] + [b_u' | 0]
    a = attention(q)                       s_t = GRU'(Σ_j a_j memory_gates_j + b', u', s')

and after the last step, for all at once, C_t = Σ_j a_tj h_j and g's hidden layer [y_{t-1} s_t C_t] W_g + b_g.

Backward, per step, from ds = dL/ds_t (from outside and from step t + 1), with dx', du' and dx, du of the cells:

    dq, and the keys' and v's shares, from dx' as the context's gradient
    ds' = (direct share) + [du' | dq] [U' | W_query]ᵀ
    ds_{t-1} = (direct share) + du Uᵀ

and every kernel's gradient is one product of stacked per-step gradients, after the loop.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from layers.cells import gru
from layers.decoder_state import DecoderParts, Given
from layers.fast.look import closed_positions, look, look_back, memory_gradient
from layers.products import dense, dense_gradient, kernel_gradient, write

GATES, SAVED = gru.GATES, gru.SAVED


class Weights(NamedTuple):
    """The decoder's weights as the equations above name them: H units, A attention units, M memory units."""

    symbol_kernel: Any  # [features, 3H], W
    symbol_bias: Any  # [3H], b
    recurrent_kernel: Any  # [H, 3H], U
    recurrent_bias: Any  # [3H], b_u
    context_kernel: Any  # [M, 3H], W'
    context_bias: Any  # [3H], b'
    between_kernel: Any  # [H, 3H + A], [U' | W_query]
    between_bias: Any  # [3H], b_u'
    key_kernel: Any  # [M, A]
    key_bias: Any  # [A]
    score_vector: Any  # [A]
    readout_kernel: Any  # [features + H + M, R], W_g
    readout_bias: Any  # [R]


class Saved(NamedTuple):
    """What the backward pass needs, time first."""

    before: Any  # [T, B, H], s_{t-1}
    between: Any  # [T, B, H], s'
    gates: tuple[Any, ...]  # [T, B, H] each, of the first cell
    between_gates: tuple[Any, ...]  # of the second
    queries: Any  # [T, B, A]
    attention: Any  # [T, B, S]
    keys: Any  # [B, S, A]
    memory_gates: Any  # [B, S, 3H]
    seen: Any  # [B, T, features + H + M], what the readout sees: y, s and C


class Gradients(NamedTuple):
    """What the compiled part of the backward pass leaves for the weights' gradients."""

    gates: Any  # [T, B, 3H], of the first cell's x
    recurrent: Any  # [T, B, 3H], of its u
    memory_gates: Any  # [B, S, 3H]
    projected: Any  # [T, B, 3H + A], of [u' | q]
    keys: Any  # [B, S, A]
    symbol_bias: Any  # from here on as in Weights
    recurrent_bias: Any
    context_bias: Any
    between_bias: Any
    key_bias: Any
    score_vector: Any
    readout_bias: Any


def unroll(parts: DecoderParts, given: Given, initial: Sequence[Any]) -> tuple[Any, Any]:
    """The same as `layers.plain_unroll`, held to it by a parity test; see `layers.fast.bahdanau.unroll`."""
    memory_mask = tf.convert_to_tensor(given.memory_mask)

    @tf.custom_gradient
    def with_gradient(inputs: Any, memory: Any, initial: Any, *weights: Any) -> tuple[Any, Any]:
        named = Weights(*weights)
        # An eager tape must not look inside: the gradient of a compiled loop is this one or none.
        stopped = tf.nest.map_structure(tf.stop_gradient, (inputs, initial, memory, memory_mask, named))
        outputs, saved = _forward(*stopped)

        def gradient(*upstream: Any) -> tuple[Any, ...]:
            *d_given, found = _backward(upstream, inputs, memory, named, saved)
            return (*d_given, *_weight_gradients(found, upstream[0], inputs, memory, saved))

        return outputs, gradient

    inputs, memory = (tf.convert_to_tensor(part) for part in (given.inputs, given.memory))
    return with_gradient(inputs, memory, *initial, *_weights(parts))


def _weights(parts: DecoderParts) -> Weights:
    first, second, attention = parts.cell, parts.context_cell, parts.attention
    biases = [gru.split_bias(tf.convert_to_tensor(cell.bias)) for cell in (first, second)]
    return Weights(
        symbol_kernel=tf.convert_to_tensor(first.kernel),
        symbol_bias=biases[0][0],
        recurrent_kernel=tf.convert_to_tensor(first.recurrent_kernel),
        recurrent_bias=biases[0][1],
        context_kernel=tf.convert_to_tensor(second.kernel),
        context_bias=biases[1][0],
        between_kernel=tf.concat([second.recurrent_kernel, attention.query_projection.kernel], axis=1),
        between_bias=biases[1][1],
        key_kernel=tf.convert_to_tensor(attention.memory_projection.kernel),
        key_bias=tf.convert_to_tensor(attention.memory_projection.bias),
        score_vector=tf.convert_to_tensor(attention.score_vector),
        readout_kernel=tf.convert_to_tensor(parts.readout_hidden.kernel),
        readout_bias=tf.convert_to_tensor(parts.readout_hidden.bias),
    )


@tf.function(jit_compile=True, autograph=False)
def _forward(inputs: Any, initial: Any, memory: Any, mask: Any, weights: Weights) -> tuple[tuple[Any, ...], Saved]:
    length, gate_units = tf.shape(inputs)[1], weights.recurrent_bias.shape[0]
    symbol_gates = dense(tf.transpose(inputs, [1, 0, 2]), weights.symbol_kernel) + weights.symbol_bias
    keys = dense(memory, weights.key_kernel) + weights.key_bias
    memory_gates = dense(memory, weights.context_kernel)
    closed = closed_positions(mask, keys.dtype)

    def split(gates: Any) -> list[Any]:
        return tf.split(gates, GATES, axis=1)

    def body(position: Any, state: Any, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        recurrent = tf.matmul(state, weights.recurrent_kernel) + weights.recurrent_bias
        (between,), gates = gru.advance(split(symbol_gates[position]), split(recurrent), (state,))
        projected = tf.matmul(between, weights.between_kernel)
        query = projected[:, gate_units:]
        attention, context = look(query, keys, memory_gates, closed, weights.score_vector)
        recurrent = projected[:, :gate_units] + weights.between_bias
        (after,), between_gates = gru.advance(split(context + weights.context_bias), split(recurrent), (between,))
        written = (query, attention, after, between, *gates, *between_gates)
        return position + 1, after, write(arrays, position, written)

    arrays = tuple(tf.TensorArray(keys.dtype, length) for _ in range(4 + 2 * SAVED))
    *_, arrays = tf.while_loop(
        lambda position, *_: position < length, body, (tf.constant(0), initial, arrays), maximum_iterations=length
    )
    queries, attention, states, between, *gates = (array.stack() for array in arrays)
    attention_weights = tf.transpose(attention, [1, 0, 2])
    contexts = tf.matmul(attention_weights, memory)
    seen = tf.concat([inputs, tf.transpose(states, [1, 0, 2]), contexts], axis=-1)
    hidden = dense(seen, weights.readout_kernel) + weights.readout_bias
    before = tf.concat([initial[None], states[:-1]], axis=0)
    both = (tuple(gates[:SAVED]), tuple(gates[SAVED:]))
    return (hidden, attention_weights), Saved(before, between, *both, queries, attention, keys, memory_gates, seen)


@tf.function(jit_compile=True, autograph=False)
def _backward(upstream: tuple[Any, ...], inputs: Any, memory: Any, weights: Weights, saved: Saved) -> tuple[Any, ...]:
    """The gradients of inputs, memory and initial state, and `Gradients`."""
    d_hidden, d_attention = upstream
    parts = [inputs.shape[-1], weights.recurrent_kernel.shape[0], memory.shape[-1]]
    d_inputs, d_states, d_contexts = tf.split(dense_gradient(d_hidden, weights.readout_kernel), parts, axis=-1)
    # The context's share of the attention's gradient does not wait for the loop.
    d_attention = tf.transpose(d_attention + tf.matmul(d_contexts, memory, transpose_b=True), [1, 0, 2])
    d_initial, d_keys, d_vector, d_gates, d_recurrent, d_context_gates, d_projected = _backward_loop(
        tf.transpose(d_states, [1, 0, 2]), d_attention, weights, saved
    )
    kernels = (weights.context_kernel, weights.key_kernel)
    d_memory, d_memory_gates = memory_gradient(saved.attention, d_context_gates, d_contexts, d_keys, *kernels)
    d_inputs += tf.transpose(dense_gradient(d_gates, weights.symbol_kernel), [1, 0, 2])
    found = Gradients(
        gates=d_gates,
        recurrent=d_recurrent,
        memory_gates=d_memory_gates,
        projected=d_projected,
        keys=d_keys,
        symbol_bias=tf.reduce_sum(d_gates, axis=[0, 1]),
        recurrent_bias=tf.reduce_sum(d_recurrent, axis=[0, 1]),
        context_bias=tf.reduce_sum(d_context_gates, axis=[0, 1]),
        between_bias=tf.reduce_sum(d_projected[:, :, : weights.between_bias.shape[0]], axis=[0, 1]),
        key_bias=tf.reduce_sum(d_keys, axis=[0, 1]),
        score_vector=d_vector,
        readout_bias=tf.reduce_sum(d_hidden, axis=[0, 1]),
    )
    return d_inputs, d_memory, d_initial, found


def _weight_gradients(found: Gradients, d_hidden: Any, inputs: Any, memory: Any, saved: Saved) -> Weights:
    return Weights(
        symbol_kernel=kernel_gradient(tf.transpose(inputs, [1, 0, 2]), found.gates),
        symbol_bias=found.symbol_bias,
        recurrent_kernel=kernel_gradient(saved.before, found.recurrent),
        recurrent_bias=found.recurrent_bias,
        context_kernel=kernel_gradient(memory, found.memory_gates),
        context_bias=found.context_bias,
        between_kernel=kernel_gradient(saved.between, found.projected),
        between_bias=found.between_bias,
        key_kernel=kernel_gradient(memory, found.keys),
        key_bias=found.key_bias,
        score_vector=found.score_vector,
        readout_kernel=kernel_gradient(saved.seen, d_hidden),
        readout_bias=found.readout_bias,
    )


def _backward_loop(d_states: Any, d_attention: Any, weights: Weights, saved: Saved) -> tuple[Any, ...]:
    """From the last step to the first.

    Returns:
        The gradients of the initial state, of the keys and of v, and per step those of the first cell's x and u, of
        the second's x, and of [u' | q].
    """
    length = tf.shape(d_states)[0]

    def body(position: Any, carry: Any, d_keys: Any, d_vector: Any, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        before, between = saved.before[position], saved.between[position]
        gates, between_gates = (tuple(part[position] for part in parts) for parts in (saved.gates, saved.between_gates))
        d_after = carry + d_states[position]
        d_context_parts, d_between_parts, (direct,) = gru.retreat((d_after,), (between,), between_gates)
        d_context_gates = tf.concat(d_context_parts, axis=1)
        looked = (saved.attention[position], saved.queries[position], saved.keys, saved.memory_gates)
        d_look = look_back(d_context_gates, d_attention[position], *looked, weights.score_vector)
        d_projected = tf.concat([*d_between_parts, d_look.query], axis=1)
        d_between = direct + tf.matmul(d_projected, weights.between_kernel, transpose_b=True)
        *d_parts, (direct,) = gru.retreat((d_between,), (before,), gates)
        d_gates, d_recurrent = (tf.concat(parts, axis=1) for parts in d_parts)
        carry = direct + tf.matmul(d_recurrent, weights.recurrent_kernel, transpose_b=True)
        arrays = write(arrays, position, (d_gates, d_recurrent, d_context_gates, d_projected))
        return position - 1, carry, d_keys + d_look.keys, d_vector + d_look.vector, arrays

    arrays = tuple(tf.TensorArray(d_states.dtype, length) for _ in range(4))
    start = (length - 1, tf.zeros_like(d_states[0]), tf.zeros_like(saved.keys), tf.zeros_like(saved.keys[:, 0]))
    _, d_initial, d_keys, d_vector, arrays = tf.while_loop(
        lambda position, *_: position >= 0, body, (*start, arrays), maximum_iterations=length
    )
    d_keys, d_vector = weights.score_vector * d_keys, tf.reduce_sum(d_vector, axis=0)
    return (d_initial, d_keys, d_vector, *(array.stack() for array in arrays))
