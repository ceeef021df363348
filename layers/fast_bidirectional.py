"""Hand-written bidirectional layer: `layers.bidirectional_reading` forward, and its gradient.

Backward, per direction and step, from ds = dL/ds_j, 0 on padding:

    (dx, du, ds_prev) = gradient of CELL at ds      ds_prev += du Uᵀ

and every kernel's gradient is one product of stacked per-step gradients, after the loop. Forward and backward
are each one XLA-compiled function, but for these products (see `layers.large_products`).
"""

from typing import Any

import tensorflow as tf

from layers.bidirectional_reading import (
    Direction,
    Directions,
    Saved,
    compute_input_gates,
    directions_of,
    last_of,
    read,
    read_and_keep,
    shut_gates,
)
from layers.cell_equations import EQUATIONS
from layers.large_products import dense_gradient, kernel_gradient, write


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
    inputs, directions = tf.convert_to_tensor(inputs), directions_of(layer)

    if not compiled:
        return read(cell, compute_input_gates(cell, inputs, mask, directions), mask, directions)

    @tf.custom_gradient
    def with_gradient(inputs: Any, *flat: Any) -> tuple[Any, Any]:
        directions = (Direction(*flat[:3]), Direction(*flat[3:]))
        # An eager tape must not look inside: the gradient of a compiled loop is this one or none.
        given = tf.nest.map_structure(tf.stop_gradient, (inputs, mask, directions))
        outputs, saved = _forward(cell, *given)

        def gradient(*upstream: Any) -> tuple[Any, ...]:
            d_inputs, d_products = _backward(cell, upstream, inputs, mask, directions, saved)
            return (d_inputs, *_weight_gradients(d_products, inputs, saved))

        return outputs, gradient

    return with_gradient(inputs, *directions[0], *directions[1])


def tabulate(cell: str, layer: Any, symbols: Any) -> list[Any]:
    """The gates' x of every symbol, for `look_up`.

    Args:
        cell: "gru" or "lstm".
        layer: As in `run`.
        symbols: `[vocabulary, features]`, their embeddings.

    Returns:
        By direction `[vocabulary + 1, G * H]`, the last row for padding.
    """
    tables = []
    for direction in directions_of(layer):
        rows = tf.matmul(symbols, direction.kernel) + EQUATIONS[cell].split_bias(direction.bias)[0]
        tables.append(tf.concat([rows, shut_gates(cell, rows.shape[1], rows.dtype)[None]], axis=0))
    return tables


def look_up(cell: str, layer: Any, tables: Any, ids: Any, mask: Any) -> tuple[Any, Any]:
    """The same as `run`, not compiled, of the symbols' embeddings.

    Args:
        cell: "gru" or "lstm".
        layer: As in `run`.
        tables: From `tabulate`.
        ids: `[batch, source]` int32, rows of the tables.
        mask: `[batch, source]` bool.

    Returns:
        As `run`.
    """
    rows = tf.transpose(tf.where(mask, ids, tables[0].shape[0] - 1))
    input_gates = [tf.gather(table, rows) for table in tables]
    return read(cell, input_gates, mask, directions_of(layer))


@tf.function(jit_compile=True, autograph=False)
def _forward(cell: str, inputs: Any, mask: Any, directions: Directions) -> tuple[Any, Any]:
    return read_and_keep(cell, compute_input_gates(cell, inputs, mask, directions), mask, directions)


@tf.function(jit_compile=True, autograph=False)
def _backward(
    cell: str, upstream: tuple[Any, Any], inputs: Any, mask: Any, directions: Directions, saved: Any
) -> tuple[Any, list[Direction]]:
    """The gradient of the inputs; and by direction those of the weights, in which a kernel's place has the gradient of
    its product, for all positions at once.
    """
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
    d_products = []
    for side, direction in enumerate(directions):
        d_gates, d_recurrent_gates = (array.stack() for array in arrays[side])
        d_inputs += dense_gradient(d_gates, direction.kernel)
        sums = [tf.reduce_sum(gates, axis=[0, 1]) for gates in (d_gates, d_recurrent_gates)]
        d_products.append(Direction(d_gates, d_recurrent_gates, equations.join_bias_gradients(*sums)))
    return tf.transpose(d_inputs, [1, 0, 2]), d_products


def _weight_gradients(d_products: list[Direction], inputs: Any, saved: tuple[Saved, ...]) -> list[Any]:
    time_major, found = tf.transpose(inputs, [1, 0, 2]), []
    for products, (states, _) in zip(d_products, saved, strict=True):
        found.append(kernel_gradient(time_major, products.kernel))
        found.append(kernel_gradient(states[0], products.recurrent_kernel))
        found.append(products.bias)
    return found
