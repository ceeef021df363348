"""The loss: by hand, against its definition with one-hot targets, and blind to padding."""

import math

import numpy as np
import pytest
import tensorflow as tf

from pipeline.model.losses import Lesson, symmetric_divergence, token_cross_entropy
from tests.layer_contract import assert_close

RANDOM = np.random.default_rng(0)
TARGETS = np.array([[4, 3, 2, 0], [2, 0, 0, 0], [5, 5, 5, 2]])
LOGITS = RANDOM.normal(size=(3, 4, 6)) * 3
SMOOTHINGS = [0.0, 0.1, 0.5]


def test_by_hand():
    # Logits that are log probabilities up to a constant: 1/8, 1/8, 1/4, 1/2.
    logits = np.log([[[1.0, 1, 2, 4]] * 3])
    total, tokens = token_cross_entropy([[2, 3, 0]], logits)
    assert_close(total, math.log(4) + math.log(2), 1e-12)
    assert float(tokens) == 2


def test_smoothing_by_hand():
    # One symbol, probabilities 1/4 and 3/4, target the first, a fifth spread: 0.9 on it and 0.1 on the other.
    total, tokens = token_cross_entropy([[1]], np.log([[[3.0, 1.0]]]), 0.2)
    assert_close(total, 0.9 * math.log(4) + 0.1 * math.log(4 / 3), 1e-12)
    assert float(tokens) == 1


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_is_the_cross_entropy_of_smoothed_one_hot_targets(smoothing: float):
    log_probabilities = LOGITS - np.log(np.exp(LOGITS).sum(axis=-1, keepdims=True))
    wanted = (1 - smoothing) * np.eye(6)[TARGETS] + smoothing / 6
    losses = -(wanted * log_probabilities).sum(axis=-1)
    total, tokens = token_cross_entropy(TARGETS, LOGITS, smoothing)
    assert_close(total, losses[TARGETS != 0].sum(), 1e-12)
    assert float(tokens) == 8


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_padding_counts_for_nothing(smoothing: float):
    targets, logits = np.zeros((5, 7), int), np.full((5, 7, 6), 1e3)
    logits[..., 0] = -1e3
    targets[:3, :4], logits[:3, :4] = TARGETS, LOGITS
    total, tokens = token_cross_entropy(targets, logits, smoothing)
    expected_total, expected_tokens = token_cross_entropy(TARGETS, LOGITS, smoothing)
    assert_close(total, expected_total, 1e-12)
    assert float(tokens) == float(expected_tokens)


def test_gradient_is_probability_minus_one_hot_and_0_on_padding():
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total, _ = token_cross_entropy(TARGETS, logits)
    gradient = tape.gradient(total, logits).numpy()
    probabilities = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=-1, keepdims=True)
    real = TARGETS != 0
    assert_close(gradient[real], (probabilities - np.eye(6)[TARGETS])[real], 1e-9)
    assert (gradient[~real] == 0).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sum_and_count_have_the_dtype_of_the_logits(dtype: str):
    total, tokens = token_cross_entropy(TARGETS, LOGITS.astype(dtype), 0.1)
    assert (total.dtype.name, tokens.dtype.name) == (dtype, dtype)


def test_a_batch_of_padding_only_is_0_of_0():
    total, tokens = token_cross_entropy(np.zeros((2, 3), int), np.ones((2, 3, 4)), 0.1)
    assert (float(total), float(tokens)) == (0, 0)


def test_a_teacher_by_hand():
    # Probabilities 1/8, 1/8, 1/4, 1/2; the teacher wants the last two at 1/4 and 3/4, the label is the third.
    logits = np.log([[[1.0, 1, 2, 4]] * 2])
    lesson = Lesson([[[3, 2], [0, 0]]], [[[0.75, 0.25], [0.0, 0.0]]], weight=0.4)
    total, tokens = token_cross_entropy([[2, 0]], logits, lesson=lesson)
    assert_close(total, 0.6 * math.log(4) + 0.4 * (0.75 * math.log(2) + 0.25 * math.log(4)), 1e-6)
    assert float(tokens) == 1


