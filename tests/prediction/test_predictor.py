import dataclasses
import gc
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.answering.predictions import Prediction
from pipeline.model.sequence_to_sequence import build_model
from pipeline.model.weights import load_weights
from pipeline.prediction.building import live_string_model
from pipeline.prediction.lexicon_table import LexiconTable
from pipeline.prediction.predictor import Predictor
from pipeline.prediction.string_model import StringModel
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.text.chunks import BATCH_SIZE
from pipeline.text.symbols import END, PAD, START
from pipeline.text.vocabulary import Vocabulary, load_vocabularies
from tests.layer_contract import randomize
from tests.quick_cases import quick
from tests.tiny_task import TinyRun, capitals, make_sources, tiny_configuration

LONGEST = 16


@pytest.fixture(scope="module")
def model(tiny_run: TinyRun) -> keras.Model:
    """The trained network."""
    run = RunDirectory(tiny_run.path)
    source, target = load_vocabularies(run.vocabulary)
    model = build_model(tiny_run.configuration.model, len(source), len(target))
    best = Checkpoints(run.checkpoints).best()
    assert best
    load_weights(model, best[1])
    return model


def string_model(model: keras.Model, run: TinyRun, beam_size: int, n_best: int, **search: Any) -> StringModel:
    configuration = dataclasses.replace(
        run.configuration, search=dataclasses.replace(run.configuration.search, **search)
    )
    return live_string_model(
        model, configuration, *load_vocabularies(RunDirectory(run.path).vocabulary), beam_size, n_best
    )


@pytest.fixture(scope="module")
def strings(model: keras.Model, tiny_run: TinyRun) -> StringModel:
    return string_model(model, tiny_run, beam_size=3, n_best=3)


@pytest.fixture(scope="module")
def predictor(strings: StringModel, tiny_run: TinyRun) -> Predictor:
    return Predictor(strings, tiny_run.configuration.text, n_best=3)


def assert_same(first: Prediction, second: Prediction) -> None:
    assert (first.texts, first.cut) == (second.texts, second.cut)
    assert (first.source_tokens, first.target_tokens) == (second.source_tokens, second.target_tokens)
    np.testing.assert_allclose(first.scores, second.scores, atol=1e-4)
    np.testing.assert_allclose(first.attention, second.attention, atol=1e-4)


def test_predictions_come_in_the_order_of_the_sources(predictor: Predictor):
    sources = [source for source in make_sources(400) if 2 <= len(source) <= 5][: BATCH_SIZE + 20]
    assert len(sources) > BATCH_SIZE
    done: list[int] = []
    predictions = predictor.predict(sources, on_progress=done.append)
    assert sum(done) == len(sources)
    assert len(done) > 1
    assert ["".join(prediction.source_tokens[:-1]) for prediction in predictions] == sources
    right = sum(
        prediction.texts[0] == capitals(source) for prediction, source in zip(predictions, sources, strict=True)
    )
    assert right > 0.9 * len(sources)


def test_nothing_to_predict(predictor: Predictor):
    assert predictor.predict([]) == []


def test_a_string_alone_is_one_source(predictor: Predictor):
    [expected] = predictor.predict(["abé"])
    for alone in ("abé", "abé".encode(), tf.constant("abé"), np.str_("abé")):
        [found] = predictor.predict(alone)
        assert_same(found, expected)
    first, _ = predictor.predict(source for source in ("abé", "b"))
    assert first.texts == expected.texts
    [begun] = predictor.predict("abé", prefixes="B")
    assert begun.texts[0].startswith("B")


def test_bytes_and_halves_of_characters_are_flagged(predictor: Predictor):
    found = predictor.predict([b"a\xff", "a\udcff", "a\ud800", b"a"])
    assert [prediction.invalid for prediction in found] == [True, True, True, False]


