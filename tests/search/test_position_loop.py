"""The loop over output positions: shapes that are known stay known, others stay open."""

import pytest
import tensorflow as tf

from pipeline.search.position_loop import array, loop, stack


@pytest.mark.parametrize("rows", [1, None])
def test_what_is_known_of_the_rows_is_known_within_and_after(rows: int | None):
    seen = []

    @tf.function(input_signature=[tf.TensorSpec([rows], tf.int32)], autograph=False)
    def double(numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        def body(position: tf.Tensor, numbers: tf.Tensor, kept: tf.TensorArray) -> tuple:
            seen.append(numbers.shape[0])
            # By a detour on which the number of rows is forgotten.
            doubled = tf.boolean_mask(2 * numbers, tf.ones_like(numbers, tf.bool))
            assert doubled.shape[0] is None
            return position + 1, doubled, kept.write(position, doubled)

        start = (tf.constant(0), numbers, array(tf.int32, [None]))
        position, numbers, kept = loop(lambda position, *_: position < 3, body, start)
        seen.append(numbers.shape[0])
        return numbers, stack(kept, position, [0])

    last, all_of_them = double(tf.constant([3]))
    assert set(seen) == {rows}
    assert last.numpy().tolist() == [24]
    assert all_of_them.numpy().tolist() == [[6], [12], [24]]


def test_nothing_was_written():
    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)], autograph=False)
    def keep(steps: tf.Tensor) -> tf.Tensor:
        def body(position: tf.Tensor, kept: tf.TensorArray) -> tuple:
            return position + 1, kept.write(position, tf.ones([2, 5]))

        start = (tf.constant(0), array(tf.float32, [None, None]))
        position, kept = loop(lambda position, *_: position < steps, body, start)
        return stack(kept, position, [0, 5])

    assert keep(0).shape == (0, 0, 5)
    assert keep(3).shape == (3, 2, 5)
