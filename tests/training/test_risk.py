"""Minimum-risk training: the gradient is that of the expected risk, and what is drawn can be drawn again."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.errors import UsageError
from pipeline.model.sequence_to_sequence import SequenceToSequence, build_model
from pipeline.runs.checkpoints import TrainingState
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.train import TrainConfiguration
from pipeline.training import risk as risk_module
from pipeline.training.ending import why_ended
from pipeline.training.risk import MinimumRisk, first_ones, risks, weigh
from pipeline.training.run import train
from tests.tiny_task import TinyRun, tiny_configuration

TRAIN = TrainConfiguration(epochs=2, risk_epochs=1, risk_weight=0.4, risk_samples=12, risk_sharpness=0.8)
SOURCE = np.array([[4, 5, 6, 2, 0], [7, 4, 5, 6, 2], [4, 2, 0, 0, 0], [2, 0, 0, 0, 0]], np.int32)
TARGETS = np.array([[4, 5, 2, 0], [3, 4, 5, 2], [2, 0, 0, 0], [0, 0, 0, 0]], np.int32)
STARTS = np.concatenate([np.ones([4, 1], np.int32), TARGETS[:, :-1]], axis=1)


def make_model(**changes: Any) -> SequenceToSequence:
    keras.utils.set_random_seed(3)
    settings = {"units": 8, "embedding_units": 4, "dropout": 0.0, **changes}
    model = build_model(ModelConfiguration(**settings), 8, 8, seed=1)
    model.compile(optimizer=keras.optimizers.Adam(), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def test_weights_are_the_derivative_of_the_expected_risk():
    log_p = tf.Variable([[-1.0, -0.5, -2.0, -0.1], [-1.0, -1.0, -1.0, -1.0]])
    risk = np.float32([[0, 1, 0.5, 9], [1, 1, 1, 1]])
    counts = np.array([[True, True, True, False], [False] * 4])
    with tf.GradientTape() as tape:
        shares = tf.exp(0.7 * log_p) * tf.cast(counts, tf.float32)
        mean = tf.reduce_sum(shares * risk, axis=1) / tf.maximum(tf.reduce_sum(shares, axis=1), 1e-9)
    expected = tf.convert_to_tensor(tape.gradient(mean, log_p))
    np.testing.assert_allclose(weigh(log_p, risk, counts, 0.7), expected, atol=1e-6)


def test_risks_and_first_ones_by_hand():
    outputs = tf.constant([[[4, 5, 2, 0], [4, 2, 0, 0], [4, 2, 0, 0], [2, 0, 0, 0], [3, 3, 3, 2]]])
    np.testing.assert_allclose(risks(outputs, tf.constant([[4, 5, 2, 0]]))[0], [0, 0.75, 0.75, 1, 1])
    assert first_ones(outputs)[0].numpy().tolist() == [True, True, False, True, True]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        pytest.param({"attention": "monotonic", "copy": True}, marks=pytest.mark.slow),
    ],
)
def test_the_gradient_is_that_of_the_risk_of_what_was_drawn(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(risk_module, "NEGLIGIBLE", 0.0)
    model = make_model(**changes)
    risk, inputs = MinimumRisk(model, TRAIN), (tf.constant(SOURCE), tf.constant(STARTS))

    @tf.function(autograph=False)
    def by_hand() -> Any:
        candidates = risk.candidates(inputs, tf.constant(TARGETS))
        with tf.GradientTape() as tape:
            logits, _ = model(inputs, training=True)
            loss = risk.mix(tf.reduce_sum(logits), logits, candidates)
        gradients = [tf.convert_to_tensor(part) for part in tape.gradient(loss, model.trainable_variables)]
        return candidates, risk.add_gradients(gradients, inputs[0], candidates)

    candidates, gradients = by_hand()
    assert candidates.pairs == 3
    assert not np.any(candidates.weights[3])
    outputs, rows, number = candidates.targets, *candidates.weights.shape
    assert len({tuple(output) for output in outputs[0].numpy()}) > 3
    # The same by automatic differentiation, all candidates at once.
    flat = tf.reshape(outputs, [rows * number, -1])
    with tf.GradientTape() as tape:
        given = tf.concat([tf.ones([rows * number, 1], tf.int32), flat[:, :-1]], axis=1)
        logits, _ = model((tf.repeat(SOURCE, number, axis=0), given), training=False)
        chosen = tf.gather(tf.nn.log_softmax(logits), flat, batch_dims=2) * tf.cast(flat != 0, tf.float32)
        log_p = tf.reshape(tf.reduce_sum(chosen, axis=1), [rows, number])
        counts = first_ones(outputs) & (tf.range(rows) < 3)[:, None]
        shares = tf.where(counts, tf.exp(TRAIN.risk_sharpness * log_p), 0)
        mean = tf.reduce_sum(shares * risks(outputs, TARGETS), axis=1) / tf.maximum(tf.reduce_sum(shares, axis=1), 1e-9)
        own, _ = model(inputs, training=False)
        loss = 0.6 * tf.reduce_sum(own) + 0.4 * tf.reduce_sum(mean) / 3
    for found, expected in zip(gradients, tape.gradient(loss, model.trainable_variables), strict=True):
        np.testing.assert_allclose(found, tf.convert_to_tensor(expected), atol=2e-4, rtol=1e-3)


def test_what_is_drawn_follows_from_seed_source_and_step():
    model = make_model()
    inputs, targets = (tf.constant(SOURCE), tf.constant(STARTS)), tf.constant(TARGETS)

    def draw(seed: int) -> list[Any]:
        risk = MinimumRisk(model, TrainConfiguration(epochs=3, risk_epochs=1, seed=seed))
        found = tf.function(risk.candidates, autograph=False)(inputs, targets)
        return found.targets.numpy().tolist()

    first = draw(1)
    assert draw(1) == first
    assert draw(2) != first
    model.optimizer.iterations.assign(5)
    again = draw(1)
    assert again != first
    assert all(outputs[0] == target.tolist() for outputs, target in zip(again, TARGETS, strict=True))


def test_patience_waits_for_the_epochs_of_risk():
    settings = TrainConfiguration(epochs=9, patience=2, risk_epochs=4)
    ends = [why_ended(TrainingState(epoch=epoch, best_epoch=1), settings) for epoch in range(1, 9)]
    assert ends == [None] * 6 + ["patience"] * 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"risk_epochs": 10}, r"train\.risk_epochs: 10 is impossible, it must be below train\.epochs"),
        (
            {"risk_epochs": 11, "init_from": "run"},
            r"train\.risk_epochs: 11 is impossible, it must be at most train\.epochs",
        ),
        ({"risk_epochs": 1, "r_drop": 1.0}, r"0 with train\.r_drop"),
        ({"risk_weight": 0.0}, r"train\.risk_weight"),
        ({"risk_samples": 0}, r"train\.risk_samples"),
        ({"risk_sharpness": 0.0}, r"train\.risk_sharpness"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], said: str):
    with pytest.raises(UsageError, match=said):
        TrainConfiguration(**changes)


@pytest.mark.slow
def test_a_finished_run_may_go_on_with_nothing_else(tiny_splits: dict[str, str], tiny_run: TinyRun, tmp_path: Path):
    settings = {"epochs": 1, "init_from": str(tiny_run.path), "attention_samples": 0, "learning_rate": 0.001}
    losses = []
    for risk_epochs in (0, 1):
        run = tmp_path / f"{risk_epochs}"
        result = train(
            tiny_configuration(tiny_splits, train={**settings, "risk_epochs": risk_epochs}), run, export=False
        )
        assert result["val_wer"] < 10
        losses.append(json.loads((run / "metrics.jsonl").read_text(encoding="utf-8"))["val_loss"])
    # The same pairs in the same order, so that it is the risk that makes another model of them.
    assert abs(losses[1] - losses[0]) > 1e-3


@pytest.mark.slow
def test_it_trains(tiny_splits: dict[str, str], tmp_path: Path):
    settings = {"epochs": 8, "risk_epochs": 4, "attention_samples": 0}
    configuration = tiny_configuration(tiny_splits, train=settings)
    assert train(configuration, tmp_path / "run", export=False)["val_wer"] < 10
