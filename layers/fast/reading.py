"""A source read in both directions in one loop, everything not sequential outside of it.

Per direction and step:

    x = W input_j + b_x (all positions at once)     u = U s_prev + b_u     s_j = CELL(x, u, s_prev)

Padding needs no care inside of the loop: there x has a gate shut (`PADDING` of the cell's equations), so that the
zeros with which the backward direction begins stay zeros. Outputs on padding are set to 0 afterwards, and the final
output of the forward direction is the one at the last symbol. The cells stand in `layers.cells.gru` and
`layers.cells.lstm`; of an LSTM's state (h, c) only h is an output, and meets U.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from layers.cells.equations import EQUATIONS
from layers.products import dense, write


class Direction(NamedTuple):
    """The weights of one direction; G gates, 3 for a GRU and 4 for an LSTM."""

    kernel: Any  # [features, G * H]
    recurrent_kernel: Any  # [H, G * H]
    bias: Any  # as the Keras cell holds it


class Saved(NamedTuple):
    """What the backward pass needs of one direction, by position of the source."""

    states: tuple[Any, ...]  # [S, B, H] each, the state before the position was read
    gates: tuple[Any, ...]  # [S, B, H] each, from the equations' `advance`


Directions = tuple[Direction, Direction]


def directions_of(layer: Any) -> Directions:
    """The weights of a `keras.layers.Bidirectional`: forward, backward."""
    cells = (layer.forward_layer.cell, layer.backward_layer.cell)
    forward, backward = (
        Direction(*map(tf.convert_to_tensor, (cell.kernel, cell.recurrent_kernel, cell.bias))) for cell in cells
    )
    return forward, backward


def compute_input_gates(cell: str, inputs: Any, mask: Any, directions: Directions) -> list[Any]:
    """x of all positions, `[S, B, G * H]` by direction, of inputs `[B, S, features]` and their mask `[B, S]`."""
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


def tabulate(cell: str, layer: Any, symbols: Any) -> list[Any]:
    """The gates' x of every symbol, for `look_up`.

    Args:
        cell: "gru" or "lstm".
        layer: A `keras.layers.Bidirectional`, the one whose weights are used.
        symbols: `[vocabulary, features]`, their embeddings.

    Returns:
        By direction `[vocabulary + 1, G * H]`, the last row for padding.
    """
    tables = []
    for direction in directions_of(layer):
        rows = tf.matmul(symbols, direction.kernel) + EQUATIONS[cell].split_bias(direction.bias)[0]
        tables.append(tf.concat([rows, _shut_gates(cell, rows.shape[1], rows.dtype)[None]], axis=0))
    return tables


def look_up(cell: str, layer: Any, tables: Any, ids: Any, mask: Any) -> tuple[Any, Any]:
    """What `read` gives of the symbols' embeddings.

    Args:
        cell: "gru" or "lstm".
        layer: A `keras.layers.Bidirectional`, the one whose weights are used.
        tables: From `tabulate`.
        ids: `[batch, source]` int32, rows of the tables.
        mask: `[batch, source]` bool.

    Returns:
        As `read`.
    """
    mask = tf.convert_to_tensor(mask)
    rows = tf.transpose(tf.where(mask, ids, tables[0].shape[0] - 1))
    input_gates = [tf.gather(table, rows) for table in tables]
    return read(cell, input_gates, mask, directions_of(layer))


def read(cell: str, input_gates: Sequence[Any], mask: Any, directions: Directions) -> tuple[Any, Any]:
    """Outputs `[B, S, 2 * H]`, 0 on padding, and final outputs `[B, 2 * H]`.

    Args:
        cell: "gru" or "lstm".
        input_gates: x, `[S, B, G * H]` by direction, with a gate shut on padding.
        mask: `[B, S]` bool.
        directions: The weights.
    """
    if mask.shape[0] == 1:
        return _finish(_read_one(cell, input_gates, directions), mask)
    stacked = _read_many(cell, input_gates, directions, keeps=False)
    return _finish([side[0] for side in stacked], mask)


def read_and_keep(
    cell: str, input_gates: Sequence[Any], mask: Any, directions: Directions
) -> tuple[tuple[Any, Any], tuple[Saved, ...]]:
    """What `read` gives, of the same arguments, and what the backward pass needs, by direction."""
    stacked, parts = _read_many(cell, input_gates, directions, keeps=True), EQUATIONS[cell].PARTS
    saved = tuple(Saved(tuple(side[1 : 1 + parts]), tuple(side[1 + parts :])) for side in stacked)
    return _finish([side[0] for side in stacked], mask), saved


def _read_many(cell: str, input_gates: Sequence[Any], directions: Directions, keeps: bool) -> list[list[Any]]:
    """By direction: the outputs of every position; and, if they are to be kept, states before it and saved gates."""
    equations, dtype = EQUATIONS[cell], input_gates[0].dtype
    length, rows, _ = tf.unstack(tf.shape(input_gates[0]))
    units = directions[0].recurrent_kernel.shape[0]
    biases = [equations.split_bias(direction.bias)[1] for direction in directions]

    def body(step: Any, states: Any, arrays: Any) -> tuple[Any, ...]:
        written, new_states = [], []
        for side, direction in enumerate(directions):
            position, before = step if side == 0 else length - 1 - step, states[side]
            recurrent_gates = tf.matmul(before[0], direction.recurrent_kernel) + biases[side]
            parts = (tf.gather(input_gates[side], position), recurrent_gates)
            x, u = (tf.split(part, equations.GATES, axis=1) for part in parts)
            after, saved = equations.advance(x, u, before)
            kept = (*before, *saved) if keeps else ()
            written.append(write(arrays[side], position, (after[0], *kept)))
            new_states.append(after)
        return step + 1, tuple(new_states), tuple(written)

    empty = (tf.zeros([rows, units], dtype),) * equations.PARTS
    number = 1 + equations.PARTS + equations.SAVED if keeps else 1
    arrays = tuple(tuple(tf.TensorArray(dtype, length) for _ in range(number)) for _ in directions)
    start = (tf.constant(0), (empty, empty), arrays)
    *_, arrays = tf.while_loop(lambda step, *_: step < length, body, start, maximum_iterations=length)
    return [[array.stack() for array in side] for side in arrays]


def _read_one(cell: str, input_gates: Sequence[Any], directions: Directions) -> list[Any]:
    """The outputs of every position of a single source, `[S, 1, H]` by direction.

    Both directions are two rows of one state: at this size an operation takes the longer the more of them there are,
    and two chains would wait for each other's threads.
    """
    equations, dtype = EQUATIONS[cell], input_gates[0].dtype
    length, units = tf.shape(input_gates[0])[0], directions[0].recurrent_kernel.shape[0]
    biases = tf.stack([equations.split_bias(direction.bias)[1] for direction in directions])
    by_step = tf.concat([input_gates[0], input_gates[1][::-1]], axis=1)

    def body(step: Any, state: Any, array: Any) -> tuple[Any, ...]:
        sides = zip(tf.split(state[0], 2), directions, strict=True)
        products = [tf.matmul(before, direction.recurrent_kernel) for before, direction in sides]
        parts = (tf.gather(by_step, step), tf.concat(products, axis=0) + biases)
        x, u = (tf.split(part, equations.GATES, axis=1) for part in parts)
        after, _ = equations.advance(x, u, state)
        return step + 1, after, array.write(step, after[0])

    empty = (tf.zeros([2, units], dtype),) * equations.PARTS
    start = (tf.constant(0), empty, tf.TensorArray(dtype, length))
    *_, array = tf.while_loop(lambda step, *_: step < length, body, start, maximum_iterations=length)
    forward, backward = tf.split(array.stack(), 2, axis=1)
    return [forward, backward[::-1]]


def _finish(outputs: Sequence[Any], mask: Any) -> tuple[Any, Any]:
    """Outputs `[S, B, H]` by direction, of one position at least, to what `read` returns."""
    forward, backward = outputs
    opened = tf.cast(tf.transpose(mask), forward.dtype)[:, :, None]
    last = tf.reduce_sum(forward * last_of(opened), axis=0)
    memory = tf.concat([forward, backward], axis=-1) * opened
    return tf.transpose(memory, [1, 0, 2]), tf.concat([last, backward[0]], axis=-1)


def last_of(opened: Any) -> Any:
    """`[S, B, 1]`, 1 on the last symbol of every row, from the same with 1 on all symbols."""
    return opened - tf.concat([opened[1:], tf.zeros_like(opened[:1])], axis=0)