def lesson(kept: int, weight: float) -> tuple[Lesson, np.ndarray]:
    """A teacher's most probable symbols at the real positions, and the same over the whole vocabulary."""
    random = np.random.default_rng(kept)
    symbols = np.argsort(random.normal(size=(3, 4, 6)), axis=-1)[..., :kept].astype(np.int32)
    probabilities = random.dirichlet(np.ones(kept), (3, 4))
    symbols[TARGETS == 0], probabilities[TARGETS == 0] = 0, 0
    whole = np.zeros([3, 4, 6])
    for place in np.ndindex(3, 4):
        np.add.at(whole[place], symbols[place], probabilities[place])
    return Lesson(symbols, probabilities, weight), whole


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize(("kept", "weight"), [(1, 0.5), (3, 0.3), (6, 1.0)])
def test_a_teacher_is_a_share_of_what_is_wanted_and_so_is_its_gradient(smoothing: float, kept: int, weight: float):
    teacher, whole = lesson(kept, weight)
    logits, found = tf.constant(LOGITS), []
    for definition in (False, True):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            if definition:
                own = (1 - smoothing) * np.eye(6)[TARGETS] + smoothing / 6
                wanted = ((1 - weight) * own + weight * whole) * (TARGETS != 0)[:, :, None]
                total = -tf.reduce_sum(wanted * tf.nn.log_softmax(logits))
            else:
                total, _ = token_cross_entropy(TARGETS, logits, smoothing, teacher)
            scaled = 3 * total
        found.append((total, tf.convert_to_tensor(tape.gradient(scaled, logits))))
    for actual, expected in zip(*found, strict=True):
        assert_close(actual, expected, 1e-9)
    assert (found[0][1].numpy()[TARGETS == 0] == 0).all()


def test_in_single_precision_a_teacher_is_cast():
    teacher, _ = lesson(3, 0.5)
    exact, _ = token_cross_entropy(TARGETS, LOGITS, 0.1, teacher)
    total, _ = token_cross_entropy(TARGETS, LOGITS.astype(np.float32), 0.1, teacher)
    assert total.dtype == tf.float32
    assert_close(total, exact, 1e-5)


def test_divergence_by_hand():
    # p is 3/4, 1/4 and q is 1/2, 1/2: KL(p || q) + KL(q || p) = (3/4 - 1/2) log(3/2) + (1/4 - 1/2) log(1/2).
    p, q = np.log([[[3.0, 1.0]] * 3]), np.zeros([1, 3, 2])
    expected = 0.25 * math.log(3 / 2) + 0.25 * math.log(2)
    for first, second in ((p, q), (q, p)):
        assert_close(symmetric_divergence([[1, 1, 0]], first, second), 2 * expected, 1e-12)
    assert float(symmetric_divergence([[1, 1, 0]], p, p + 7)) == pytest.approx(0, abs=1e-12)


def test_gradient_of_the_divergence_is_that_of_its_definition_and_0_on_padding():
    real = (TARGETS != 0).astype(float)[:, :, None]
    first, second = tf.constant(LOGITS), tf.constant(LOGITS[:, :, ::-1].copy())
    found = []
    for definition in (False, True):
        with tf.GradientTape() as tape:
            tape.watch([first, second])
            if definition:
                log_p, log_q = tf.nn.log_softmax(first), tf.nn.log_softmax(second)
                total = tf.reduce_sum((tf.exp(log_p) - tf.exp(log_q)) * (log_p - log_q) * real)
            else:
                total = symmetric_divergence(TARGETS, first, second)
            scaled = 3 * total
        found.append([total, *tape.gradient(scaled, [first, second])])
    for actual, expected in zip(*found, strict=True):
        assert_close(actual, expected, 1e-9)
    assert (found[0][1].numpy()[TARGETS == 0] == 0).all()
