"""Layers as guests: methods on symbolic tensors belong to their layer, in models that are saved, loaded or cloned."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from layers import AttentionDecoder, BahdanauAttention, BidirectionalEncoder, GRUCell, LuongAttention
from tests.layer_contract import arrays, randomize
from tests.quick_cases import quick

RANDOM = np.random.default_rng(0)
SYMBOLS = np.array([[3, 4, 5, 0], [7, 8, 9, 6], [2, 0, 0, 0]], "int32")


def again(model: keras.Model, folder: Path, way: str) -> keras.Model:
    """The model, taken up in one of the ways that Keras has."""
    if way == "clone":
        clone = keras.models.clone_model(model)
        clone.set_weights(model.get_weights())
        return clone
    if way == "config":
        other = keras.Model.from_config(model.get_config())
        other.set_weights(model.get_weights())
        return other
    model.save(folder / f"model.{way}")
    return keras.saving.load_model(folder / f"model.{way}")


def assert_same(other: keras.Model, model: keras.Model, inputs: Any) -> None:
    assert [type(layer) for layer in other.layers] == [type(layer) for layer in model.layers]
    for actual, expected in zip(arrays(other(inputs)), arrays(model(inputs)), strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("way", quick(["keras", "h5", "clone", "config"], 0, 3))
@pytest.mark.parametrize("arguments", [{}, {"cell": "lstm", "layers": 2, "coverage": True, "input_feeding": True}])
def test_a_model_of_single_steps(arguments: dict[str, Any], way: str, tmp_path: Path):
    source, previous = keras.Input([None], dtype="int32"), keras.Input([], dtype="int32")
    memory, summary = BidirectionalEncoder(4)(keras.layers.Embedding(10, 3, mask_zero=True)(source))
    decoder = AttentionDecoder(7, 5, **arguments)
    decoder.build((None, None, 3), memory.shape, None, summary.shape)
    prepared = decoder.prepare_memory(memory, None, summary)
    state = decoder.initial_state(summary, prepared.mask)
    inputs = decoder.prepare_inputs(keras.layers.Embedding(7, 3)(previous))
    for _ in range(2):
        hidden, state, weights = decoder.step(inputs, state, prepared, beams=1)
    model = randomize(keras.Model([source, previous], [decoder.readout(hidden), weights, *state]))
    given = [SYMBOLS, np.array([1, 4, 0], "int32")]
    assert [type(layer).__name__ for layer in model.layers].count("AttentionDecoder") == 1
    assert (model(given)[1].numpy()[SYMBOLS == 0] == 0).all()
    assert_same(again(model, tmp_path, way), model, given)


@pytest.mark.parametrize("way", ["keras", "h5", "clone"])
def test_values_may_have_another_size_than_the_memory(way: str, tmp_path: Path):
    memory, query = keras.Input([None, 6]), keras.Input([5])
    attention = BahdanauAttention(4)
    values = keras.layers.Dense(3)(memory)
    model = randomize(keras.Model([memory, query], list(attention(query, attention.project_memory(memory), values))))
    given = [RANDOM.normal(size=shape).astype("float32") for shape in ((2, 4, 6), (2, 5))]
    assert_same(again(model, tmp_path, way), model, given)


@pytest.mark.parametrize("way", ["keras", "h5", "clone"])
def test_methods_of_encoder_and_cells(way: str, tmp_path: Path):
    ids, gates, state = keras.Input([None], dtype="int32"), keras.Input([9]), keras.Input([3])
    tables = [keras.Input(batch_shape=[10 + 1, 12]) for _ in range(2)]
    encoder, cell = BidirectionalEncoder(4), GRUCell(3)
    encoder.build((None, None, 2))
    cell.build((None, 2))
    shared = cell.input_share(gates)
    parts = [keras.layers.Dense(3)(shared) for _ in range(3)]
    outputs = [*encoder.look_up(tables, ids, ids != 0), *cell.advance(parts, [state])]
    model = randomize(keras.Model([*tables, ids, gates, state], outputs))
    sizes = [(11, 12), (11, 12), (3, 9), (3, 3)]
    given = [RANDOM.normal(size=size).astype("float32") for size in sizes]
    given.insert(2, SYMBOLS)
    assert_same(again(model, tmp_path, way), model, given)


def test_training_reaches_a_method_that_takes_it():
    hidden = keras.Input([5])
    decoder = AttentionDecoder(None, 5, dropout=0.5, seed=1)
    decoder.build((None, None, 3), (None, None, 4), None, (None, 4))
    model, ones = keras.Model(hidden, decoder.readout(hidden)), np.ones((20, 5), "float32")
    assert (model(ones).numpy() != 0).all()
    assert (model(ones, training=True).numpy() == 0).any()


def test_a_layer_used_twice_is_one_layer(tmp_path: Path):
    first, second, query = keras.Input([None, 4]), keras.Input([None, 4]), keras.Input([4])
    attention = LuongAttention(4)
    outputs = [attention(query, attention.project_memory(memory), memory)[0] for memory in (first, second)]
    model = randomize(keras.Model([first, second, query], outputs))
    assert len(model.weights) == 1
    given = [RANDOM.normal(size=shape).astype("float32") for shape in ((2, 3, 4), (2, 5, 4), (2, 4))]
    assert_same(again(model, tmp_path, "keras"), model, given)


def test_a_file_names_no_method_but_those_for_symbolic_tensors():
    for method in ("get_config", "set_weights", "nothing"):
        with pytest.raises(ValueError, match=f"GRUCell has no method '{method}' for symbolic tensors"):
            GRUCell(3)(np.ones((1, 3), "float32"), method=method)


def test_arguments_that_the_call_has_not_are_refused():
    attention, row = BahdanauAttention(3), np.ones((1, 2), "float32")
    with pytest.raises(TypeError, match="too many positional arguments"):
        attention(row, row[None], row[None], None, 1, None, None, None)
    with pytest.raises(TypeError, match="BahdanauAttention got mask twice"):
        attention(row, row[None], row[None], None, mask=None)
    with pytest.raises(TypeError, match="missing a required argument: 'values'"):
        attention(row, row[None])


def test_losses_of_keras_leave_the_padding_of_the_target_out():
    decoder = AttentionDecoder(10, 4)
    embedded = keras.layers.Embedding(10, 3, mask_zero=True)(SYMBOLS)
    logits, weights = decoder(embedded, np.ones((3, 2, 4), "float32"), summary=np.ones((3, 4), "float32"))
    for output in (logits, weights):
        assert output._keras_mask.numpy().tolist() == (SYMBOLS != 0).tolist()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    scores = keras.ops.log_softmax(logits)
    expected = -np.take_along_axis(scores.numpy(), SYMBOLS[:, :, None], axis=2)[SYMBOLS != 0].sum()
    assert float(loss(SYMBOLS, logits)) == pytest.approx(expected, rel=1e-5)


def test_a_decoder_says_that_it_needs_a_summary():
    with pytest.raises(ValueError, match="needs a summary, the encoder's second output"):
        AttentionDecoder(9, 4)(np.ones((1, 2, 3), "float32"), np.ones((1, 2, 4), "float32"))


@pytest.mark.parametrize("arguments", [{}, {"fast": False, "input_feeding": True}])
def test_a_quantized_model_is_nearly_the_same(arguments: dict[str, Any]):
    inputs, memory, summary = keras.Input([None, 8]), keras.Input([None, 8]), keras.Input([8])
    logits, _ = AttentionDecoder(9, 16, **arguments)(inputs, memory, summary=summary)
    model = randomize(keras.Model([inputs, memory, summary], logits), scale=0.3)
    given = [RANDOM.normal(size=size).astype("float32") for size in ((2, 3, 8), (2, 5, 8), (2, 8))]
    before = model(given).numpy()
    # What goes into larger products stays as it is, and Keras says so; the rest is quantized.
    with pytest.warns(UserWarning, match="readout_hidden is not quantized"):
        model.quantize("int8")
    assert "int8" in {weight.dtype for weight in model.weights}
    np.testing.assert_allclose(model(given), before, atol=0.1 * np.abs(before).max())


def reader_and_writer() -> tuple[keras.Model, list[np.ndarray]]:
    source, target = keras.Input([None], dtype="int32"), keras.Input([None], dtype="int32")
    memory, summary = BidirectionalEncoder(4, dropout=0.1)(keras.layers.Embedding(10, 3, mask_zero=True)(source))
    embedded = keras.layers.Embedding(10, 3, mask_zero=True)(target)
    logits, _ = AttentionDecoder(10, 4, dropout=0.1)(embedded, memory, summary=summary)
    return keras.Model([source, target], logits), [SYMBOLS, SYMBOLS[:, :3]]


@pytest.mark.slow
@pytest.mark.parametrize("how", [{"jit_compile": True}, {"run_eagerly": True}, {}], ids=str)
def test_fit_in_every_way(how: dict[str, Any]):
    model, given = reader_and_writer()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss, **how)
    # The last batch is smaller.
    losses = model.fit(given, SYMBOLS[:, 1:], batch_size=2, epochs=4, shuffle=False, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_exported(tmp_path: Path):
    model, given = reader_and_writer()
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    np.testing.assert_allclose(loaded.serve([tf.constant(part) for part in given]), model(given), atol=1e-6)