def test_a_prefix_is_needed_for_every_source(predictor: Predictor):
    with pytest.raises(ValueError, match=r"^2 sources, but 1 prefix; give one for each, '' for none$"):
        predictor.predict(["a", "b"], prefixes=["A"])
    with pytest.raises(ValueError, match=r"^1 source, but 2 prefixes"):
        predictor.predict("a", prefixes=["A", "B"])


def test_a_prediction_does_not_depend_on_its_company(predictor: Predictor):
    sources = ["a", "", "éßab", "東東東東東東東東東東", "b?b"]
    together = predictor.predict(sources)
    for source, prediction in zip(sources, together, strict=True):
        assert_same(predictor.predict([source])[0], prediction)
    assert_same(predictor.predict(["a"] * 3)[2], together[0])


@pytest.mark.parametrize("count", [1, BATCH_SIZE + 20])
def test_without_attention_everything_else_is_the_same(predictor: Predictor, count: int):
    sources = [*make_sources(count - 1), "aXb"]
    whole, bare = predictor.predict(sources), predictor.predict(sources, attention=False)
    for one, other in zip(whole, bare, strict=True):
        assert (one.texts, one.scores, one.rank_scores) == (other.texts, other.scores, other.rank_scores)
        assert (one.source_tokens, one.target_tokens) == (other.source_tokens, other.target_tokens)
        assert (one.cut, one.unknown, one.limited_outputs) == (other.cut, other.unknown, other.limited_outputs)
        assert one.attention.any()
        assert other.attention.shape == (0, len(other.source_tokens))
        assert other.hypotheses[0].source_flags.to_json() == {}


@pytest.mark.parametrize("count", [1, BATCH_SIZE + 20])
def test_the_best_output_alone_is_the_first_of_several(strings: StringModel, count: int):
    sources = tf.constant([*make_sources(count - 1), "aXb"])
    assert strings.n_best > 1
    several, best = strings.answer(sources), strings.best(sources)
    assert set(best) == set(several)
    for name in ("texts", "limited"):
        np.testing.assert_array_equal(best[name], several[name][:, :1])
    np.testing.assert_allclose(best["scores"], several["scores"][:, :1], atol=1e-5)


def test_a_model_without_attention_in_its_graph_is_left_out_of_it(strings: StringModel):
    """Of long strings it is the largest of what is kept."""
    assert "attention" in strings.decode.get_concrete_function().structured_outputs
    assert "attention" not in strings.answer.get_concrete_function().structured_outputs


def test_what_a_prediction_holds(predictor: Predictor):
    [prediction] = predictor.predict(["aé東"])
    assert prediction.texts[0] == "A É EAST"
    assert prediction.source_tokens == ["a", "é", "東", "</s>"]
    assert prediction.target_tokens == ["A", "É", "EAST", "</s>"]
    assert prediction.attention.shape == (4, 4)
    np.testing.assert_allclose(prediction.attention.sum(axis=1), 1, atol=1e-5)
    assert not prediction.cut
    assert len(set(prediction.texts)) == 3
    assert prediction.scores == sorted(prediction.scores, reverse=True)
    assert all(score < 0 for score in prediction.scores)


def test_scores_and_attention_are_the_models(predictor: Predictor, strings: StringModel, model: keras.Model):
    """log p of every output, end symbol included, as the network gives it to the known target."""
    predictions = predictor.predict(["aé", "ßßb東", "bbbbbb"])
    sources = ["".join(prediction.source_tokens[:-1]) for prediction in predictions for _ in prediction.texts]
    targets = strings.target_text.encode([text for prediction in predictions for text in prediction.texts]).to_tensor()
    inputs = tf.concat([tf.fill([len(targets), 1], START), targets[:, :-1]], axis=1)
    logits, attention = model([strings.source_text.encode(sources).to_tensor(), inputs])
    log_p = tf.gather(tf.nn.log_softmax(logits), targets, batch_dims=2)
    log_p = tf.reduce_sum(tf.where(targets == PAD, 0.0, log_p), axis=1)
    np.testing.assert_allclose([score for prediction in predictions for score in prediction.scores], log_p, atol=1e-3)
    for prediction, weights in zip(predictions, attention[::3], strict=True):
        longest, length = prediction.attention.shape
        np.testing.assert_allclose(prediction.attention, weights[:longest, :length], atol=1e-4)


