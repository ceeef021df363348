"""Hand-written bidirectional layer: `layers.fast.reading` forward, and its gradient.

Backward, per direction and step, from ds = dL/ds_j, 0 on padding:

    (dx, du, ds_prev) = gradient of CELL at ds      ds_prev += du Uᵀ

and every kernel's gradient is one product of stacked per-step gradients, after the loop. Forward and backward
are each one XLA-compiled function, but for these products (see `layers.products`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from layers.cells.equations import EQUATIONS
from layers.fast.reading import (
    Direction,
    Directions,
    Saved,
    compute_input_gates,
    directions_of,
    last_of,
    read,
    read_and_keep,
)
from layers.products import dense_gradient, kernel_gradient, write


class Gradients(NamedTuple):
    """What the compiled part of the backward pass leaves for the gradients of one direction's weights."""

    gates: Any  # [S, B, G * H], of x
    recurrent_gates: Any  # [S, B, G * H], of u
    bias: Any  # as in Direction


def run(cell: str, layer: Any, inputs: Any, mask: Any, compiled: bool) -> tuple[Any, Any]:
    """The same as a `keras.layers.Bidirectional` of two recurrent layers, held to it by a parity test.

    Args:
        cell: "gru" or "lstm".
        layer: The Keras layer whose weights are used.
        inputs: `[batch, source, features]`.
        mask: `[batch, source]` bool.
        compiled: True compiles by XLA, with the gradient above; False puts the forward loop into the graph as it
            is, for an exported model must not need XLA.

    Returns:
        outputs `[batch, source, 2 * units]`, 0 on padding, and the final outputs `[batch, 2 * units]`.
    """
    inputs, mask, directions = tf.convert_to_tensor(inputs), tf.convert_to_tensor(mask), directions_of(layer)

    if not compiled:
        return read(cell, compute_input_gates(cell, inputs, mask, directions), mask, directions)

    @tf.custom_gradient
    def with_gradient(inputs: Any, *flat: Any) -> tuple[Any, Any]:
        directions = (Direction(*flat[:3]), Direction(*flat[3:]))
        # An eager tape must not look inside: the gradient of a compiled loop is this one or none.
        given = tf.nest.map_structure(tf.stop_gradient, (inputs, mask, directions))
        outputs, saved = _forward(cell, *given)

        def gradient(*upstream: Any) -> tuple[Any, ...]:
            d_inputs, *found = _backward(cell, upstream, inputs, mask, directions, saved)
            return (d_inputs, *_weight_gradients(found, inputs, saved))

        return outputs, gradient

    return with_gradient(inputs, *directions[0], *directions[1])


@tf.function(jit_compile=True, autograph=False)
def _forward(cell: str, inputs: Any, mask: Any, directions: Directions) -> tuple[Any, Any]:
    return read_and_keep(cell, compute_input_gates(cell, inputs, mask, directions), mask, directions)


@tf.function(jit_compile=True, autograph=False)
def _backward(
    cell: str, upstream: tuple[Any, Any], inputs: Any, mask: Any, directions: Directions, saved: Any
) -> tuple[Any, ...]:
    """The gradient of the inputs, and `Gradients` of both directions."""
    equations = EQUATIONS[cell]
    length = tf.shape(inputs)[1]
    opened = tf.cast(tf.transpose(mask), inputs.dtype)[:, :, None]
    d_outputs = tf.split(tf.transpose(upstream[0], [1, 0, 2]) * opened, 2, axis=-1)
    d_finals = tf.split(upstream[1], 2, axis=-1)
    d_outputs[0] += last_of(opened) * d_finals[0]

    def body(step: Any, carries: Any, arrays: Any) -> tuple[Any, ...]:
        written, new_carries = [], []
        for side, direction in enumerate(directions):
            position = length - 1 - step if side == 0 else step
            d_state = (carries[side][0] + d_outputs[side][position], *carries[side][1:])
            before, gates = (tuple(part[position] for part in parts) for parts in saved[side])
            *d_parts, carry = equations.retreat(d_state, before, gates)
            d_gates, d_recurrent_gates = (tf.concat(parts, axis=1) for parts in d_parts)
            through = tf.matmul(d_recurrent_gates, direction.recurrent_kernel, transpose_b=True)
            written.append(write(arrays[side], position, (d_gates, d_recurrent_gates)))
            new_carries.append((carry[0] + through, *carry[1:]))
        return step + 1, tuple(new_carries), tuple(written)

    arrays = tuple(tuple(tf.TensorArray(inputs.dtype, length) for _ in range(2)) for _ in directions)
    nothing = tf.zeros_like(d_finals[0])
    starts = tuple((final, *(nothing,) * (equations.PARTS - 1)) for final in (nothing, d_finals[1]))
    *_, arrays = tf.while_loop(
        lambda step, *_: step < length, body, (tf.constant(0), starts, arrays), maximum_iterations=length
    )
    d_inputs: Any = 0
    found = []
    for side, direction in enumerate(directions):
        d_gates, d_recurrent_gates = (array.stack() for array in arrays[side])
        d_inputs += dense_gradient(d_gates, direction.kernel)
        sums = [tf.reduce_sum(gates, axis=[0, 1]) for gates in (d_gates, d_recurrent_gates)]
        found.append(Gradients(d_gates, d_recurrent_gates, equations.join_bias_gradients(*sums)))
    return (tf.transpose(d_inputs, [1, 0, 2]), *found)


def _weight_gradients(found: Sequence[Gradients], inputs: Any, saved: tuple[Saved, ...]) -> list[Any]:
    """Those of both directions, as flat as they were given."""
    time_major = tf.transpose(inputs, [1, 0, 2])
    return [
        part
        for side, (states, _) in zip(found, saved, strict=True)
        for part in (
            kernel_gradient(time_major, side.gates),
            kernel_gradient(states[0], side.recurrent_gates),
            side.bias,
        )
    ]
