"""Hand-written bidirectional layer: both directions in one loop, everything not sequential outside of it.

Per direction and step:

    x = W input_j + b_x (all positions at once)     u = U s_prev + b_u     s_j = CELL(x, u, s_prev)

Padding needs no care inside of the loop: there x has a gate shut (`PADDING` of the cell's equations), so that the
zeros with which the backward direction begins stay zeros. Outputs on padding are set to 0 afterwards, and the final
output of the forward direction is the one at the last symbol. Backward, from ds = dL/ds_j, 0 on padding:

    (dx, du, ds_prev) = gradient of CELL at ds      ds_prev += du Uᵀ

and every weight's gradient is one product of stacked per-step gradients, after the loop. Forward and backward
are each one XLA-compiled function. The cells and their gradients stand in `layers.gru_equations` and
`layers.lstm_equations`; of an LSTM's state (h, c) only h is an output, and meets U.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from layers.cell_equations import EQUATIONS
from layers.large_products import dense, dense_gradient, kernel_gradient, write


class Direction(NamedTuple):
    """The weights of one direction; G gates, 3 for a GRU and 4 for an LSTM."""

    kernel: Any  # [features, G * H]
    recurrent_kernel: Any  # [H, G * H]
    bias: Any  # as the Keras cell holds it


class Saved(NamedTuple):
    """What the backward pass needs of one direction, by position of the source."""

    states: tuple[Any, ...]  # [S, B, H] each, the state before the position was read
    gates: tuple[Any, ...]  # [S, B, H] each, from the equations' `advance`


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
    inputs, directions = tf.convert_to_tensor(inputs), _directions(layer)

    if not compiled:
        outputs, _ = _read(cell, _input_gates(cell, inputs, mask, directions), mask, directions, keeps=False)
        return outputs

    @tf.custom_gradient
    def with_gradient(inputs: Any, *flat: Any) -> tuple[Any, Any]:
        directions = (Direction(*flat[:3]), Direction(*flat[3:]))
        # An eager tape must not look inside: the gradient of a compiled loop is this one or none.
        given = tf.nest.map_structure(tf.stop_gradient, (inputs, mask, directions))
        outputs, saved = _forward(cell, *given)

        def gradient(*upstream: Any) -> tuple[Any, ...]:
            return _backward(cell, upstream, inputs, mask, directions, saved)

        return outputs, gradient

    return with_gradient(inputs, *directions[0], *directions[1])


def _directions(layer: Any) -> tuple[Direction, Direction]:
    cells = (layer.forward_layer.cell, layer.backward_layer.cell)
    forward, backward = (
        Direction(*map(tf.convert_to_tensor, (cell.kernel, cell.recurrent_kernel, cell.bias))) for cell in cells
    )
    return forward, backward


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
    for direction in _directions(layer):
        rows = tf.matmul(symbols, direction.kernel) + EQUATIONS[cell].split_bias(direction.bias)[0]
        tables.append(tf.concat([rows, _shut_gates(cell, rows.shape[1], rows.dtype)[None]], axis=0))
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
    outputs, _ = _read(cell, input_gates, mask, _directions(layer), keeps=False)
    return outputs


@tf.function(jit_compile=True, autograph=False)
def _forward(cell: str, inputs: Any, mask: Any, directions: tuple[Direction, Direction]) -> tuple[Any, Any]:
    return _read(cell, _input_gates(cell, inputs, mask, directions), mask, directions, keeps=True)


def _input_gates(cell: str, inputs: Any, mask: Any, directions: tuple[Direction, Direction]) -> list[Any]:
    """x of all positions, `[S, B, G * H]` by direction."""
    equations = EQUATIONS[cell]
    closed = 1 - tf.cast(tf.transpose(mask), inputs.dtype)[:, :, None]
    shut = closed * _shut_gates(cell, directions[0].kernel.shape[1], inputs.dtype)
    time_major = tf.transpose(inputs, [1, 0, 2])
    biases = [equations.split_bias(direction.bias)[0] for direction in directions]
    return [
        dense(time_major, direction.kernel) + bias + shut for direction, bias in zip(directions, biases, strict=True)
    ]


def _shut_gates(cell: str, size: int, dtype: Any) -> Any:
    """`[G * H]`, what is added to x on padding."""
    padding = EQUATIONS[cell].PADDING
    return tf.constant([value for value in padding for _ in range(size // len(padding))], dtype)


def _read(
    cell: str, input_gates: Sequence[Any], mask: Any, directions: tuple[Direction, Direction], keeps: bool
) -> tuple[Any, tuple[Saved, ...]]:
    """Outputs and final outputs; and, if it is to be kept, what the backward pass needs."""
    equations, dtype = EQUATIONS[cell], input_gates[0].dtype
    rows, length = tf.unstack(tf.shape(mask))
    units = directions[0].recurrent_kernel.shape[0]
    opened = tf.cast(tf.transpose(mask), dtype)[:, :, None]
    biases = [equations.split_bias(direction.bias)[1] for direction in directions]

    def body(step: Any, states: Any, arrays: Any) -> tuple[Any, ...]:
        written, new_states = [], []
        for side, direction in enumerate(directions):
            position, before = step if side == 0 else length - 1 - step, states[side]
            recurrent_gates = tf.matmul(before[0], direction.recurrent_kernel) + biases[side]
            parts = (tf.gather(input_gates[side], position), recurrent_gates)
            after, saved = equations.advance(*(tf.split(part, equations.GATES, axis=1) for part in parts), before)
            kept = (*before, *saved) if keeps else ()
            written.append(write(arrays[side], position, (after[0], *kept)))
            new_states.append(after)
        return step + 1, tuple(new_states), tuple(written)

    empty = (tf.zeros([rows, units], dtype),) * equations.PARTS
    number = 1 + equations.PARTS + equations.SAVED if keeps else 1
    arrays = tuple(tuple(tf.TensorArray(dtype, length) for _ in range(number)) for _ in directions)
    _, finals, arrays = tf.while_loop(
        lambda step, *_: step < length, body, (tf.constant(0), (empty, empty), arrays), maximum_iterations=length
    )
    stacked = [[array.stack() for array in side] for side in arrays]
    outputs = tf.concat([stacked[0][0], stacked[1][0]], axis=-1) * opened
    saved = (
        tuple(Saved(tuple(side[1 : 1 + equations.PARTS]), tuple(side[1 + equations.PARTS :])) for side in stacked)
        if keeps
        else ()
    )
    forward = tf.reduce_sum(stacked[0][0] * _last_of(opened), axis=0)
    return (tf.transpose(outputs, [1, 0, 2]), tf.concat([forward, finals[1][0]], axis=-1)), saved


def _last_of(opened: Any) -> Any:
    """`[S, B, 1]`, 1 on the last symbol of every row, from the same with 1 on all symbols."""
    return opened - tf.concat([opened[1:], tf.zeros_like(opened[:1])], axis=0)


@tf.function(jit_compile=True, autograph=False)
def _backward(
    cell: str, upstream: tuple[Any, Any], inputs: Any, mask: Any, directions: tuple[Direction, Direction], saved: Any
) -> tuple[Any, ...]:
    equations = EQUATIONS[cell]
    length = tf.shape(inputs)[1]
    opened = tf.cast(tf.transpose(mask), inputs.dtype)[:, :, None]
    d_outputs = tf.split(tf.transpose(upstream[0], [1, 0, 2]) * opened, 2, axis=-1)
    d_finals = tf.split(upstream[1], 2, axis=-1)
    d_outputs[0] += _last_of(opened) * d_finals[0]

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
    time_major = tf.transpose(inputs, [1, 0, 2])
    d_inputs: Any = 0
    d_weights: list[Any] = []
    for side, direction in enumerate(directions):
        d_gates, d_recurrent_gates = (array.stack() for array in arrays[side])
        d_inputs += dense_gradient(d_gates, direction.kernel)
        sums = [tf.reduce_sum(gates, axis=[0, 1]) for gates in (d_gates, d_recurrent_gates)]
        d_weights += [
            kernel_gradient(time_major, d_gates),
            kernel_gradient(saved[side].states[0], d_recurrent_gates),
            equations.join_bias_gradients(*sums),
        ]
    return (tf.transpose(d_inputs, [1, 0, 2]), *d_weights)