def test_sources_too_long_are_cut_and_flagged(predictor: Predictor):
    exactly, longer = "ab" * (LONGEST // 2), "ab" * (LONGEST // 2) + "éé"
    fits, cut = predictor.predict([exactly, longer])
    assert (fits.cut, cut.cut) == (False, True)
    assert cut.source_tokens == [*exactly, "</s>"]
    assert_same(cut._replace(cut=False), fits)


def test_unknown_symbols_are_shown_as_they_stand(predictor: Predictor):
    [known, unknown] = predictor.predict(["a?🙂", "a!x"])
    assert known.source_tokens == ["a", "?", "🙂", "</s>"]
    assert known.scores == pytest.approx(unknown.scores, abs=1e-4)


def test_an_empty_source(predictor: Predictor):
    [prediction] = predictor.predict([""])
    assert prediction.source_tokens == ["</s>"]
    assert len(prediction.target_tokens) == prediction.attention.shape[0]


@pytest.mark.parametrize("beam_size", [1, 2])
def test_outputs_end_at_their_limit(model: keras.Model, tiny_run: TinyRun, beam_size: int):
    endless = keras.models.clone_model(model)
    endless.set_weights(model.get_weights())
    bias = endless.get_layer("decoder").output_projection.bias
    bias.assign(tf.tensor_scatter_nd_update(bias, [[END]], [-1e3]))
    strings = string_model(endless, tiny_run, beam_size, 1, length_ratio=0.5, length_offset=1)
    predictions = Predictor(strings, tiny_run.configuration.text).predict(["abab", "ab", "aaaaaaaa"])
    assert [len(prediction.target_tokens) for prediction in predictions] == [4, 3, 6]
    assert all(prediction.target_tokens[-1] == "</s>" for prediction in predictions)
    assert [prediction.limited for prediction in predictions] == [True] * 3


def test_more_outputs_than_there_are(model: keras.Model, tiny_run: TinyRun):
    strings = string_model(model, tiny_run, 3, 3, length_ratio=0, length_offset=0)
    outputs = strings.decode(tf.constant(["ab", "b"]))
    assert outputs["texts"].numpy().tolist() == [[b"", b"", b""]] * 2
    assert np.isfinite(outputs["scores"].numpy()).tolist() == [[True, False, False]] * 2
    [prediction, _] = Predictor(strings, tiny_run.configuration.text, 3).predict(["ab", "b"])
    assert (prediction.texts, prediction.target_tokens, len(prediction.scores)) == ([""], ["</s>"], 1)


def test_normalization_and_lowercase_come_first():
    configuration = Configuration(text=TextConfiguration(lowercase=True, target_tokenizer="space"))
    source = Vocabulary(["é", "ß"])
    untrained = build_model(tiny_configuration({}, model={"units": 4, "fast": False}).model, len(source), 6)
    strings = live_string_model(untrained, configuration, source, Vocabulary(["A", "B"]), 1, 1)
    [prediction] = Predictor(strings, configuration.text).predict([" E\u0301ẞ "])
    assert prediction.source_tokens == ["é", "ß", "</s>"]


def test_without_attention_it_looks_nowhere():
    configuration = tiny_configuration({}, model={"units": 4, "attention": "none"})
    vocabulary = Vocabulary(["a", "b"])
    untrained = build_model(configuration.model, len(vocabulary), len(vocabulary))
    for beam_size in (1, 2):
        strings = live_string_model(untrained, configuration, vocabulary, vocabulary, beam_size, 1)
        for prediction in Predictor(strings, configuration.text).predict(["ab", "a"]):
            assert prediction.attention.shape == (len(prediction.target_tokens), len(prediction.source_tokens))
            assert not prediction.attention.any()


def test_it_sees_the_weights_as_they_are_now(model: keras.Model, tiny_run: TinyRun):
    predictor = Predictor(string_model(model, tiny_run, 1, 1), tiny_run.configuration.text)
    before = predictor.predict(["aé"])[0]
    bias = model.get_layer("decoder").output_projection.bias
    kept = bias.numpy()
    try:
        bias.assign(np.where(np.arange(len(kept)) == END, 1e3, 0))
        assert predictor.predict(["aé"])[0].texts == [""]
    finally:
        bias.assign(kept)
    assert_same(predictor.predict(["aé"])[0], before)


class FakeModel:
    """Two inputs, three outputs asked for, two and one found."""

    def __init__(self) -> None:
        self.decode: Callable[[tf.Tensor], dict[str, tf.Tensor]] = lambda source: {
            "texts": tf.constant([["a", "b", ""], ["c", "", ""]]),
            "scores": tf.constant([[-1.0, -2.0, -np.inf], [-3.0, -np.inf, -np.inf]]),
            "rank_scores": tf.constant([[-0.5, -0.75, -np.inf], [-1.5, -np.inf, -np.inf]]),
            "source_tokens": tf.constant([["x", "</s>", ""], ["x", "y", "</s>"]]),
            "target_tokens": tf.constant(
                [[["a", "</s>"], ["b", "</s>"], ["", ""]], [["</s>", ""], ["", ""], ["", ""]]]
            ),
            "attention": tf.ones([2, 3, 2, 3]),
            "source_length": tf.constant([2, 3]),
            "target_length": tf.constant([[2, 2, 0], [1, 0, 0]]),
            "limited": tf.constant([[False, True, False], [True, False, False]]),
            "cut": tf.constant([False, True]),
            "invalid": tf.constant([True, False]),
            "unknown": tf.constant([0, 2]),
        }


@pytest.mark.parametrize(("n_best", "texts"), [(1, [["a"], ["c"]]), (2, [["a", "b"], ["c"]]), (3, [["a", "b"], ["c"]])])
def test_padding_and_missing_outputs_are_taken_off(n_best: int, texts: list[list[str]]):
    predictions = Predictor(FakeModel(), TextConfiguration(), n_best).predict(["x", "xy"])
    assert [prediction.texts for prediction in predictions] == texts
    assert [prediction.source_tokens for prediction in predictions] == [["x", "</s>"], ["x", "y", "</s>"]]
    assert [prediction.target_tokens for prediction in predictions] == [["a", "</s>"], ["</s>"]]
    assert [prediction.attention.shape for prediction in predictions] == [(2, 2), (1, 3)]
    tokens = [[hypothesis.tokens for hypothesis in prediction.hypotheses] for prediction in predictions]
    assert tokens == [[["a", "</s>"], ["b", "</s>"]][: len(texts[0])], [["</s>"]]]
    assert [prediction.rank_scores for prediction in predictions] == [[-0.5, -0.75][: len(texts[0])], [-1.5]]
    assert [prediction.limited_outputs for prediction in predictions] == [[False, True][: len(texts[0])], [True]]
    assert [prediction.limited for prediction in predictions] == [False, True]
    assert [prediction.cut for prediction in predictions] == [False, True]
    assert [prediction.invalid for prediction in predictions] == [True, False]
    assert [prediction.unknown for prediction in predictions] == [0, 2]


def test_it_keeps_its_model_alive(tiny_run: TinyRun):
    vocabulary = Vocabulary(["a", "b"])
    configuration = tiny_configuration({}, model={"units": 4, "fast": False})

    def make() -> Predictor:
        model = build_model(configuration.model, len(vocabulary), len(vocabulary))
        return Predictor(live_string_model(model, configuration, vocabulary, vocabulary, 1, 1), configuration.text)

    predictor = make()
    gc.collect()
    assert len(predictor.predict(["ab"])) == 1


def lengths(predictions: list[Prediction]) -> list[int]:
    """Without end symbols."""
    return [len(tokens) - 1 for prediction in predictions for tokens in [prediction.target_tokens]]


@pytest.mark.parametrize("beam_size", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_lengths_and_repetitions_may_be_restricted(model: keras.Model, tiny_run: TinyRun, beam_size: int):
    def predict(**search: Any) -> list[Prediction]:
        strings = string_model(model, tiny_run, beam_size, 1, **search)
        return Predictor(strings, tiny_run.configuration.text).predict(["aabaa", "é", ""])

    assert min(lengths(predict(min_length=7))) == 7
    assert lengths(predict(min_length=7, length_offset=0, length_ratio=1.0)) == [7, 7, 7]
    assert max(lengths(predict(max_length=2))) == 2
    free, blocked = predict()[0], predict(block_ngrams=1)[0]
    assert free.texts == ["A A B A A"]
    assert len(set(blocked.target_tokens)) == len(blocked.target_tokens)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_rank_scores_have_the_penalties(model: keras.Model, tiny_run: TinyRun, beam_size: int):
    strings = string_model(model, tiny_run, beam_size, beam_size, length_penalty=1.0, coverage_penalty=0.5)
    for prediction in Predictor(strings, tiny_run.configuration.text, beam_size).predict(["aé", "ßßb東", "b"]):
        assert prediction.rank_scores == sorted(prediction.rank_scores, reverse=True)
        for hypothesis in prediction.hypotheses:
            length, attention = (5 + len(hypothesis.tokens)) / 6, hypothesis.attention.sum(axis=0)
            uncovered = 0.5 * np.log(np.clip(attention, 1e-6, 1)).sum()
            assert hypothesis.rank_score == pytest.approx(hypothesis.score / length + uncovered, abs=1e-3)


def test_coverage_does_nothing_without_attention():
    vocabulary, found = Vocabulary(["a", "b"]), []
    for penalty in (0.0, 1.0):
        configuration = tiny_configuration(
            {}, model={"units": 4, "attention": "none"}, search={"coverage_penalty": penalty}
        )
        keras.utils.set_random_seed(1)
        untrained = build_model(configuration.model, len(vocabulary), len(vocabulary))
        strings = live_string_model(untrained, configuration, vocabulary, vocabulary, 3, 3)
        found.append(Predictor(strings, configuration.text, 3).predict(["ab", "a"]))
    for without, with_penalty in zip(*found, strict=True):
        assert with_penalty.texts == without.texts
        assert with_penalty.rank_scores == without.rank_scores == without.scores


@pytest.mark.parametrize("beam_size", quick([1, 3], 1))
def test_outputs_that_begin_with_a_prefix(model: keras.Model, tiny_run: TinyRun, beam_size: int):
    strings = string_model(model, tiny_run, beam_size, beam_size)
    predictor = Predictor(strings, tiny_run.configuration.text, beam_size)
    sources, prefixes = ["aé東", "bb", "ab", "a", "b"], ["A", "", "EAST EAST", "no", " A  B " * 20]
    predictions = predictor.predict(sources, prefixes=prefixes)
    assert predictions[0].texts[0] == "A É EAST"
    assert_same(predictions[1], predictor.predict(["bb"])[0])
    assert all(text.startswith("EAST EAST") for text in predictions[2].texts)
    assert predictions[3].target_tokens[0] == "<unk>"
    # Longer than the limit allows: the end comes at once.
    assert predictions[4].target_tokens == ["A", "B"] * 20 + ["</s>"]
    for source, prefix, prediction in zip(sources, prefixes, predictions, strict=True):
        assert_same(predictor.predict([source], prefixes=[prefix])[0], prediction)
        # The scores count the prefix.
        pairs = tf.fill([len(prediction.texts)], source), tf.constant(prediction.texts)
        np.testing.assert_allclose(strings.score(*pairs)["score"], prediction.scores, atol=1e-3)
    assert predictor.predict([], prefixes=[]) == []


def test_no_prefix_at_all_is_decoding(strings: StringModel):
    sources = tf.constant(["aé東", "bb", ""])
    found, expected = strings.complete(sources, tf.fill([3], "")), strings.decode(sources)
    flags = {"prefix_cut", "prefix_invalid", "prefix_unknown"}
    assert set(found) == set(expected) | flags
    assert found["texts"].numpy().tolist() == expected["texts"].numpy().tolist()
    np.testing.assert_allclose(found["scores"], expected["scores"], atol=1e-5)


@pytest.mark.slow
def test_samples_depend_on_source_and_seed_alone(model: keras.Model, tiny_run: TinyRun):
    def predict(sources: list[str], **search: Any) -> list[Prediction]:
        strings = string_model(model, tiny_run, 3, 3, method="sample", temperature=3.0, **search)
        return Predictor(strings, tiny_run.configuration.text, 3).predict(sources)

    sources = ["aé", "東東東東", "b", "bb"]
    together = predict(sources)
    for source, prediction in zip(sources, together, strict=True):
        assert len(prediction.texts) == 3
        assert prediction.rank_scores == prediction.scores == sorted(prediction.scores, reverse=True)
        assert_same(predict([source, "ab"])[0], prediction)
    assert [prediction.texts for prediction in predict(sources, seed=2)] != [each.texts for each in together]


def test_heads_come_where_they_are_asked_for():
    settings = {"attention": "multi_head_bahdanau", "attention_heads": 2, "units": 8, "embedding_units": 6}
    configuration = Configuration(model=ModelConfiguration(**settings))
    vocabulary = Vocabulary(["a", "b"])
    model = randomize(build_model(configuration.model, len(vocabulary), len(vocabulary)))
    predictor = Predictor(live_string_model(model, configuration, vocabulary, vocabulary, 2, 2), configuration.text)
    assert predictor.predict(["ab"])[0].attention_heads is None
    for prediction in predictor.predict(["ab", "b"], heads_apart=True):
        heads, mean = prediction.attention_heads, prediction.attention
        assert heads is not None
        assert heads.shape == (2, *mean.shape)
        np.testing.assert_allclose(heads.mean(axis=0), mean, atol=1e-6)


@pytest.mark.slow
def test_a_lexicon_answers_before_the_network(
    model: keras.Model, strings: StringModel, predictor: Predictor, tiny_run: TinyRun
):
    with_lexicon = string_model(model, tiny_run, beam_size=3, n_best=3)
    with_lexicon.lexicon = LexiconTable({"ab": ["X", "Y"], "é": ["1", "2", "3", "4"]}, n_best=3)
    asked = Predictor(with_lexicon, tiny_run.configuration.text, n_best=3)
    sources = ["ab", "ba", " e\u0301 ", "ab" * 10]
    found = asked.predict(sources)
    assert [one.answered_by for one in found] == ["lexicon", "model", "lexicon", "model"]
    assert [found[0].texts, found[2].texts] == [["X", "Y"], ["1", "2", "3"]]
    assert (found[0].scores, found[0].limited, found[0].target_tokens) == ([0.0, 0.0], False, [])
    assert found[0].attention.shape == (0, 3)
    for place in (1, 3):
        [alone] = predictor.predict(sources[place])
        assert (alone.texts, alone.answered_by) == (found[place].texts, None)
        np.testing.assert_allclose(alone.attention, found[place].attention, atol=1e-6)
    [single] = asked.predict("ab")
    assert (single.texts, single.answered_by) == (["X", "Y"], "lexicon")
    [begun] = asked.predict("ab", prefixes="A")
    assert (begun.texts[0], begun.answered_by) == ("A B", None)
    assert asked.score("ab", "A B").score == pytest.approx(predictor.score("ab", "A B").score)
