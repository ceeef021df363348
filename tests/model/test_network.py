"""Networks: what a search sees of one model and of several."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.model.ensemble import Ensemble
from pipeline.model.network import LARGEST_TABLE, Network, SingleNetwork
from pipeline.model.sequence_to_sequence import build_model
from pipeline.settings.model import ModelConfiguration
from pipeline.text.symbols import END, START
from tests.kinds import NETWORKS
from tests.layer_contract import randomize
from tests.quick_cases import quick

SOURCE = tf.constant([[4, 5, 6, 2], [5, 2, 0, 0]])
LENGTHS = tf.constant([4, 2])
TARGET = tf.constant([[4, 6, END], [5, END, 0]])
CONFIGURATION = ModelConfiguration(units=6, embedding_units=4, precision="float64")


def model(seed: int, size: int = 9, **changes: object) -> keras.Model:
    return build({**vars(CONFIGURATION), **changes}, 8, size, seed)


def build(settings: dict[str, Any], source: int, target: int, seed: int) -> keras.Model:
    if settings["shared_embeddings"]:
        source = target = max(source, target)
    return randomize(build_model(ModelConfiguration(**settings), source, target), seed)


@pytest.fixture(scope="module")
def models() -> list[keras.Model]:
    return [model(seed) for seed in (1, 2)]


def probabilities(member: keras.Model) -> np.ndarray:
    inputs = tf.constant([[START, 4, 6], [START, 5, END]])
    logits, _ = member([SOURCE, inputs])
    return tf.nn.softmax(logits).numpy()


def of_targets(table: np.ndarray) -> np.ndarray:
    return np.take_along_axis(table, TARGET.numpy()[..., None], axis=2)[..., 0]


def walk(network: Network, beams: int = 1) -> list[np.ndarray]:
    """Probabilities of every position, given the targets, by steps."""
    state, memory = network.begin(SOURCE, LENGTHS)
    state = tf.nest.map_structure(lambda part: tf.repeat(part, beams, axis=0), state)
    found = []
    for tokens in ([START, START], [4, 5], [6, END]):
        logits, state, weights = network.step(tf.repeat(tf.constant(tokens), beams), state, memory, beams)
        np.testing.assert_allclose(tf.reduce_sum(weights, axis=1), 1, atol=1e-6)
        found.append(tf.nn.softmax(logits).numpy())
    return found


@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: "-".join(map(str, kind)) or "plain")
@pytest.mark.parametrize("size", quick([9, LARGEST_TABLE + 1], 0))
def test_steps_are_the_model(size: int, kind: dict[str, object]):
    member = model(1, size, **kind)
    for position, found in enumerate(walk(SingleNetwork(member))):
        np.testing.assert_allclose(found, probabilities(member)[:, position], atol=1e-6)


@pytest.mark.parametrize("kind", [*NETWORKS, {"precision": "float64"}], ids=lambda kind: "-".join(map(str, kind)))
@pytest.mark.parametrize(
    "sizes", [(8, LARGEST_TABLE + 1), pytest.param((LARGEST_TABLE + 1, 9), marks=pytest.mark.slow)]
)
def test_frozen_weights_give_the_same_bits(sizes: tuple[int, int], kind: dict[str, object]):
    settings = {**vars(CONFIGURATION), "precision": "float32", **kind}
    member = build(settings, *sizes, seed=1)
    live, frozen = SingleNetwork(member), SingleNetwork(member, frozen=True)
    for found, expected in zip(walk(frozen), walk(live), strict=True):
        np.testing.assert_array_equal(found, expected)
    score = live.score(SOURCE, LENGTHS, TARGET)
    np.testing.assert_array_equal(frozen.score(SOURCE, LENGTHS, TARGET), score)


def test_what_is_not_frozen_follows_the_weights():
    member = model(1)
    live, frozen = SingleNetwork(member), SingleNetwork(member, frozen=True)
    before = walk(live)
    randomize(member, 2)
    np.testing.assert_allclose(walk(live)[0], probabilities(member)[:, 0], atol=1e-6)
    assert np.abs(walk(frozen)[0] - walk(live)[0]).max() > 1e-3
    assert np.abs(before[0] - walk(live)[0]).max() > 1e-3


@pytest.mark.parametrize("beams", [1, 3])
def test_an_ensemble_is_the_mean_of_probabilities(models: list[keras.Model], beams: int):
    expected = np.mean([probabilities(member) for member in models], axis=0)
    ensemble = Ensemble([SingleNetwork(member) for member in models])
    for position, found in enumerate(walk(ensemble, beams)):
        np.testing.assert_allclose(found[::beams], expected[:, position], atol=1e-6)


def test_an_ensemble_of_twins_is_each_of_them(models: list[keras.Model]):
    alone = SingleNetwork(models[0])
    for found, expected in zip(walk(Ensemble([alone, alone])), walk(alone), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_score_of_given_targets(models: list[keras.Model]):
    members = [SingleNetwork(member) for member in models]
    single = np.log(of_targets(probabilities(models[0])))
    np.testing.assert_allclose(members[0].score(SOURCE, LENGTHS, TARGET), single, rtol=1e-5)
    mean = np.log(of_targets(np.mean([probabilities(member) for member in models], axis=0)))
    np.testing.assert_allclose(Ensemble(members).score(SOURCE, LENGTHS, TARGET), mean, rtol=1e-5)


@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: "-".join(map(str, kind)) or "plain")
def test_all_symbols_of_given_targets(kind: dict[str, object]):
    member = model(1, **kind)
    network = SingleNetwork(member)
    found = network.log_probabilities(SOURCE, LENGTHS, TARGET)
    assert (found.shape, found.dtype) == ((2, 3, 9), tf.float32)
    np.testing.assert_allclose(tf.exp(found), probabilities(member), atol=1e-6)
    np.testing.assert_array_equal(of_targets(found.numpy()), network.score(SOURCE, LENGTHS, TARGET))


def test_all_symbols_of_an_ensemble_are_the_mean_of_probabilities(models: list[keras.Model]):
    members = [*models, model(3, copy=True), model(4, attention="monotonic")]
    ensemble = Ensemble([SingleNetwork(member) for member in members])
    expected = np.mean([probabilities(member) for member in members], axis=0)
    found = ensemble.log_probabilities(SOURCE, LENGTHS, TARGET)
    np.testing.assert_allclose(tf.exp(found), expected, atol=1e-6)
    np.testing.assert_allclose(of_targets(found.numpy()), ensemble.score(SOURCE, LENGTHS, TARGET), rtol=1e-5)


def test_members_may_differ_in_their_attention(models: list[keras.Model]):
    other = model(3, cell="lstm", attention="luong_general")
    mean = np.log(of_targets(np.mean([probabilities(models[0]), probabilities(other)], axis=0)))
    ensemble = Ensemble([SingleNetwork(models[0]), SingleNetwork(other)])
    np.testing.assert_allclose(ensemble.score(SOURCE, LENGTHS, TARGET), mean, rtol=1e-5)
    walk(ensemble)  # where weights sum to 1


def test_members_without_attention_do_not_thin_it_out(models: list[keras.Model]):
    alone, blind = SingleNetwork(models[0]), SingleNetwork(model(3, attention="none"))
    ensemble = Ensemble([blind, alone])
    walk(ensemble)  # where weights sum to 1
    np.testing.assert_allclose(
        ensemble.attend(SOURCE, LENGTHS, TARGET), alone.attend(SOURCE, LENGTHS, TARGET), atol=1e-6
    )
    assert not np.any(Ensemble([blind, blind]).attend(SOURCE, LENGTHS, TARGET))


def test_members_may_differ_in_their_precision(models: list[keras.Model]):
    mixed = model(2, precision="mixed_float16")
    expected = walk(Ensemble([SingleNetwork(member) for member in models]))
    for found, exact in zip(walk(Ensemble([SingleNetwork(models[0]), SingleNetwork(mixed)])), expected, strict=True):
        np.testing.assert_allclose(found, exact, atol=1e-2)


def test_heads_apart_are_what_the_mean_is_made_of():
    settings = {"attention": "multi_head_bahdanau", "attention_heads": 3, "attention_units": 6, "coverage": True}
    member = model(4, **settings)
    network = SingleNetwork(member)
    apart = network.attend(SOURCE, LENGTHS, TARGET).numpy()
    assert apart.shape == (2, 3, 3, 4)
    real = (TARGET.numpy() != 0)[:, None, :, None]
    np.testing.assert_allclose(apart.sum(axis=3, keepdims=True), real * np.ones((2, 3, 3, 1)), atol=1e-9)
    _, mean = member([SOURCE, tf.constant([[START, 4, 6], [START, 5, END]])])
    np.testing.assert_allclose(apart.mean(axis=1), mean * real[:, 0], atol=1e-9)
    assert np.ptp(apart, axis=1).max() > 1e-3


def test_one_head_is_the_attention(models: list[keras.Model]):
    members = [SingleNetwork(member) for member in models]
    _, weights = models[0]([SOURCE, tf.constant([[START, 4, 6], [START, 5, END]])])
    found = members[0].attend(SOURCE, LENGTHS, TARGET)
    real = tf.cast(TARGET != 0, tf.float64)[:, :, None]
    np.testing.assert_allclose(found[:, 0], weights * real, atol=1e-9)
    both = tf.add_n([tf.cast(member.attend(SOURCE, LENGTHS, TARGET), tf.float32) for member in members]) / 2
    np.testing.assert_allclose(Ensemble(members).attend(SOURCE, LENGTHS, TARGET), both, atol=1e-6)


@pytest.mark.parametrize("size", [9, LARGEST_TABLE + 1])
def test_weights_are_read_once_and_not_at_every_step(size: int):
    network = SingleNetwork(model(1, size))

    @tf.function(autograph=False)
    def follow(source: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        state, memory = network.begin(source, lengths)

        def body(position: tf.Tensor, tokens: tf.Tensor, state: list[tf.Tensor]) -> tuple[Any, ...]:
            logits, state, _ = network.step(tokens, state, memory)
            return position + 1, tf.argmax(logits, axis=-1, output_type=tf.int32), state

        return tf.while_loop(lambda position, *_: position < 3, body, (0, tf.fill([2], START), state))[1]

    graph = follow.get_concrete_function(SOURCE, LENGTHS).graph.as_graph_def()
    loops = [function for function in graph.library.function if "while_body" in function.signature.name]
    inside = {node.op for function in loops for node in function.node_def}
    assert "ReadVariableOp" in {node.op for node in graph.node}
    assert "MatMul" in inside
    assert "ReadVariableOp" not in inside
