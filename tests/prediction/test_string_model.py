"""Strings to strings: what the network is told of a single string."""

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from pipeline.model.network import SingleNetwork
from pipeline.model.sequence_to_sequence import build_model
from pipeline.prediction.string_model import StringModel
from pipeline.saved_models.export import save_string_model
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.text.processor import make_texts
from pipeline.text.vocabulary import Vocabulary

SEEN: dict[str, list[int | None]] = {"begin": [], "score": []}


class Watched(SingleNetwork):
    """Notes of how many rows it knows to be asked."""

    def begin(self, source: tf.Tensor, lengths: tf.Tensor) -> tuple[Any, Any]:
        SEEN["begin"].append(source.shape[0])
        assert lengths.shape[0] == source.shape[0]
        return super().begin(source, lengths)

    def score(self, source: tf.Tensor, lengths: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        SEEN["score"].append(source.shape[0])
        assert target.shape[0] == source.shape[0]
        return super().score(source, lengths, target)


def watched_model(tokenizer: str, beam_size: int = 2, n_best: int = 1) -> StringModel:
    for seen in SEEN.values():
        seen.clear()
    vocabulary = Vocabulary(["a", "b", "ab"])
    network = Watched(build_model(ModelConfiguration(units=4, embedding_units=3), len(vocabulary), len(vocabulary)))
    texts = make_texts(TextConfiguration(tokenizer, tokenizer), vocabulary, vocabulary)
    return StringModel(network, *texts, SearchConfiguration(beam_size=beam_size), n_best, max_length=8)


@pytest.mark.parametrize(
    ("tokenizer", "beam_size"),
    [
        pytest.param("char", 2, marks=pytest.mark.slow),
        pytest.param("wordpiece", 1, marks=pytest.mark.slow),
    ],
)
def test_a_single_string_is_known_to_be_one(tokenizer: str, beam_size: int):
    model, sources = watched_model(tokenizer, beam_size), ["a b ab", "b", ""]
    together = model.decode(tf.constant(sources))
    # Whatever is asked first, and by whatever way.
    model.complete(tf.constant(sources[:1]), tf.constant(["b"]))
    model.score(tf.constant(sources[:1]), tf.constant(["a b"]))
    model.score_tokens(tf.constant(sources[:1]), tf.constant([["a", "b"]]))
    assert set(SEEN["begin"]) == set(SEEN["score"]) == {1, None}
    for row, source in enumerate(sources):
        alone = model.decode(tf.constant([source]))
        assert alone["texts"][0, 0] == together["texts"][row, 0]
        assert abs(float(alone["scores"][0, 0] - together["scores"][row, 0])) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("n_best", [1, 2])
def test_an_export_has_every_search_once_for_a_single_string_and_once_for_many(tmp_path: Path, n_best: int):
    save_string_model(watched_model("char", n_best=n_best), tmp_path / "export", {})
    # Without attention, with it, and with a prefix; of several outputs also the best alone.
    searches = 2 + n_best
    assert sorted(SEEN["begin"], key=str) == [1] * searches + [None] * searches
    assert sorted(SEEN["score"], key=str) == [1, None]


def test_outside_of_a_graph_no_more_is_traced_than_is_asked_for():
    model, sources = watched_model("char"), ["a b ab", "b", ""]
    live = model.outside_graphs()
    [alone] = live.decode(tf.constant(sources[:1]))["texts"].numpy().tolist()
    live.score(tf.constant(sources[:1]), tf.constant(["b"]))
    assert (SEEN["begin"], SEEN["score"]) == ([1], [1])
    together = live.decode(tf.constant(sources))["texts"].numpy().tolist()
    assert SEEN["begin"] == [1, None]
    assert together[0] == alone
    assert together == model.decode(tf.constant(sources))["texts"].numpy().tolist()
    assert SEEN["begin"] == [1, None]
