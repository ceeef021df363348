"""Rows in chunks: the same as at once, whatever is asked of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from pipeline.prediction import large_batches
from pipeline.prediction.large_batches import map_rows

COUNTS: list[int] = []
KNOWN: list[int | None] = []


def describe(counts: tf.Tensor, names: tf.Tensor) -> dict[str, tf.Tensor]:
    """As wide as the largest of the counts, so that chunks differ in width."""
    KNOWN.append(counts.shape[0])
    tf.py_function(lambda rows: COUNTS.append(len(rows)), [counts], [])
    inside = tf.sequence_mask(counts)
    return {
        "places": tf.where(inside, tf.range(tf.shape(inside)[1]) + 1, 0),
        "inside": inside[:, None],
        "letters": tf.where(inside, names[:, None], ""),
        "twice": 2.0 * tf.cast(counts, tf.float32),
    }


@pytest.fixture(params=["in a graph", "outside"])
def mapped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[int]], dict[str, Any]]:
    """`describe`, at most 4 rows or 12 cells at once."""
    monkeypatch.setattr(large_batches, "ROWS", 4)
    monkeypatch.setattr(large_batches, "MOST_CELLS", 12)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.string)], autograph=False)
    def run(counts: tf.Tensor, names: tf.Tensor) -> dict[str, tf.Tensor]:
        return map_rows(describe, [counts, names], lambda counts, names: tf.cast(counts, tf.float32), 5.0)

    function = run if request.param == "in a graph" else run.python_function

    def call(counts: list[int]) -> dict[str, np.ndarray]:
        COUNTS.clear()
        names = [chr(97 + place % 26) for place in range(len(counts))]
        outputs = function(tf.constant(counts, tf.int32), tf.constant(names, tf.string))
        return {name: value.numpy() for name, value in outputs.items()}

    return call


@pytest.mark.parametrize("counts", [[], [2], [3, 1], [5, 1, 0, 2, 3, 1], [0] * 9, [40, 1, 2], [1, 2, 3, 4, 5] * 7])
def test_chunks_are_as_all_rows_at_once(mapped: Callable[[list[int]], dict[str, np.ndarray]], counts: list[int]):
    found, width = mapped(counts), max(counts, default=0)
    places = [[*range(1, count + 1), *[0] * (width - count)] for count in counts]
    assert found["places"].tolist() == places
    assert found["inside"].tolist() == [[[place > 0 for place in row]] for row in places]
    letters = [[chr(97 + row % 26).encode() if place else b"" for place in places[row]] for row in range(len(counts))]
    assert found["letters"].tolist() == letters
    assert found["twice"].tolist() == [2.0 * count for count in counts]


def test_how_many_rows_a_chunk_has(mapped: Callable[[list[int]], dict[str, np.ndarray]]):
    mapped([5, 5])
    assert COUNTS == [2]
    mapped([1, 2, 3, 4, 5, 1, 1, 30])
    # Shortest first: 1 1 1 2 (4 rows), 3 4 (with 5, 15 cells), 5, and 30, which fits nowhere.
    assert COUNTS == [4, 2, 1, 1]


@pytest.mark.parametrize("mapped", ["in a graph"], indirect=True)
def test_a_single_row_has_a_graph_that_knows_it(mapped: Callable[[list[int]], dict[str, np.ndarray]]):
    KNOWN.clear()
    assert mapped([2])["letters"].tolist() == [[b"a", b"a"]]
    # One graph for it, one for any other number of rows.
    assert sorted(KNOWN, key=str) == [1, None]
    assert COUNTS == [1]
    mapped([2, 1])
    assert COUNTS == [2]
    assert len(KNOWN) == 2


def test_inputs_that_do_not_belong_together_are_no_single_row():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)] * 2, autograph=False)
    def add(left: tf.Tensor, right: tf.Tensor) -> dict[str, tf.Tensor]:
        def total(left: tf.Tensor, right: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"total": tf.stack([left, right]), "known": tf.fill([1], left.shape[0] == 1)}

        return map_rows(total, [left, right], lambda left, right: tf.cast(left + right, tf.float32), 5.0)

    assert add(tf.constant([1]), tf.constant([2]))["known"].numpy().tolist() == [True]
    for left, right in ([1], [2, 3]), ([2, 3], [1]), ([1], []):
        with pytest.raises(tf.errors.InvalidArgumentError):
            add(tf.constant(left, tf.int32), tf.constant(right, tf.int32))


@pytest.mark.parametrize(("counts", "names"), [(2, 3), (3, 1), (1, 3), (0, 1), (30, 2)])
def test_inputs_that_do_not_belong_together(counts: int, names: int):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.string)], autograph=False)
    def run(counts: tf.Tensor, names: tf.Tensor) -> dict[str, tf.Tensor]:
        return map_rows(describe, [counts, names], lambda counts, names: tf.cast(counts, tf.float32), 5.0)

    for function in (run, run.python_function):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            function(tf.ones([counts], tf.int32), tf.fill([names], "a"))
        assert f"inputs of different numbers of rows:] [{counts}] [{names}]" in str(caught.value).replace("\n", " ")
