"""A recurrence over inputs that are all known before it begins, with a hand-written gradient.

    u_t = s_{t-1} U + b     s_t = CELL(x_t, u_t, s_{t-1})

Nothing but the product with U is in the loop; the gradient of U is one product after it. Forward and backward are each
one compiled function. (An encoder's, `layers.fast.bidirectional`, has both directions in one loop.) The cells stand in
`layers.cells.gru` and `layers.cells.lstm`; of an LSTM's state (h, c) it is h that meets U.
"""

from typing import Any

import tensorflow as tf

from layers.cells.equations import EQUATIONS
from layers.products import kernel_gradient, write


def run(cell: str, gates: Any, initial: tuple[Any, ...], kernel: Any, bias: Any) -> Any:
    """The states after every step, of an LSTM h: `[T, B, H]`.

    Args:
        cell: "gru" or "lstm".
        gates: x, `[T, B, G * H]`.
        initial: `[B, H]`, twice for an LSTM.
        kernel: U, `[H, G * H]`.
        bias: b, `[G * H]`.
    """

    @tf.custom_gradient
    def with_gradient(gates: Any, kernel: Any, bias: Any, *initial: Any) -> tuple[Any, Any]:
        # An eager tape must not look inside: the gradient of a compiled loop is this one or none.
        given = tf.nest.map_structure(tf.stop_gradient, (gates, initial, kernel, bias))
        outputs, before, saved = _forward(cell, *given)

        def gradient(upstream: Any) -> tuple[Any, ...]:
            d_gates, d_recurrent_gates, d_bias, d_initial = _backward(cell, upstream, kernel, before, saved)
            return d_gates, kernel_gradient(before[0], d_recurrent_gates), d_bias, *d_initial

        return outputs, gradient

    return with_gradient(gates, kernel, bias, *initial)


@tf.function(jit_compile=True, autograph=False)
def _forward(cell: str, gates: Any, initial: tuple[Any, ...], kernel: Any, bias: Any) -> tuple[Any, Any, Any]:
    """What `run` gives; the state before every step; and what the cell's `retreat` needs of every step."""
    equations, length = EQUATIONS[cell], tf.shape(gates)[0]

    def body(position: Any, state: tuple[Any, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        recurrent_gates = tf.split(tf.matmul(state[0], kernel) + bias, equations.GATES, axis=1)
        new_state, saved = equations.advance(tf.split(gates[position], equations.GATES, axis=1), recurrent_gates, state)
        return position + 1, new_state, write(arrays, position, (*new_state, *saved))

    arrays = tuple(tf.TensorArray(gates.dtype, length) for _ in range(equations.PARTS + equations.SAVED))
    *_, arrays = tf.while_loop(
        lambda position, *_: position < length, body, (tf.constant(0), initial, arrays), maximum_iterations=length
    )
    states, saved = arrays[: equations.PARTS], arrays[equations.PARTS :]
    stacked = [array.stack() for array in states]
    before = tuple(tf.concat([first[None], part[:-1]], axis=0) for first, part in zip(initial, stacked, strict=True))
    return stacked[0], before, tuple(array.stack() for array in saved)


@tf.function(jit_compile=True, autograph=False)
def _backward(
    cell: str, upstream: Any, kernel: Any, before: tuple[Any, ...], saved: tuple[Any, ...]
) -> tuple[Any, ...]:
    """The gradients of x, of u, of b and of the initial state."""
    equations, length = EQUATIONS[cell], tf.shape(upstream)[0]

    def body(step: Any, carry: tuple[Any, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        position = length - 1 - step
        state, kept = (tuple(part[position] for part in parts) for parts in (before, saved))
        d_state = (carry[0] + upstream[position], *carry[1:])
        *d_parts, carry = equations.retreat(d_state, state, kept)
        d_gates, d_recurrent_gates = (tf.concat(parts, axis=1) for parts in d_parts)
        through = tf.matmul(d_recurrent_gates, kernel, transpose_b=True)
        return step + 1, (carry[0] + through, *carry[1:]), write(arrays, position, (d_gates, d_recurrent_gates))

    arrays = tuple(tf.TensorArray(upstream.dtype, length) for _ in range(2))
    nothing = tuple(tf.zeros_like(part[0]) for part in before)
    _, d_initial, arrays = tf.while_loop(
        lambda step, *_: step < length, body, (tf.constant(0), nothing, arrays), maximum_iterations=length
    )
    d_gates, d_recurrent_gates = (array.stack() for array in arrays)
    return d_gates, d_recurrent_gates, tf.reduce_sum(d_recurrent_gates, axis=[0, 1]), d_initial
