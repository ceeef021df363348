"""The loop over output positions: shapes that are known stay known, others stay open."""

import pytest
import tensorflow as tf

from pipeline.search.position_loop import GROWING, Arrays, FixedArrays, loop


@pytest.mark.parametrize("rows", [1, None])
def test_what_is_known_of_the_rows_is_known_within_and_after(rows: int | None):
    seen = []

    @tf.function(input_signature=[tf.TensorSpec([rows], tf.int32)], autograph=False)
    def double(numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        def body(position: tf.Tensor, numbers: tf.Tensor, kept: tuple) -> tuple:
            seen.append(numbers.shape[0])
            # By a detour on which the number of rows is forgotten.
            doubled = tf.boolean_mask(2 * numbers, tf.ones_like(numbers, tf.bool))
            assert doubled.shape[0] is None
            return position + 1, doubled, GROWING.write(kept, position, [doubled])

        start = (tf.constant(0), numbers, (GROWING.make(tf.int32, [rows]),))
        position, numbers, kept = loop(lambda position, *_: position < 3, body, start)
        seen.append(numbers.shape[0])
        return numbers, GROWING.stack(kept, position, [[tf.shape(numbers)[0]]])[0]

    last, all_of_them = double(tf.constant([3]))
    assert set(seen) == {rows}
    assert last.numpy().tolist() == [24]
    assert all_of_them.numpy().tolist() == [[6], [12], [24]]


@pytest.mark.parametrize("arrays", [GROWING, FixedArrays(tf.constant(4), tf.constant(5))])
def test_what_was_written_comes_out(arrays: Arrays):
    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)], autograph=False)
    def keep(steps: tf.Tensor) -> list[tf.Tensor]:
        def body(position: tf.Tensor, kept: tuple) -> tuple:
            values = [position * tf.ones([2], tf.int32), tf.fill([2, 5], tf.cast(position, tf.float32))]
            return position + 1, arrays.write(kept, position, values)

        kinds = [(tf.int32, [2]), (tf.float32, [2, None])]
        start = (tf.constant(0), tuple(arrays.make(*kind) for kind in kinds))
        position, kept = loop(lambda position, *_: position < steps, body, start)
        return arrays.stack(kept, position, [shape for _, shape in kinds])

    numbers, wide = keep(3)
    assert numbers.numpy().tolist() == [[0, 0], [1, 1], [2, 2]]
    assert wide.shape == (3, 2, 5)
    assert wide[2].numpy().tolist() == [[2.0] * 5] * 2
    assert keep(0)[0].shape == (0, 2)
