"""Random numbers of a share of a batch: those that one process would draw for its rows."""

import numpy as np
import pytest
import tensorflow as tf

from layers import BatchShare, Dropout, SymbolDropout, share_of_batch
from layers.dropout.batch_share import random_numbers, random_uniform

SEED = tf.constant([3, 4])


@pytest.mark.parametrize("dtype", [tf.uint8, tf.uint32])
@pytest.mark.parametrize("row", [(3, 5), (1,), (16,)])
def test_shares_are_the_rows_of_the_whole(dtype: tf.DType, row: tuple[int, ...]):
    whole = random_numbers([8, *row], SEED, dtype).numpy()
    for of in (1, 2, 4, 8):
        rows = 8 // of
        for number in range(of):
            with share_of_batch(BatchShare(number, of)):
                share = random_numbers([rows, *row], SEED, dtype).numpy()
            np.testing.assert_array_equal(share, whole[number * rows : (number + 1) * rows])


def test_the_numbers_are_tensorflows():
    words = tf.random.stateless_uniform([5], SEED, None, None, tf.uint32)
    np.testing.assert_array_equal(random_numbers([5], SEED, tf.uint32), words)
    np.testing.assert_array_equal(random_numbers([18], SEED, tf.uint8), words.numpy().view(np.uint8)[:18])
    np.testing.assert_array_equal(random_uniform([3, 5], SEED), tf.random.stateless_uniform([3, 5], SEED))


@pytest.mark.parametrize("kind", [Dropout, SymbolDropout])
@pytest.mark.parametrize("passes", [1, 2])
def test_dropout_of_shares_is_that_of_the_whole(kind: type[Dropout] | type[SymbolDropout], passes: int):
    """Also where a batch holds its rows twice, and in a graph."""
    inputs = np.ones((8 * passes, 3, 5), "float32")
    whole = kind(0.5, seed=1)(inputs, training=True).numpy().reshape(passes, 8, 3, 5)
    assert 0 < (whole == 0).mean() < 1
    for number in range(2):
        layer = kind(0.5, seed=1)
        with share_of_batch(BatchShare(number, 2, passes)):
            drop = tf.function(lambda rows, layer=layer: layer(rows, training=True))
            share = drop(tf.ones([4 * passes, 3, 5])).numpy().reshape(passes, 4, 3, 5)
        np.testing.assert_array_equal(share, whole[:, 4 * number : 4 * number + 4])


def test_a_share_ends_with_its_block():
    whole = random_uniform([4], SEED).numpy()
    with pytest.raises(ZeroDivisionError), share_of_batch(BatchShare(1, 2)):
        raise ZeroDivisionError
    np.testing.assert_array_equal(random_uniform([4], SEED), whole)
