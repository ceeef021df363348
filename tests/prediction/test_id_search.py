"""The search of many sources whose best output alone is asked for: what a beam would find, of every kind of network."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from pipeline.model.ensemble import Ensemble
from pipeline.model.network import Network, SingleNetwork
from pipeline.model.sequence_to_sequence import build_model
from pipeline.prediction import id_search
from pipeline.prediction.id_search import IdSearch
from pipeline.search.result import SearchResult
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.search import SearchConfiguration
from pipeline.text.symbols import END
from tests.layer_contract import randomize
from tests.quick_cases import quick

SIZE, ROWS, LONGEST = 9, 40, 6
KINDS: dict[str, list[dict[str, Any]]] = {
    "gru": [{}],
    "lstm, two layers": [{"cell": "lstm", "decoder_layers": 2}],
    "no attention": [{"attention": "none"}],
    "several heads, coverage": [{"attention": "multi_head_bahdanau", "attention_heads": 2, "coverage": True}],
    "monotonic": [{"attention": "monotonic"}],
    "monotonic, copying": [{"attention": "monotonic", "copy": True}],
    "copying, input feeding": [{"copy": True, "input_feeding": True}],
    "ensemble": [{}, {"copy": True}],
}


def make_network(kind: str) -> Network:
    members = []
    for seed, settings in enumerate(KINDS[kind]):
        model = build_model(ModelConfiguration(units=8, embedding_units=4, **settings), SIZE, SIZE)
        network = SingleNetwork(randomize(model, seed + 5, scale=2.0))
        # Else they would go on to their limits, where the end has little probability.
        bias = network.decoder.output_projection.bias
        bias.assign(bias + 4.0 * np.eye(bias.shape[0])[END])
        members.append(network)
    return members[0] if len(members) == 1 else Ensemble(members)


def make_sources() -> tuple[tf.Tensor, tf.Tensor]:
    drawn = np.random.default_rng(0)
    lengths = drawn.integers(1, LONGEST, ROWS)
    ids = drawn.integers(4, SIZE, (ROWS, LONGEST))
    places = np.arange(LONGEST)[None]
    ids = np.where(places < lengths[:, None], ids, np.where(places == lengths[:, None], END, 0))
    return tf.constant(ids, tf.int32), tf.constant(lengths + 1, tf.int32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("penalty", quick([0.0, 1.0], 1))
def test_it_is_the_first_of_what_a_beam_finds(kind: str, penalty: float, monkeypatch: pytest.MonkeyPatch):
    settings = SearchConfiguration(beam_size=3, length_penalty=penalty, length_ratio=1.0, length_offset=3)
    network, given = make_network(kind), make_sources()
    rows: list[int] = []
    beam_search = id_search.beam_search

    def watched(step: Any, state: Any, memory: Any, limits: Any, *rest: Any) -> SearchResult:
        rows.append(int(tf.shape(limits)[0]))
        return beam_search(step, state, memory, limits, *rest)

    monkeypatch.setattr(id_search, "beam_search", watched)
    found = IdSearch(network, settings, 1)(*given, None, keep_attention=True)
    several = IdSearch(network, settings, 2)(*given, None, keep_attention=True)
    # Some were proven, some not; of several outputs all went through a beam.
    assert 0 < rows[0] < rows[1] == ROWS
    width = found.tokens.shape[2]
    np.testing.assert_array_equal(found.tokens[:, 0], several.tokens[:, 0, :width])
    np.testing.assert_array_equal(found.lengths[:, 0], several.lengths[:, 0])
    np.testing.assert_array_equal(found.limited[:, 0], several.limited[:, 0])
    np.testing.assert_allclose(found.scores[:, 0], several.scores[:, 0], atol=1e-4)
    np.testing.assert_allclose(found.attention_weights[:, 0], several.attention_weights[:, 0, :width], atol=1e-4)
