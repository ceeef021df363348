"""Packing: what is open moves to the front and back, in eager mode and in graphs of unknown lengths."""

import numpy as np
import pytest
import tensorflow as tf

from layers.fast.packing import pack, unpack

ROWS = np.arange(1.0, 25).reshape(3, 4, 2)
RIGHT = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], bool)
ANYWHERE = np.array([[0, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0, 1]], bool)


@pytest.mark.parametrize("in_graph", [False, True])
@pytest.mark.parametrize("mask", [RIGHT, ANYWHERE, RIGHT[:, :1]], ids=["right", "anywhere", "one"])
def test_there_and_back(mask: np.ndarray, in_graph: bool):
    rows = ROWS[:, : mask.shape[1]]

    def both(rows: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, ...]:
        packed = pack(rows, mask)
        opened = packed.rows * tf.cast(packed.mask[:, :, None], rows.dtype)
        return opened, packed.mask, packed.is_moved, unpack(opened, mask, packed.is_moved)

    if in_graph:
        specs = [tf.TensorSpec([None, None, 2], tf.float64), tf.TensorSpec([None, None], tf.bool)]
        both = tf.function(both, input_signature=specs, autograph=False)
    opened, packed_mask, is_moved, back = (part.numpy() for part in both(tf.constant(rows), tf.constant(mask)))
    assert is_moved == (mask is ANYWHERE)
    assert packed_mask.tolist() == np.sort(mask, axis=1)[:, ::-1].tolist()
    for row, symbols in enumerate(mask):
        assert opened[row][packed_mask[row]].tolist() == rows[row][symbols].tolist()
    np.testing.assert_array_equal(back, rows * mask[:, :, None])


def test_nothing_is_moved_where_padding_stands_on_the_right():
    rows = tf.constant(ROWS)
    packed = pack(rows, RIGHT)
    assert packed.rows is rows
