"""Copying in search: against all outputs there are, of one network and of an ensemble with a member that does not."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from pipeline.model.ensemble import Ensemble
from pipeline.model.network import Network, SingleNetwork
from pipeline.model.sequence_to_sequence import build_model
from pipeline.prediction.id_search import IdSearch
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.search import SearchConfiguration
from pipeline.text.symbols import END, UNKNOWN
from pipeline.text.vocabulary import Vocabulary, copied_ids
from tests.layer_contract import randomize
from tests.quick_cases import quick

SOURCE_VOCABULARY, TARGET_VOCABULARY = Vocabulary(["a", "b", "c"]), Vocabulary(["b", "a"])
# "c" has no target id, as the unknown symbol itself.
SOURCES, LENGTHS = tf.constant([[4, 6, 5, END], [3, 5, END, 0]]), tf.constant([4, 3])
LONGEST = 3


def make_network(seed: int, copy: bool, attention: str = "bahdanau") -> SingleNetwork:
    settings = ModelConfiguration(units=6, embedding_units=4, copy=copy, attention=attention)
    copied = copied_ids(SOURCE_VOCABULARY, TARGET_VOCABULARY)
    model = build_model(settings, len(SOURCE_VOCABULARY), len(TARGET_VOCABULARY), copied=copied)
    return SingleNetwork(randomize(model, seed, scale=1.5))


def score_all(network: Network, row: int) -> dict[tuple[int, ...], float]:
    symbols = range(UNKNOWN, len(TARGET_VOCABULARY))
    outputs = [(*said, END) for length in range(LONGEST + 1) for said in itertools.product(symbols, repeat=length)]
    padded = tf.constant([[*output, *[0] * (LONGEST + 1 - len(output))] for output in outputs])
    rows = [tf.repeat(part[row : row + 1], len(outputs), axis=0) for part in (SOURCES, LENGTHS)]
    scores = tf.where(padded > 0, network.score(*rows, padded), 0)
    return dict(zip(outputs, tf.reduce_sum(scores, axis=1).numpy().tolist(), strict=True))


@pytest.mark.parametrize("members", [(True,), (True, False, True)])
@pytest.mark.parametrize("beams", quick([1, 40], 1))
@pytest.mark.parametrize("attention", ["bahdanau", "monotonic"])
def test_search_finds_what_is_best(members: tuple[bool, ...], beams: int, attention: str):
    networks = [make_network(seed, copy, attention) for seed, copy in enumerate(members)]
    network: Network = networks[0] if len(networks) == 1 else Ensemble(networks)
    best = min(beams, 10)
    search = IdSearch(
        network, SearchConfiguration(beam_size=beams, max_length=LONGEST, length_ratio=1.0, length_offset=5), best
    )
    found = search(SOURCES, LENGTHS, None, keep_attention=True)
    for row in range(len(SOURCES)):
        expected = score_all(network, row)
        outputs = [tuple(int(symbol) for symbol in output if symbol) for output in found.tokens[row].numpy()]
        # The limit closes outputs of the largest length without asking for the end's probability.
        scores = found.scores[row].numpy()
        np.testing.assert_allclose(scores, [expected[output] for output in outputs], atol=1e-5)
        if beams > 1:
            assert outputs == sorted(expected, key=expected.__getitem__, reverse=True)[:best]


@pytest.mark.parametrize("attention", ["bahdanau", "monotonic"])
def test_shares_are_of_the_whole_probability(attention: str):
    """By steps and at once; an ensemble's are those of its members, by their probabilities."""
    networks = [make_network(seed, copy, attention) for seed, copy in enumerate((True, False))]
    target = tf.constant([[4, 3, END], [5, END, 0]])
    alone, plain = (network.share_copied(SOURCES, LENGTHS, target).numpy() for network in networks)
    assert (alone[target > 0] >= 0).all()
    assert alone.max() > 0.01
    assert not plain.any()
    together = Ensemble(networks).share_copied(SOURCES, LENGTHS, target).numpy()
    first, second = (np.exp(network.score(SOURCES, LENGTHS, target)) for network in networks)
    np.testing.assert_allclose(together, alone * first / (first + second), atol=1e-6)
    for network, expected in ((networks[0], alone), (Ensemble(networks), together)):
        state, memory = network.begin(SOURCES, LENGTHS)
        for position, before in enumerate([tf.constant([1, 1]), target[:, 0], target[:, 1]]):
            state, _, shares = network.look(before, state, memory)
            now = tf.gather(shares, target[:, position], batch_dims=1).numpy()
            np.testing.assert_allclose(np.where(target[:, position] > 0, now, 0), expected[:, position], atol=1e-6)
