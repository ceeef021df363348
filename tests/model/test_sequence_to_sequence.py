"""The functional model: what it is made of, its loss per real symbol, and that padding changes nothing."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from layers import AttentionDecoder, BidirectionalEncoder, MonotonicDecoder
from pipeline.errors import UsageError
from pipeline.model.sequence_to_sequence import SequenceToSequence, build_model, find_layer
from pipeline.model.target_writing import MOST_EMITTED
from pipeline.settings.configuration import Configuration
from pipeline.settings.model import ModelConfiguration
from tests.layer_contract import TOLERANCES, arrays, assert_close, randomize
from tests.quick_cases import quick

SOURCE_SIZE, TARGET_SIZE = 8, 9
CONFIGURATION = ModelConfiguration(units=5, embedding_units=4, attention_units=3, readout_units=6, dropout=0.0)
SOURCE = np.array([[4, 5, 6, 2, 0], [7, 4, 5, 6, 2], [4, 2, 0, 0, 0]], np.int32)
TARGETS = np.array([[4, 5, 2, 0], [8, 7, 6, 2], [2, 0, 0, 0]], np.int32)
TARGET_INPUTS = np.array([[1, 4, 5, 2], [1, 8, 7, 6], [1, 2, 0, 0]], np.int32)
DATA = ((tf.constant(SOURCE), tf.constant(TARGET_INPUTS)), tf.constant(TARGETS))
REAL = TARGETS != 0


def model(seed: int | None = None, **changes: Any) -> SequenceToSequence:
    """In double precision unless told otherwise."""
    changes = {"precision": "float64", **changes}
    return randomize(build_model(dataclasses.replace(CONFIGURATION, **changes), SOURCE_SIZE, TARGET_SIZE, seed))


def log_probabilities(built: SequenceToSequence) -> np.ndarray:
    logits = built(DATA[0])[0].numpy()
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def padded_data() -> Any:
    """A longer source, a longer target, and empty rows as `pipeline.data.batches` makes them."""
    source, targets, target_inputs = (np.zeros(shape, np.int32) for shape in ((5, 7), (5, 6), (5, 6)))
    source[:3, :5], targets[:3, :4], target_inputs[:3, :4] = SOURCE, TARGETS, TARGET_INPUTS
    source[3:, 0], target_inputs[:, 0] = 2, 1
    return (tf.constant(source), tf.constant(target_inputs)), tf.constant(targets)


@pytest.mark.parametrize(
    ("changes", "weights"),
    [
        # Embeddings 8·4 + 9·4; encoder 2 · (4·15 + 5·15 + 30); decoder: cell 14·15 + 5·15 + 30, bridge 10·5 + 5,
        # attention 5·3 + 10·3 + 3 + 3, readout 19·6 + 6, output 6·9 + 9.
        ({}, 68 + 330 + 315 + 55 + 51 + 120 + 63),
        # A second encoder layer reads 10 features: 2 · (10·15 + 5·15 + 30).
        ({"encoder_layers": 2}, 68 + 330 + 510 + 315 + 55 + 51 + 120 + 63),
        # Two decoder layers: the second reads the first's state; a bridge more.
        ({"decoder_layers": 2}, 68 + 330 + 315 + (5 * 15 + 5 * 15 + 30) + 2 * 55 + 51 + 120 + 63),
        # Conditional: the context has a cell of its own, with biases.
        ({"cell": "conditional_gru"}, 68 + 330 + 315 + (5 * 15 + 30) + 55 + 51 + 120 + 63),
        # Tied: no output projection, and a hidden layer of the embedding's size.
        ({"tied_embeddings": True, "readout_units": None}, 68 + 330 + 315 + 55 + 51 + (19 * 4 + 4)),
        # Fed: [gates; hidden layer] from the last hidden layer. Coverage: a vector.
        ({"input_feeding": True, "coverage": True}, 68 + 330 + 315 + 55 + 51 + 3 + 6 * (15 + 6) + 120 + 63),
        # Layer-normalised: a gain for each gate unit and side, in both directions and the decoder.
        ({"cell": "layer_norm_gru"}, 68 + 330 + 2 * 30 + 315 + 30 + 55 + 51 + 120 + 63),
        # LSTM: four gates, one bias, two bridges; no attention.
        ({"cell": "lstm", "attention": "none"}, 68 + 400 + 14 * 20 + 5 * 20 + 20 + 2 * 55 + 120 + 63),
    ],
)
def test_configuration_is_what_is_built(changes: dict[str, Any], weights: int):
    built = model(**changes)
    assert built.count_params() == weights
    assert [tuple(output.shape) for output in built.outputs] == [(None, None, TARGET_SIZE), (None, None, None)]
    encoder, decoder = built.get_layer("encoder"), built.get_layer("decoder")
    assert isinstance(encoder, BidirectionalEncoder)
    assert isinstance(decoder, AttentionDecoder)
    assert built.get_layer("source_embedding").input_dim == SOURCE_SIZE
    assert built.get_layer("target_embedding").input_dim == TARGET_SIZE


def test_every_key_reaches_its_layer():
    built = build_model(dataclasses.replace(CONFIGURATION, dropout=0.3, fast=False), SOURCE_SIZE, TARGET_SIZE, 7)
    names = ("encoder", "decoder", "source_embedding_dropout", "target_embedding_dropout")
    configurations = [built.get_layer(name).get_config() for name in names]
    assert [part.get("dropout", part.get("rate")) for part in configurations] == [0.3] * 4
    # A seed of their own each: one for all would drop the same positions in several places.
    assert sorted(part["seed"] for part in configurations) == [7, 8, 9, 10]
    assert [part["fast"] for part in configurations[:2]] == [False, False]
    assert (configurations[1]["attention_units"], configurations[1]["readout_units"]) == (3, 6)


@pytest.mark.parametrize("tied", [False, True])
def test_one_table_of_embeddings(tied: bool, tmp_path: Path):
    changes = {"tied_embeddings": tied, "readout_units": None if tied else 6}
    settings = dataclasses.replace(CONFIGURATION, **changes, precision="float64", shared_embeddings=True)
    built = randomize(build_model(settings, TARGET_SIZE, TARGET_SIZE))
    separate = build_model(dataclasses.replace(settings, shared_embeddings=False), TARGET_SIZE, TARGET_SIZE)
    assert separate.count_params() - built.count_params() == TARGET_SIZE * 4
    source, target = (find_layer(built, f"{side}_embedding") for side in ("source", "target"))
    assert source is target
    for side in ("source", "target"):
        find_layer(separate, f"{side}_embedding").set_weights(source.get_weights())
    for part in ("encoder", "decoder"):
        separate.get_layer(part).set_weights(built.get_layer(part).get_weights())
    built.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for other in (separate, loaded):
        for actual, expected in zip(arrays(other(DATA[0])), arrays(built(DATA[0])), strict=True):
            np.testing.assert_array_equal(actual, expected)
    # Its gradient is the sum of both.
    gradients = []
    for model, names in ((built, ["target"]), (separate, ["source", "target"])):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(model(DATA[0])[0]))
        tables = [find_layer(model, f"{name}_embedding").embeddings.value for name in names]
        gradients.append(sum(map(tf.convert_to_tensor, tape.gradient(loss, tables))))
    assert_close(*gradients, 1e-9)


def test_one_table_is_for_one_vocabulary():
    with pytest.raises(ValueError, match="8 source and 9 target"):
        model(shared_embeddings=True)
    with pytest.raises(UsageError, match=r"model\.shared_embeddings: True is impossible, it must be false where"):
        Configuration(model=ModelConfiguration(shared_embeddings=True))


def test_symbol_dropout_leaves_the_others_as_they_were_and_spares_start_and_end():
    without, with_it = (model(7, dropout=0.3, symbol_dropout=share, precision="float32") for share in (0.0, 0.9))
    names = ["source_symbols_dropout", "target_symbols_dropout"]
    assert {layer.name for layer in with_it.layers} - {layer.name for layer in without.layers} >= set(names)
    assert [with_it.get_layer(name).seed for name in names] == [11, 12]
    for layer in without.layers:
        assert layer.get_config() == with_it.get_layer(layer.name).get_config()
    for actual, expected in zip(arrays(with_it(DATA[0])), arrays(without(DATA[0])), strict=True):
        np.testing.assert_array_equal(actual, expected)
    seen = keras.Model(with_it.inputs, [with_it.get_layer(name).output for name in names])
    for embedded, ids in zip(seen(DATA[0], training=True), DATA[0], strict=True):
        gone = np.all(embedded.numpy() == 0, axis=-1)
        assert gone[ids > 2].any()
        assert not gone[ids <= 2].any()


def test_hard_attention_is_for_small_target_vocabularies():
    settings = dataclasses.replace(CONFIGURATION, attention="monotonic")
    assert isinstance(build_model(settings, SOURCE_SIZE, MOST_EMITTED).get_layer("decoder"), MonotonicDecoder)
    backward = build_model(settings, SOURCE_SIZE, MOST_EMITTED, right_to_left=True)
    assert backward.get_layer("decoder").backward
    with pytest.raises(UsageError, match=r"for at most 1,000 symbols, and the target has 1,001"):
        build_model(settings, SOURCE_SIZE, MOST_EMITTED + 1)


def test_saved_and_loaded_gives_equal_outputs(tmp_path: Path):
    built = model(encoder_layers=2, dropout=0.2, seed=3, precision="float32")
    built.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is SequenceToSequence
    for actual, expected in zip(arrays(loaded(DATA[0])), arrays(built(DATA[0])), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_half_precision_gives_full_outputs():
    half, full = model(precision="mixed_bfloat16", encoder_layers=2), model(precision="float32", encoder_layers=2)
    outputs = half(DATA[0])
    assert [output.dtype.name for output in outputs] == ["float32", "float32"]
    assert half.get_layer("encoder").compute_dtype == "bfloat16"
    for actual, expected in zip(outputs, full(DATA[0]), strict=True):
        assert_close(actual, expected, 0.1)


@pytest.mark.parametrize(
    ("dtype", "fast", "kind"),
    quick(
        [
            ("float32", True, {}),
            ("float64", True, {"encoder_layers": 2}),
            ("float64", False, {}),
            ("float64", True, {"cell": "lstm", "attention": "none"}),
            ("float64", True, {"cell": "conditional_gru", "tied_embeddings": True, "readout_units": None}),
            ("float64", True, {"cell": "layer_norm_gru", "attention": "luong_general", "input_feeding": True}),
            ("float64", True, {"cell": "layer_norm_lstm", "attention": "none", "decoder_layers": 2}),
            ("float64", True, {"attention": "multi_head_bahdanau", "units": 4, "attention_units": 4, "coverage": True}),
            ("float64", True, {"attention": "luong_dot", "units": 4}),
            ("float64", True, {"attention": "monotonic", "decoder_layers": 2}),
        ],
        *(0, 4),
    ),
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else str(value),
)
def test_padding_changes_neither_outputs_nor_the_step(dtype: str, fast: bool, kind: dict[str, Any]):
    # The plain loops without padding against the fast ones with it. The steps run eagerly, gradients too.
    padded = padded_data()
    plain, other = (model(precision=dtype, fast=choice, **kind) for choice in (False, fast))
    before = plain.get_weights()
    results = []
    for built, data in ((plain, DATA), (other, padded)):
        outputs = arrays(built(data[0]))
        built.compile(keras.optimizers.SGD(0.5))
        metrics = built.train_step(data)
        results.append((outputs, [float(value) for value in metrics.values()], built.get_weights()))
    (expected, expected_metrics, expected_weights), (outputs, metrics, weights) = results
    assert_close(outputs[0][:3, :4][REAL], expected[0][REAL], TOLERANCES[dtype])
    assert_close(outputs[1][:3, :4, :5][REAL], expected[1][REAL], TOLERANCES[dtype])
    assert (outputs[1][:3, :, 5:] == 0).all()
    # Keras keeps metrics in float32.
    assert_close(metrics, expected_metrics, TOLERANCES["float32"])
    assert metrics[2] == 8
    for new, expected_new, old in zip(weights, expected_weights, before, strict=True):
        assert_close(new, expected_new, TOLERANCES[dtype])
        assert (new != old).any()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_step_of_sgd_by_hand(smoothing: float):
    built = model(fast=False)
    built.set_label_smoothing(smoothing)
    before = built.get_weights()
    with tf.GradientTape() as tape:
        log_p = tf.nn.log_softmax(built(DATA[0])[0])
        wanted = (1 - smoothing) * np.eye(TARGET_SIZE)[TARGETS] + smoothing / TARGET_SIZE
        loss = -tf.reduce_sum(wanted * log_p * REAL[:, :, None]) / 8
    gradients = tape.gradient(loss, built.trainable_variables)
    built.compile(keras.optimizers.SGD(0.1))
    metrics = built.train_step(DATA)
    assert float(metrics["loss"]) == pytest.approx(float(loss), rel=1e-5)
    for new, old, gradient in zip(built.get_weights(), before, gradients, strict=True):
        assert_close(new, old - 0.1 * tf.convert_to_tensor(gradient), 1e-9)


def test_a_step_of_r_drop_by_hand():
    # What each of the two passes drops is found by the same generators in another model.
    built, twin = (model(seed=3, fast=False, dropout=0.4, symbol_dropout=0.2) for _ in range(2))
    built.set_r_drop(5.0)
    twice = [tf.concat([ids, ids], axis=0) for ids in DATA[0]]
    with tf.GradientTape() as tape:
        first, second = tf.split(tf.nn.log_softmax(twin(twice, training=True)[0]), 2)
        losses = [-tf.gather(log_p, TARGETS, batch_dims=2) * REAL for log_p in (first, second)]
        cross_entropy = tf.reduce_sum(losses) / 2 / 8
        ways = [(first, second), (second, first)]
        divergence = tf.add_n([tf.reduce_sum(tf.exp(p) * (p - q) * REAL[:, :, None]) for p, q in ways])
        loss = cross_entropy + 5 / 4 * divergence / 8
    assert float(divergence) > 0.1
    gradients = tape.gradient(loss, twin.trainable_variables)
    before = built.get_weights()
    built.compile(keras.optimizers.SGD(0.1))
    metrics = built.train_step(DATA)
    # The figures are those of the cross-entropy, of every symbol once.
    assert float(metrics["batch_loss"]) == pytest.approx(float(cross_entropy), rel=1e-6)
    assert float(metrics["loss"]) == pytest.approx(float(cross_entropy), rel=1e-5)
    assert float(metrics["tokens"]) == 8
    assert 0 <= float(metrics["accuracy"]) <= 1
    for new, old, gradient in zip(built.get_weights(), before, gradients, strict=True):
        # Keras keeps the learning rate in float32.
        assert_close(new, old - 0.1 * tf.convert_to_tensor(gradient), 1e-7)


def test_a_layer_that_is_used_by_its_methods_alone_is_built():
    """Else Keras warns of it, wherever the model is made."""
    settings = dataclasses.replace(CONFIGURATION, attention="monotonic", copy=True)
    assert all(layer.built for layer in build_model(settings, 9, 9).layers)


@pytest.mark.parametrize("changes", quick([{}, {"attention": "monotonic"}, {"copy": True}], 1))
def test_a_step_with_a_teacher_by_hand(changes: dict[str, Any]):
    built = model(**changes)
    built.set_teacher_weight(0.4)
    symbols = np.array([[[6, 4], [5, 4], [2, 6], [0, 0]]] * 3, np.int32) * REAL[:, :, None]
    shares = np.array([0.7, 0.3], np.float32) * REAL[:, :, None]
    wanted = 0.6 * np.eye(TARGET_SIZE)[TARGETS]
    wanted += 0.4 * np.einsum("btk,btkv->btv", shares, np.eye(TARGET_SIZE)[symbols])
    with tf.GradientTape() as tape:
        log_p = tf.nn.log_softmax(built(DATA[0], training=True)[0])
        loss = -tf.reduce_sum(wanted * log_p * REAL[:, :, None]) / 8
    gradients = tape.gradient(loss, built.trainable_variables)
    before = built.get_weights()
    built.compile(keras.optimizers.SGD(0.1))
    taught = tf.constant(symbols), tf.constant(shares, tf.float32)
    metrics = built.train_step((DATA[0], (DATA[1], *taught)))
    assert float(metrics["batch_loss"]) == pytest.approx(float(loss), rel=1e-6)
    assert float(metrics["tokens"]) == 8
    for new, old, gradient in zip(built.get_weights(), before, gradients, strict=True):
        assert_close(new, old - 0.1 * tf.convert_to_tensor(gradient), 1e-7)
    # Taken twice without dropout, it is the same step.
    built.set_weights(before)
    built.set_r_drop(1.0)
    twice = built.train_step((DATA[0], (DATA[1], *taught)))
    assert float(twice["batch_loss"]) == pytest.approx(float(loss), rel=1e-6)


def test_a_teacher_changes_nothing_where_none_is_in_the_batch():
    built, twin = model(fast=False), model(fast=False)
    twin.set_teacher_weight(0.5)
    for one in (built, twin):
        one.compile(keras.optimizers.SGD(0.1))
        one.train_step(DATA)
    for here, there in zip(built.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(here, there)


def test_metrics_are_per_real_symbol_over_all_batches():
    built = model(fast=False, dropout=0.5, seed=1)
    built.set_label_smoothing(0.3)
    log_p = log_probabilities(built)
    losses = -np.take_along_axis(log_p, TARGETS[:, :, None], axis=-1)[:, :, 0]
    right = (log_p.argmax(axis=-1) == TARGETS) & REAL
    built.compile()
    # Batches of 7 and 1 real symbols: the mean over batches would be another one.
    for rows in (slice(0, 2), slice(2, 3)):
        metrics = built.test_step(((DATA[0][0][rows], DATA[0][1][rows]), DATA[1][rows]))
    assert float(metrics["loss"]) == pytest.approx(losses[REAL].mean(), rel=1e-5)
    assert float(metrics["accuracy"]) == pytest.approx(right.sum() / 8)
    assert float(metrics["tokens"]) == 8


def test_padding_that_was_predicted_is_not_right():
    built = model(fast=False)
    bias = built.get_layer("decoder").output_projection.bias
    bias.assign(100.0 * np.eye(TARGET_SIZE)[0])
    built.compile()
    assert float(built.test_step(DATA)["accuracy"]) == 0


def test_fit_learns_and_starts_its_metrics_anew():
    built = model(precision="float32", attention="none", fast=False)
    built.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    data = tf.data.Dataset.from_tensors(DATA)
    history = built.fit(
        data.repeat(), epochs=2, steps_per_epoch=5, validation_data=data, shuffle=False, verbose=0
    ).history
    assert history["tokens"] == [40, 40]
    assert history["val_tokens"] == [8, 8]
    assert history["loss"][0] > history["val_loss"][0] > history["loss"][1] > history["val_loss"][1]


def test_dropout_in_training_only():
    built = model(dropout=0.4, seed=1, fast=False)
    inferred, again = (arrays(built(DATA[0], training=False)) for _ in range(2))
    trained = [arrays(built(DATA[0], training=True)) for _ in range(2)]
    np.testing.assert_array_equal(inferred[0], again[0])
    without = randomize(build_model(dataclasses.replace(CONFIGURATION, precision="float64"), SOURCE_SIZE, TARGET_SIZE))
    assert_close(inferred[0], without(DATA[0])[0], 1e-9)
    for outputs in trained:
        assert np.abs(outputs[0] - inferred[0]).max() > 0.01
        # The embeddings and the encoder's outputs are dropped too, so what is looked at changes.
        assert np.abs(outputs[1] - inferred[1]).max() > 0.01
    assert np.abs(trained[0][0] - trained[1][0]).max() > 0.01
