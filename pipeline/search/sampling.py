"""Outputs drawn at random, the same ones for the same input whatever else is in the batch and wherever it stands.

No generator keeps a state. Every number is a hash of what it is for: seed, source, number of the sample, position and
symbol, mixed as in SplitMix64 (Steele, Lea & Flood 2014). The symbol with the largest log p + Gumbel noise is a draw
from p (Gumbel 1954; Maddison et al. 2014).
"""

from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.search.greedy import follow, one_hypothesis
from pipeline.search.options import DEFAULT, SearchOptions
from pipeline.search.result import SearchResult, Step

GOLDEN = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio


class Draws(NamedTuple):
    """What is drawn for every input."""

    keys: Any
    """`[batch]` uint64, from `source_keys`: inputs with equal keys are given the same noise."""
    samples: int
    """How many outputs. The first of them are the same whatever the number."""
    n_best: int = 1
    """How many of them to return, at most `samples`: the best by rank score."""
    temperature: float = 1.0
    """Above 0; the lower, the closer to greedy search. The scores are log p at temperature 1."""


def sample_search(
    step: Step,
    state: Any,
    memory: Any,
    limits: Any,
    draws: Draws,
    options: SearchOptions = DEFAULT,
) -> SearchResult:
    """Independent outputs of every input, each symbol drawn from p ** (1 / temperature) over what may come.

    Args:
        step: The model, as in `pipeline.search.greedy.greedy_search`; so are the next three.
        state: See there.
        memory: See there.
        limits: See there.
        draws: How many, and of what.
        options: See `SearchOptions`.
    """
    keys, samples, n_best, temperature = draws
    if not 1 <= n_best <= samples:
        raise ValueError(f"n_best must be from 1 to samples ({samples}), got {n_best}")
    numbers = tf.range(1, samples + 1)[None]
    keys = tf.reshape(_mix(keys[:, None], numbers), [-1])
    state = tf.nest.map_structure(lambda part: tf.repeat(part, samples, axis=0), state)
    limits, options = tf.repeat(limits, samples), options.repeat(samples)

    def draw(log_probabilities: Any, position: Any) -> tuple[Any, Any]:
        symbols = tf.range(tf.shape(log_probabilities)[1])
        noise = _gumbel(_mix(_mix(keys, position)[:, None], symbols))
        drawn = tf.argmax(log_probabilities / temperature + noise, axis=-1, output_type=tf.int32)
        return drawn, tf.gather(log_probabilities, drawn, batch_dims=1)

    found = one_hypothesis(follow(draw, step, state, memory, limits, options), options)
    batch = tf.shape(keys)[0] // samples
    found = found.map(lambda part: tf.reshape(part, [batch, samples, *tf.unstack(tf.shape(part))[2:]]))
    _, best = tf.math.top_k(found.rank_scores, n_best)
    return found.map(lambda part: tf.gather(part, best, batch_dims=1))


def source_keys(seed: int, ids: Any, lengths: Any) -> Any:
    """A number for every source `[batch]`, uint64, from its ids `[batch, source]` and length `[batch]` int32.

    Padding does not count.
    """
    places = tf.range(1, tf.shape(ids)[1] + 1)[None]
    start = _mix(tf.constant(seed % 2**64, tf.uint64), 0)
    # A sum of hashes of places and symbols: no matter in which order it is computed, nor how far it is padded.
    hashes = _mix(_mix(start, places), ids)
    inside = tf.cast(tf.sequence_mask(lengths, tf.shape(ids)[1]), tf.uint64)
    return _mix(tf.reduce_sum(hashes * inside, axis=1), lengths)


def of_round(keys: Any, number: Any) -> Any:
    """Other keys for the same sources, when outputs are drawn of them again and again: another number, other noise."""
    return _mix(keys, number)


def _mix(key: Any, number: Any) -> Any:
    """Hash a key together with a number, both of any shape that fits."""
    bits = key + (tf.cast(number, tf.uint64) + _constant(1)) * _constant(GOLDEN)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = _fold(bits, shift) * _constant(factor)
    return _fold(bits, 31)


def _fold(bits: Any, shift: int) -> Any:
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, _constant(shift)))


def _constant(value: int) -> tf.Tensor:
    return tf.constant(value, tf.uint64)


def _gumbel(bits: Any) -> Any:
    """Gumbel noise, float32, from uniform bits.

    -log of an exponential variable, whose small values, the ones that win, are exact to 2^-41 and never 0.
    """
    uniform = tf.cast(tf.bitwise.right_shift(bits, _constant(24)), tf.float32) * 2.0**-40 + 2.0**-41
    return -tf.math.log(-tf.math.log1p(-tf.minimum(uniform, 1 - 2.0**-24)))
