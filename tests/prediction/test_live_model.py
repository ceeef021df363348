"""A model asked outside of a graph: the same answers, and what its vocabularies lack."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from pipeline.model.network import SingleNetwork
from pipeline.model.sequence_to_sequence import build_model
from pipeline.prediction.string_model import StringModel
from pipeline.prediction.unknown_counts import AskedModel
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.text.processor import make_texts
from pipeline.text.vocabulary import Vocabulary

SOURCES = ["", "ab", "x", "a b", "ab\u0301", "aaaaaaaaax", b"a\xff", "b\t;z"]
TARGETS = ["b", "", "a x a", "b" * 9, b"\xc3", "\u00e1", "ab", "x"]


def make_model(text: TextConfiguration) -> StringModel:
    sources, targets = Vocabulary(["a", "b", "ab"]), Vocabulary(["a", "b", "\u00e1"])
    settings = ModelConfiguration(units=4, embedding_units=3)
    network = SingleNetwork(build_model(settings, len(sources), len(targets)))
    search = SearchConfiguration(beam_size=2)
    return StringModel(network, *make_texts(text, sources, targets), search, 1, max_length=8)


@pytest.fixture(scope="module", params=["char", "space"])
def model(request: pytest.FixtureRequest) -> StringModel:
    return make_model(TextConfiguration(request.param, request.param))


def as_lists(found: Any) -> dict[str, Any]:
    return {name: value.numpy().tolist() for name, value in found.items()}


def test_what_it_counts_is_what_scores_tell(model: StringModel):
    counts, asked = model.outside_graphs().unknown, AskedModel(model)
    assert counts.in_sources(SOURCES) == asked.in_sources(SOURCES)
    assert counts.in_targets(TARGETS) == asked.in_targets(TARGETS)
    assert any(counts.in_sources(SOURCES))
    symbols = ["a", "x", "", "ab", "\u00e1"]
    assert counts.among_target_symbols(symbols) == asked.among_target_symbols(symbols)
    assert counts.in_sources([]) == counts.among_target_symbols([]) == []


def test_scores_are_those_of_the_graph(model: StringModel):
    live = model.outside_graphs()
    for count in (0, 1, 8):
        given = tf.constant(SOURCES[:count], tf.string), tf.constant(TARGETS[:count], tf.string)
        found, expected = live.score(*given), model.score(*given)
        np.testing.assert_allclose(found.pop("score"), expected.pop("score"), rtol=1e-5)
        assert as_lists(found) == as_lists(expected)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_outputs_are_those_of_the_graph(model: StringModel, rows: int):
    found, expected = (
        as_lists(asked.decode(tf.constant(SOURCES[:rows], tf.string))) for asked in (model.outside_graphs(), model)
    )
    for name in ("scores", "rank_scores", "attention"):
        np.testing.assert_allclose(found.pop(name), expected.pop(name), atol=1e-6)
    assert found == expected
