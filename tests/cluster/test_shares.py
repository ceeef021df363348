"""What the shares of a batch give, summed, is what the whole batch gives: gradients, loss, figures."""

import dataclasses
import signal
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.cluster.cluster import ALONE, Cluster, Workers, led
from pipeline.data.batches import PlannedBatch
from pipeline.data.planning.buckets import Bucket
from pipeline.errors import UsageError
from pipeline.model.sequence_to_sequence import build_model
from pipeline.process.interruption import Interruption
from pipeline.settings.model import ModelConfiguration
from pipeline.training.together.standing import share_interruption
from tests.layer_contract import randomize
from tests.quick_cases import quick

SIZES = 9, 8
CONFIGURATION = ModelConfiguration(units=6, embedding_units=4, dropout=0.4, symbol_dropout=0.2, precision="float64")
ROWS = 8


class OneOfSeveral(Cluster):
    """A process whose others are not there: the numbers of symbols are summed as they would be, the rest is its own."""

    def __init__(self, rank: int, size: int, tokens: float) -> None:
        self.rank, self.size, self.tokens = rank, size, tokens

    def sum(self, tensors: Sequence[Any], sent_as: Any = None) -> list[Any]:
        return (
            [tf.fill(tensors[0].shape, tf.cast(self.tokens, tensors[0].dtype))] if len(tensors) == 1 else list(tensors)
        )


def data() -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    drawn = np.random.default_rng(1)
    source, targets = drawn.integers(4, 8, (ROWS, 5)), drawn.integers(4, 8, (ROWS, 4))
    lengths = drawn.integers(1, 5, ROWS)
    targets[np.arange(4) >= lengths[:, None]] = 0
    targets[-1] = 0  # a row that is there to fill the batch
    inputs = np.concatenate([np.ones((ROWS, 1), int), targets[:, :-1]], axis=1)
    return (source.astype("int32"), inputs.astype("int32")), targets.astype("int32")


def step(cluster: Cluster, rows: slice, r_drop: float) -> tuple[list[np.ndarray], dict[str, Any]]:
    """The gradients that would be applied, and the figures."""
    keras.utils.set_random_seed(1)
    model = randomize(build_model(dataclasses.replace(CONFIGURATION, fast=False), *SIZES, seed=1))
    model.compile(optimizer=keras.optimizers.SGD())
    model.set_r_drop(r_drop)
    model.set_cluster(cluster)
    applied: list[np.ndarray] = []
    model._apply = lambda gradients: applied.extend(part.numpy() for part in gradients) or tf.constant(0.0)
    (source, inputs), targets = data()
    shown = model.train_step(((tf.constant(source[rows]), tf.constant(inputs[rows])), tf.constant(targets[rows])))
    return applied, {name: float(value) for name, value in shown.items()}


@pytest.mark.parametrize("r_drop", quick([0.0, 0.7], 1))
def test_gradients_of_shares_sum_to_that_of_the_whole(r_drop: float):
    whole, shown = step(ALONE, slice(None), r_drop)
    tokens = shown["tokens"] * (2 if r_drop else 1)
    for size in (2, 4):
        each = ROWS // size
        shares = [
            step(OneOfSeveral(rank, size, tokens), slice(rank * each, (rank + 1) * each), r_drop)
            for rank in range(size)
        ]
        for place, gradient in enumerate(whole):
            np.testing.assert_allclose(sum(found[0][place] for found in shares), gradient, rtol=1e-12, atol=1e-15)
        assert np.isclose(sum(found[1]["batch_loss"] for found in shares), shown["batch_loss"], rtol=1e-12)


class Two(Workers):
    """Two processes that give the same."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def _sum(self, vector: Any) -> Any:
        self.sent.append(vector)
        return vector + vector


@pytest.mark.parametrize(("sent_as", "expected"), [(None, [2.02, -6.0]), ("bfloat16", [2.015625, -6.0])])
def test_numbers_are_sent_as_asked_and_come_back_as_they_were(sent_as: str | None, expected: list[float]):
    """1.01 has 1.0078125 as its next bfloat16, of 8 bits."""
    cluster, numbers = Two(), [tf.constant([[1.01]]), tf.constant([-3.0])]
    first, second = cluster.sum(numbers, sent_as)
    [sent] = cluster.sent
    assert sent.dtype == (sent_as or "float32")
    assert (first.dtype, second.dtype, first.shape) == (tf.float32, tf.float32, (1, 1))
    np.testing.assert_allclose([first.numpy()[0, 0], second.numpy()[0]], expected, rtol=1e-6)


def test_alone_nothing_is_sent_or_rounded():
    number = tf.constant([1.01])
    assert ALONE.sum([number], "bfloat16")[0] is number


def test_rows_are_shared_in_order_and_filled_up():
    batch = PlannedBatch(Bucket(5, 6, 8), np.arange(7))
    shares = [batch.share(rank, 3) for rank in range(3)]
    assert [share.indices.tolist() for share in shares] == [[0, 1, 2], [3, 4, 5], [6]]
    assert {share.bucket for share in shares} == {Bucket(5, 6, 3)}
    assert batch.share(0, 1).bucket == batch.bucket


def test_a_strategy_that_splits_batches_is_refused(monkeypatch: pytest.MonkeyPatch):
    """MirroredStrategy would run, and train something else: each replica's gradient is clipped before the sum."""
    keras.utils.set_random_seed(1)
    model = build_model(CONFIGURATION, *SIZES, seed=1)
    # A second device is to be asked for before TensorFlow has begun: what its strategy says of itself is enough.
    monkeypatch.setattr(type(tf.distribute.get_strategy()), "num_replicas_in_sync", 2)
    with pytest.raises(UsageError, match="--workers"):
        model.train_step(data())


def test_what_a_leader_cannot_make_ends_it():
    assert led(ALONE, lambda: b"made") == b"made"
    with pytest.raises(ZeroDivisionError):
        led(ALONE, lambda: 1 // 0)


class TwoOfWhichOneWasAsked(Cluster):
    size = 2

    def gather(self, content: bytes) -> list[bytes]:
        return [content, b"asked"]


@pytest.mark.parametrize(("cluster", "number"), [(ALONE, None), (TwoOfWhichOneWasAsked(), signal.SIGTERM)])
def test_one_that_is_asked_after_the_last_step_ends_all(cluster: Cluster, number: int | None):
    interruption = Interruption(alone=cluster.size == 1)
    share_interruption(cluster, interruption)
    assert interruption.number == number


def test_a_signal_is_heeded_when_all_have_heard_of_it():
    interruption = Interruption(alone=False)
    interruption._remember(signal.SIGINT, None)
    assert (interruption.heard, interruption.number) == (signal.SIGINT, None)
    interruption.heed()
    assert interruption.number == signal.SIGINT
