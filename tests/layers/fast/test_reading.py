"""Reading in both directions, not in training: a single source, which has a loop of its own, as among others."""

import numpy as np
import pytest
import tensorflow as tf

from layers import BidirectionalEncoder
from tests.layer_contract import TOLERANCES, arrays, assert_close, randomize
from tests.quick_cases import quick

FEATURES, UNITS = 6, 5
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)


@pytest.mark.parametrize("looked_up", [False, True])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("dtype", quick(TOLERANCES, 0))
def test_a_single_source_is_read_as_among_others(cell: str, dtype: str, looked_up: bool):
    ids = np.array([[3, 1, 6, 0], [2, 2, 5, 4], [1, 6, 6, 6]])
    symbols = tf.constant(np.random.default_rng(0).normal(size=(7, FEATURES)), dtype)
    encoder = BidirectionalEncoder(UNITS, cell=cell, layers=2, dtype=dtype)
    encoder.build((*MASK.shape, FEATURES))
    randomize(encoder)

    def read(ids: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if looked_up:
            return encoder.look_up(encoder.tabulate(symbols), ids, mask)
        return encoder(tf.gather(symbols, ids), mask)

    # As an export has it: how long a source is, the graph does not know.
    one = [tf.TensorSpec([1, None], tf.int32), tf.TensorSpec([1, None], tf.bool)]
    in_graph = tf.function(read, input_signature=one, autograph=False)
    memory, summary = arrays(read(ids, MASK))
    for row in range(len(ids)):
        its_ids, its_mask = tf.constant(ids[row : row + 1], tf.int32), tf.constant(MASK[row : row + 1])
        alone, its_summary = arrays(in_graph(its_ids, its_mask))
        assert_close(alone[0], memory[row], TOLERANCES[dtype])
        assert_close(its_summary[0], summary[row], TOLERANCES[dtype])
        assert (alone[0, ~MASK[row]] == 0).all()
