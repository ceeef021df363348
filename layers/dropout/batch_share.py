"""Which rows of a larger batch a step has: so that several processes together draw the random numbers of one."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import tensorflow as tf


class BatchShare(NamedTuple):
    """The rows `number * rows` up to `(number + 1) * rows` of a batch of `of * rows`.

    With `passes` above 1 the batch holds that many copies of its rows, one after the other, and every share the same
    of its own.
    """

    number: int = 0
    """Which share, from 0."""
    of: int = 1
    """How many there are."""
    passes: int = 1
    """How often the batch has its rows."""


_shares: list[BatchShare] = []
PHILOX = 1
BYTES_OF_A_COUNT = 16
"""Random bytes that Philox makes of a number of its counter."""


@contextlib.contextmanager
def share_of_batch(share: BatchShare) -> Iterator[None]:
    """While it is entered, layers that are called, or traced, draw random numbers for a share of a batch.

    What is drawn for a row is what would be drawn for it if one process had the whole batch: a mask of dropout is the
    same however many processes share the work. It costs them nothing but the numbers for their own rows.

    Args:
        share: Which.

    Example:
        >>> whole = random_uniform([4, 3], [1, 2])
        >>> with share_of_batch(BatchShare(1, 2)):
        ...     bool(tf.reduce_all(random_uniform([2, 3], [1, 2]) == whole[2:]))
        True
    """
    _shares.append(share)
    try:
        yield
    finally:
        _shares.pop()


def random_numbers(shape: Any, seed: Any, dtype: Any) -> Any:
    """Random uint32 or uint8 of a shape, rows first; within `share_of_batch` those of the share.

    The words are those of `tf.random.stateless_uniform`, by Philox of Salmon et al. (2011),
    https://doi.org/10.1145/2063384.2063405, which can begin anywhere in its sequence; the bytes are theirs.

    Args:
        shape: Of the share.
        seed: `[2]`.
        dtype: `tf.uint32` or `tf.uint8`.
    """
    share = _shares[-1] if _shares else BatchShare()
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=tf.cast(seed, tf.int32))
    number = tf.cast(tf.reduce_prod(shape), tf.int64) // share.passes

    def draw(copy: int) -> Any:
        """The rows of a copy: what comes before them in the sequence is skipped."""
        first = (copy * share.of + share.number) * number
        at_once = BYTES_OF_A_COUNT // dtype.size
        skipped, rest = first // at_once, first % at_once
        words = tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=[-(-(rest + number) * dtype.size // tf.uint32.size)],
            key=key,
            # The lower half of a fresh counter is 0.
            counter=tf.stack([counter[0] + tf.cast(skipped, tf.uint64), counter[1]]),
            alg=PHILOX,
            dtype=tf.uint32,
        )
        drawn = words if dtype == tf.uint32 else tf.reshape(tf.bitcast(words, dtype), [-1])
        return drawn[rest : rest + number]

    drawn = [draw(copy) for copy in range(share.passes)]
    return tf.reshape(drawn[0] if share.passes == 1 else tf.concat(drawn, axis=0), shape)


def random_uniform(shape: Any, seed: Any) -> Any:
    """Random float32 from 0 to below 1, those of `tf.random.stateless_uniform`; arguments as of `random_numbers`."""
    mantissas = random_numbers(shape, seed, tf.uint32) & 0x7FFFFF
    return tf.bitcast(mantissas | 0x3F800000, tf.float32) - 1.0
