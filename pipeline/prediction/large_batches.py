"""Any number of rows through a function that can take only so many at once, in a graph and outside.

The rows are taken shortest first, as many at a time as fit into a bound; what came of them is padded to the longest and
put back into the caller's order. Rows that fit at once cost two comparisons and a choice more than without all this. A
single row, where the time goes into the number of operations, has a graph of its own, in which it is known to be one.

A graph must hold all of this, as an export's does. Outside of one, Python looks at the rows that came.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

ROWS = 256
# float32 numbers of the largest tensor that a chunk makes: 256 MiB. A single row may need more.
MOST_CELLS = 2**26

RowFunction = Callable[..., dict[str, tf.Tensor]]

# A call that is not made costs next to nothing if it is a single operation; inlined, each of its operations would.
APART: dict[str, Any] = {"autograph": False, "experimental_attributes": {"_noinline": True}}

# Of inputs by name, what else than strings `[rows]` they are.
_KINDS: dict[str, tuple[Any, ...]] = {"ids": (tf.int32, None), "lengths": (tf.int32,), "targets": (tf.int32, None)}
_KINDS["target_tokens"] = (tf.string, None)


def by_rows(function: Callable[..., Any], *names: str) -> list[Any]:
    """A function of strings `[rows]` of these names, or of what `_KINDS` has, traced for one row and for any number."""
    kinds = [(name, *_KINDS.get(name, (tf.string,))) for name in names]
    specs = [[tf.TensorSpec([rows, *rest], kind, name) for name, kind, *rest in kinds] for rows in (1, None)]
    return [tf.function(function, input_signature=spec, autograph=False) for spec in specs]


def map_rows(
    function: RowFunction,
    inputs: Sequence[tf.Tensor],
    cells: Callable[..., tf.Tensor],
    most_cells: float,
    in_turns: RowFunction | None = None,
) -> dict[str, tf.Tensor]:
    """What a function makes of rows, in chunks where there are too many of them.

    Args:
        function: From tensors `[rows, …]` to tensors `[rows, …]` by name, every row for itself; of longer rows in a
            chunk, all are padded on the right with zeros or ''.
        inputs: `[rows, …]` each, of any number of rows.
        cells: From the same to how much each row may take, `[rows]` float32.
        most_cells: The most that `cells` says of any row.
        in_turns: In a graph, what gives the same of more rows than fit; None makes that here.

    Returns:
        The same as the function of all rows at once. Where they were too many, padding may be wider than needed. Of
        inputs of different numbers of rows, an error that names the numbers.
    """
    inputs = _require_same_rows(inputs)
    fitting = max(1, min(ROWS, int(MOST_CELLS / most_cells)))
    if tf.executing_eagerly():
        return (
            function(*inputs) if inputs[0].shape[0] <= fitting else _take_now_in_turns(function, inputs, cells(*inputs))
        )
    specs = [tf.TensorSpec(part.shape, part.dtype) for part in inputs]
    single = [tf.TensorSpec([1, *part.shape[1:]], part.dtype) for part in inputs]
    # Traced once for many rows, whether they fit or not: the export holds it once.
    chunk = tf.function(function, input_signature=specs, autograph=False)
    one = tf.function(function, input_signature=single, **APART)
    rest = in_turns or tf.function(
        lambda *rows: take_in_turns(chunk, rows, cells(*rows)), input_signature=specs, **APART
    )
    rows = tf.shape(inputs[0])[0]
    # A single choice of three: each branch of another one around it would take in all weights once more.
    kind = tf.cast(tf.not_equal(rows, 1), tf.int32) + tf.cast(rows > fitting, tf.int32)
    branches = [lambda: one(*map(_first_row, inputs)), lambda: chunk(*inputs), lambda: rest(*inputs)]
    return tf.switch_case(kind, branches)


def _require_same_rows(inputs: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
    if len(inputs) == 1:
        return inputs
    counts = [tf.shape(part)[0] for part in inputs]
    same = tf.reduce_all(tf.equal(counts[1:], counts[0]))
    # The bare operation: around the other one there is a branch, which takes longer.
    check = tf.raw_ops.Assert(condition=same, data=["inputs of different numbers of rows:", *counts], summarize=1)
    with tf.control_dependencies([check]):
        return [tf.identity(part) for part in inputs]


def _first_row(part: tf.Tensor) -> tf.Tensor:
    """The only row; not by `tf.ensure_shape`, which the optimizer of graphs may run before it is known to be one."""
    row = part[:1]
    row.set_shape([1, *part.shape[1:]])
    return row


def _take_now_in_turns(function: RowFunction, inputs: Sequence[tf.Tensor], cells: tf.Tensor) -> dict[str, tf.Tensor]:
    """What `take_in_turns` does in a graph."""
    order = np.argsort(cells, kind="stable")
    cells, begin, chunks = cells.numpy()[order], 0, []
    while begin < len(order):
        upcoming = cells[begin : begin + ROWS]
        together = upcoming * np.arange(1, len(upcoming) + 1, dtype=np.float32)
        end = begin + max(1, int(np.sum(together <= MOST_CELLS)))
        chunks.append(function(*(tf.gather(part, order[begin:end]) for part in inputs)))
        begin = end
    places = np.argsort(order)
    return {name: tf.gather(_pad_and_join([chunk[name] for chunk in chunks]), places) for name in chunks[0]}


def _pad_and_join(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    widest = np.max([part.shape[1:] for part in parts], axis=0)
    return tf.concat([tf.pad(part, [[0, 0], *((0, more) for more in widest - part.shape[1:])]) for part in parts], 0)


def take_in_turns(chunk: Any, inputs: Sequence[tf.Tensor], cells: tf.Tensor) -> dict[str, tf.Tensor]:
    """The chunks, one after the other, in a graph.

    Args:
        chunk: A `tf.function` of so many rows as fit.
        inputs: `[rows, …]` each.
        cells: How much each row takes, `[rows]` float32.
    """
    specs = chunk.get_concrete_function().structured_outputs
    order = tf.argsort(cells, stable=True)
    cells = tf.gather(cells, order)
    rows = tf.shape(cells)[0]

    ranks = {name: spec.shape.rank for name, spec in specs.items() if spec.shape.rank > 1}

    def body(begin: Any, count: Any, arrays: Any, widths: Any) -> tuple[Any, ...]:
        upcoming = cells[begin : begin + ROWS]
        together = upcoming * tf.range(1.0, tf.cast(tf.shape(upcoming)[0], tf.float32) + 1.0)
        end = begin + tf.maximum(1, tf.reduce_sum(tf.cast(together <= MOST_CELLS, tf.int32)))
        found = chunk(*(tf.gather(part, order[begin:end]) for part in inputs))
        arrays = {name: arrays[name].write(count, found[name]) for name in arrays}
        return end, count + 1, arrays, tf.maximum(widths, _shapes(found[name] for name in ranks))

    arrays = {name: _array(spec, 0) for name, spec in specs.items()}
    # The largest shapes of all that is padded, in one row: of each apart, a graph would be a third larger.
    widths = tf.zeros([sum(ranks.values())], tf.int32)
    start = (tf.constant(0), tf.constant(0), arrays, widths)
    # One at a time is the purpose.
    once = {"parallel_iterations": 1}
    _, count, arrays, widths = tf.while_loop(lambda begin, *_: begin < rows, body, start, **once)
    places = tf.math.invert_permutation(order)
    joined = _join(arrays, count, widths, specs)
    return {name: tf.gather(joined[name], places) for name in specs}


def _shapes(parts: Iterable[tf.Tensor]) -> tf.Tensor:
    return tf.concat([tf.zeros([0], tf.int32), *map(tf.shape, parts)], 0)


def _array(spec: tf.TensorSpec, size: Any) -> tf.TensorArray:
    shape = [None, *spec.shape[1:]]
    return tf.TensorArray(spec.dtype, size, dynamic_size=True, element_shape=shape, infer_shape=False)


def _join(
    arrays: dict[str, tf.TensorArray], count: Any, widths: tf.Tensor, specs: dict[str, tf.TensorSpec]
) -> dict[str, tf.Tensor]:
    """The chunks of each name as one tensor, padded to the widest; in one loop, of which a graph is made once."""
    wide = {name: spec for name, spec in specs.items() if spec.shape.rank > 1}

    def body(place: Any, padded: dict[str, tf.TensorArray]) -> tuple[Any, dict[str, tf.TensorArray]]:
        shapes = tf.split(widths, [spec.shape.rank for spec in wide.values()])
        values = [_widen(arrays[name].read(place), shape) for name, shape in zip(wide, shapes, strict=True)]
        return place + 1, {name: padded[name].write(place, value) for name, value in zip(wide, values, strict=True)}

    joined = {name: arrays[name].concat() for name in specs if name not in wide}
    if wide:
        once = {"parallel_iterations": 1}
        start = (tf.constant(0), {name: _array(spec, count) for name, spec in wide.items()})
        _, padded = tf.while_loop(lambda place, _: place < count, body, start, **once)
        joined |= {name: tf.ensure_shape(padded[name].concat(), [None, *wide[name].shape[1:]]) for name in wide}
    return joined


def _widen(value: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Padded on the right to a shape, of which the first number counts for nothing."""
    missing = (shape - tf.shape(value)) * [0, *[1] * (value.shape.rank - 1)]
    return tf.pad(value, tf.stack([tf.zeros([value.shape.rank], tf.int32), missing], axis=1))
