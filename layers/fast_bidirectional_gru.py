"""Hand-written bidirectional GRU layer: both directions in one loop, everything not sequential outside of it.

Per direction and step, with m the mask of the position (1 on symbols, 0 on padding):

    x = W input_j + b_x (all positions at once)     u = U s_prev + b_u
    s_j = m GRU(x, u, s_prev) + (1 - m) s_prev      output_j = m s_j

so that padding leaves the state as it is and the output is 0 there. Backward, from ds = dL/ds_j:

    (dx, du, ds_prev) = GRU gradient of m ds     ds_prev += (1 - m) ds + du Uᵀ

and every weight's gradient is one product of stacked per-step gradients, after the loop. Forward and backward
are each one XLA-compiled function. The equations of the GRU and its gradient stand in `layers.gru_equations`.
"""

from typing import Any, NamedTuple

import tensorflow as tf

from layers import gru_equations
from layers.large_products import dense, dense_gradient, kernel_gradient, write


class Direction(NamedTuple):
    """The weights of one direction, as a Keras GRU holds them."""

    kernel: Any  # [features, 3H]
    recurrent_kernel: Any  # [H, 3H]
    bias: Any  # [2, 3H]: input side, recurrent side


class Saved(NamedTuple):
    """What the backward pass needs of one direction, by position of the source."""

    states: Any  # [S, B, H], the state before the position was read
    gates: Any  # [S, B, 4H], from `gru_equations.advance`


def run(layer: Any, inputs: Any, mask: Any) -> tuple[Any, Any]:
    """The same as a `keras.layers.Bidirectional` of two GRUs, held to it by a parity test.

    Args:
        layer: The Keras layer whose weights are used.
        inputs: `[batch, source, features]`.
        mask: `[batch, source]` bool.

    Returns:
        outputs `[batch, source, 2 * units]`, 0 on padding, and the final states `[batch, 2 * units]`.
    """
    cells = (layer.forward_layer.cell, layer.backward_layer.cell)
    weights = [tf.convert_to_tensor(part) for cell in cells for part in (cell.kernel, cell.recurrent_kernel, cell.bias)]

    @tf.custom_gradient
    def with_gradient(inputs: Any, *flat: Any) -> tuple[Any, Any]:
        directions = (Direction(*flat[:3]), Direction(*flat[3:]))
        # An eager tape must not look inside: the gradient of a compiled loop is this one or none.
        outputs, saved = _forward(*tf.nest.map_structure(tf.stop_gradient, (inputs, mask, directions)))

        def gradient(*upstream: Any) -> tuple[Any, ...]:
            return _backward(upstream, inputs, mask, directions, saved)

        return outputs, gradient

    return with_gradient(tf.convert_to_tensor(inputs), *weights)


@tf.function(jit_compile=True, autograph=False)
def _forward(inputs: Any, mask: Any, directions: tuple[Direction, Direction]) -> tuple[Any, Any]:
    length, units = tf.shape(inputs)[1], directions[0].recurrent_kernel.shape[0]
    opened = tf.cast(tf.transpose(mask), inputs.dtype)[:, :, None]
    time_major = tf.transpose(inputs, [1, 0, 2])
    input_gates = [dense(time_major, direction.kernel) + direction.bias[0] for direction in directions]

    def body(step: Any, states: Any, arrays: Any) -> tuple[Any, ...]:
        written, new_states = [], []
        for side, direction in enumerate(directions):
            position = step if side == 0 else length - 1 - step
            recurrent_gates = tf.matmul(states[side], direction.recurrent_kernel) + direction.bias[1]
            state, saved = gru_equations.advance(input_gates[side][position], recurrent_gates, states[side])
            state = opened[position] * state + (1 - opened[position]) * states[side]
            written.append(write(arrays[side], position, (states[side], saved, state)))
            new_states.append(state)
        return step + 1, tuple(new_states), tuple(written)

    empty = tf.zeros([tf.shape(inputs)[0], units], inputs.dtype)
    arrays = tuple(tuple(tf.TensorArray(inputs.dtype, length) for _ in range(3)) for _ in directions)
    _, finals, arrays = tf.while_loop(
        lambda step, *_: step < length, body, (tf.constant(0), (empty, empty), arrays), maximum_iterations=length
    )
    stacked = [[array.stack() for array in side] for side in arrays]
    outputs = tf.concat([stacked[0][2], stacked[1][2]], axis=-1) * opened
    saved = tuple(Saved(side[0], side[1]) for side in stacked)
    return (tf.transpose(outputs, [1, 0, 2]), tf.concat(finals, axis=-1)), saved


@tf.function(jit_compile=True, autograph=False)
def _backward(
    upstream: tuple[Any, Any], inputs: Any, mask: Any, directions: tuple[Direction, Direction], saved: Any
) -> tuple[Any, ...]:
    length = tf.shape(inputs)[1]
    opened = tf.cast(tf.transpose(mask), inputs.dtype)[:, :, None]
    d_outputs = tf.split(tf.transpose(upstream[0], [1, 0, 2]) * opened, 2, axis=-1)

    def body(step: Any, carries: Any, arrays: Any) -> tuple[Any, ...]:
        written, new_carries = [], []
        for side, direction in enumerate(directions):
            position = length - 1 - step if side == 0 else step
            d_state = carries[side] + d_outputs[side][position]
            kept = (1 - opened[position]) * d_state
            d_gates, d_recurrent_gates, carry = gru_equations.retreat(
                opened[position] * d_state, saved[side].states[position], saved[side].gates[position]
            )
            carry += kept + tf.matmul(d_recurrent_gates, direction.recurrent_kernel, transpose_b=True)
            written.append(write(arrays[side], position, (d_gates, d_recurrent_gates)))
            new_carries.append(carry)
        return step + 1, tuple(new_carries), tuple(written)

    arrays = tuple(tuple(tf.TensorArray(inputs.dtype, length) for _ in range(2)) for _ in directions)
    finals = tuple(tf.split(upstream[1], 2, axis=-1))
    *_, arrays = tf.while_loop(
        lambda step, *_: step < length, body, (tf.constant(0), finals, arrays), maximum_iterations=length
    )
    time_major = tf.transpose(inputs, [1, 0, 2])
    d_inputs: Any = 0
    d_weights: list[Any] = []
    for side, direction in enumerate(directions):
        d_gates, d_recurrent_gates = (array.stack() for array in arrays[side])
        d_inputs += dense_gradient(d_gates, direction.kernel)
        d_weights += [
            kernel_gradient(time_major, d_gates),
            kernel_gradient(saved[side].states, d_recurrent_gates),
            tf.stack([tf.reduce_sum(d_gates, axis=[0, 1]), tf.reduce_sum(d_recurrent_gates, axis=[0, 1])]),
        ]
    return (tf.transpose(d_inputs, [1, 0, 2]), *d_weights)
