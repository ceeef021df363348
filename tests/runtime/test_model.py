"""A folder's answers are the run's: text, scores, symbols, attention, flags; here with a search by TensorFlow."""

import functools
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.hostile_folder import examine
from benchmarks.hostile_strings import make_string
from pipeline.answering.predictions import PairScores, Prediction
from pipeline.errors import DataError, UsageError
from pipeline.model.network import SingleNetwork
from pipeline.model.sequence_to_sequence import build_model
from pipeline.prediction.predictor import Predictor
from pipeline.prediction.string_model import StringModel
from pipeline.prediction.unknown_symbols import UnknownReplacement
from pipeline.runtime.model import Model
from pipeline.runtime.unknown import Replacement, replace_unknown
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TOKENIZER_KINDS, TextConfiguration
from pipeline.text.processor import make_texts
from pipeline.text.subwords import learn_sentence_pieces
from pipeline.text.vocabulary import Vocabulary, copied_ids
from pipeline.unicode.normal_forms import FormCounts
from tests.layer_contract import randomize
from tests.plain_engine import SearchInTensorFlow, folder_of
from tests.quick_cases import quick

# How all are read is the matter of `tests/plain_text`.
TOKENIZERS = [
    name if name in ("char", "bpe") else pytest.param(name, marks=pytest.mark.slow) for name in TOKENIZER_KINDS
]
DICTIONARY = {"a": "[A]", "é": ""}
WRITTEN_APART = FormCounts(9, 2, 8)


def make_vocabulary(tokenizer: str) -> Vocabulary:
    if TOKENIZER_KINDS[tokenizer].bytewise:
        model, pieces = learn_sentence_pieces(["a cat sat on a mat", "東京 é"] * 20, tokenizer, 300)
        return Vocabulary(pieces, model, WRITTEN_APART)
    symbols = {
        "char": [*"abcé \t東"],
        "space": ["a", "cat", "é", "ab"],
        "wordpiece": ["a", "c", "##a", "##t", "##b", "é"],
    }
    return Vocabulary(symbols[tokenizer], None, WRITTEN_APART)


@functools.cache
def make_both(
    tokenizer: str,
    form: str = "nfc",
    heads: int = 1,
    sides: tuple[tuple[str, str], ...] = (),
    copy: bool = False,
    **search: Any,
) -> tuple[Predictor, Model]:
    """An untrained network as a run has it and as a folder has it."""
    vocabulary = make_vocabulary(tokenizer)
    text = TextConfiguration(tokenizer, tokenizer, normalization=form, **dict(sides))
    attention = {"attention": "multi_head_bahdanau", "attention_heads": heads} if heads > 1 else {}
    settings = ModelConfiguration(units=8, embedding_units=6, attention_units=8, copy=copy, **attention)
    model = build_model(settings, len(vocabulary), len(vocabulary))
    randomize(model)
    network = SingleNetwork(model)
    how = SearchConfiguration(**{"beam_size": 3, "length_ratio": 1.0, "length_offset": 3, **search})
    replacement = UnknownReplacement(DICTIONARY) if how.replace_unknown else None
    if copy:
        replacement = UnknownReplacement(None, copied_ids(vocabulary, vocabulary), how.replace_unknown)
    texts = make_texts(text, vocabulary, vocabulary)
    strings = StringModel(network, *texts, how, how.beam_size, 12, replacement)
    folder = folder_of(strings, text)._replace(dictionary=DICTIONARY if replacement and not copy else None)
    plain = Model.of(folder, SearchInTensorFlow(strings))
    return Predictor(strings, text, how.beam_size, replacement is not None), plain


def assert_same(run: Prediction, folder: Prediction) -> None:
    assert folder.texts == run.texts
    assert folder.source_tokens == run.source_tokens
    assert [one.tokens for one in folder.hypotheses] == [one.tokens for one in run.hypotheses]
    np.testing.assert_allclose(folder.scores, run.scores, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(folder.rank_scores, run.rank_scores, rtol=1e-5, atol=1e-5)
    assert folder.limited_outputs == run.limited_outputs
    for mine, other in zip(folder.hypotheses, run.hypotheses, strict=True):
        assert mine.attention.dtype == np.float32
        np.testing.assert_allclose(mine.attention, other.attention, atol=1e-5)
    assert (folder.attention_heads is None) == (run.attention_heads is None)
    if run.attention_heads is not None:
        np.testing.assert_allclose(folder.attention_heads, run.attention_heads, atol=1e-5)
    names = ("cut", "invalid", "unknown", "prefix_cut", "prefix_unknown")
    assert [getattr(folder, name) for name in names] == [getattr(run, name) for name in names]


SOURCES: list[str | bytes] = ["a cat", "", "ab é", "東x", b"a\xffb", "a" * 30, "e\u0301 a\tb", "\ud800"]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_folder_answers_as_its_run_does(tokenizer: str):
    run, folder = make_both(tokenizer)
    chance = random.Random(2)
    sources = [*SOURCES, *(make_string(chance, 500) for _ in range(12))]
    for mine, other in zip(folder.predict(sources), run.predict(sources), strict=True):
        assert_same(other, mine)
    prefixes = ["", "a", "cat x", "é a", "\0", "a" * 5, "b", "東"]
    for mine, other in zip(
        folder.predict(SOURCES, prefixes=prefixes), run.predict(SOURCES, prefixes=prefixes), strict=True
    ):
        assert_same(other, mine)


@pytest.mark.parametrize("form", ["none", "nfd", "nfkc"])
def test_outputs_stand_as_the_targets_did(form: str):
    run, folder = make_both("char", form)
    for mine, other in zip(folder.predict(SOURCES), run.predict(SOURCES), strict=True):
        assert_same(other, mine)


def test_each_side_is_read_in_its_own_way():
    sides = {"source_separator": "|", "target_separator": "-", "target_normalization": "nfc"}
    run, folder = make_both("space", "nfd", sides=tuple(sides.items()), length_offset=6)
    sources = [*SOURCES, "a|cat", "a | cat||é", "|", "a-cat|x y"]
    for given in (None, ["a-cat", "é", "e\u0301-", "a cat", "--", ""] * 2):
        for mine, other in zip(
            folder.predict(sources, prefixes=given), run.predict(sources, prefixes=given), strict=True
        ):
            assert_same(other, mine)
    [read] = folder.predict(["a | cat||e\u0301|x y"])
    assert read.source_tokens == ["a", "cat", "e\u0301", "x y", "</s>"]
    assert read.unknown == 2  # the vocabulary has é, and sources are taken apart
    [begun] = folder.predict(["a"], prefixes=["cat-ab-e\u0301"])
    assert all(text == "cat-ab-e\u0301" or text.startswith("cat-ab-e\u0301-") for text in begun.texts)
    assert begun.prefix_unknown == 0
    scores = [one.score(["a"] * 3, ["a-cat", "a cat", "a--é-"]) for one in (run, folder)]
    np.testing.assert_allclose(scores[1].score, scores[0].score, rtol=1e-5)
    assert scores[0].target_length.tolist() == scores[1].target_length.tolist() == [3, 2, 3]
    assert scores[0].target_unknown.tolist() == scores[1].target_unknown.tolist() == [0, 1, 0]


@pytest.mark.parametrize("beam_size", [1, 2])
def test_unknown_symbols_are_replaced_as_the_run_does(beam_size: int):
    run, folder = make_both("char", replace_unknown=True, beam_size=beam_size, min_length=3)
    assert folder.copies_unknown
    found = folder.predict(SOURCES)
    for mine, other in zip(found, run.predict(SOURCES), strict=True):
        assert_same(other, mine)


@pytest.mark.parametrize("always", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_what_is_copied_is_told_and_shown_as_the_run_does(always: bool):
    run, folder = make_both("char", heads=2, copy=True, replace_unknown=always, min_length=3)
    assert folder.copies_unknown
    expected = run.predict(SOURCES, heads_apart=True)
    for mine, theirs in zip(folder.predict(SOURCES, heads_apart=True), expected, strict=True):
        assert_same(theirs, mine)
        assert mine.copied is not None
        np.testing.assert_allclose(mine.copied, theirs.copied, atol=1e-6)
    assert folder.predict(["ab"])[0].copied is None


def test_what_can_have_been_copied_comes_first():
    weights = np.array([[0.6, 0.3, 0.1]])

    def as_unknown(symbols: Sequence[str]) -> list[bool]:
        return [symbol == "ж" for symbol in symbols]

    for always, others, shown in [(False, "ж", "ж"), (True, "ж", "ж"), (False, "a", "<unk>"), (True, "a", "a")]:
        replacement = Replacement({}, as_unknown, always)
        assert replace_unknown([3], ["<unk>"], weights, ["a", others], replacement) == [shown]
        ids = tf.constant([[4, 3 if others == "ж" else 4, 2]])
        in_graph = UnknownReplacement(None, [-1, -1, -1, 3, 4], always)(
            tf.constant([[[3]]]),
            tf.constant([[["<unk>"]]]),
            tf.constant(weights[None, None], tf.float32),
            tf.constant([["a", others, "</s>"]]),
            tf.constant([3]),
            ids,
        )
        assert in_graph.numpy().tolist() == [[[shown.encode()]]]


def test_heads_are_told_apart():
    run, folder = make_both("char", heads=2)
    for mine, other in zip(
        folder.predict(["ab"], heads_apart=True), run.predict(["ab"], heads_apart=True), strict=True
    ):
        assert other.attention_heads is not None
        assert_same(other, mine)
    assert folder.predict(["ab"])[0].attention_heads is None


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_folder_knows_its_symbols_as_its_run_does(tokenizer: str):
    run, folder = make_both(tokenizer)
    symbols = ["a", "\t", "A", "é", "e\u0301", "0", "x", "##a", "a b", "cat", " ", "\u0301"]
    assert folder.known.lacking_in_source(symbols) == run.known.lacking_in_source(symbols)
    assert folder.known.lacking_in_target(symbols) == run.known.lacking_in_target(symbols)
    assert folder.known.reads_tab == run.known.reads_tab
    assert folder.known.hint_at_source(["A"]) == run.known.hint_at_source(["A"])


TARGETS: list[str | bytes] = ["a cat", "", "é b", "x東", b"a\xffb", "ab" * 20, "e\u0301 a\tb", "\ud800"]


def assert_same_scores(folder: PairScores, run: PairScores) -> None:
    np.testing.assert_allclose(folder.score, run.score, rtol=1e-5, atol=1e-4)
    assert [part.tolist() for part in folder[1:]] == [part.tolist() for part in run[1:]]
    assert [part.dtype for part in folder] == [part.dtype for part in run]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_given_targets_have_the_score_that_the_run_gives_them(tokenizer: str):
    run, folder = make_both(tokenizer)
    assert_same_scores(folder.score(SOURCES, TARGETS), run.score(SOURCES, TARGETS))
    tokens: list[list[str]] = [[], ["a", "é"], ["x", "", "cat"], ["</s>", "a"], ["\ud800"], ["b"] * 30, ["##a"], ["\0"]]
    assert_same_scores(folder.score_tokens(SOURCES, tokens), run.score_tokens(SOURCES, tokens))
    for model in (folder, run):
        assert [len(part) for part in model.score([], [])] == [0] * 6
        assert [len(part) for part in model.score_tokens([], [])] == [0] * 6
        assert model.score("ab", "a").score.shape == (1,)
        with pytest.raises(ValueError, match="2 sources, but 1 target; give one for each"):
            model.score(["a", "b"], ["a"])
        with pytest.raises(TypeError, match=r"targets\[0\]: 'ab' is not cut into symbols"):
            model.score_tokens(["a"], ["ab"])


@pytest.mark.parametrize(
    "search",
    quick(
        [
            {"beam_size": 1},
            {"beam_size": 1, "block_ngrams": 1, "min_length": 3},
            {"length_penalty": 1.0, "coverage_penalty": 0.3, "block_ngrams": 1},
            {"min_length": 4, "max_length": 4},
            {"length_ratio": 0.0, "length_offset": 0},
            {"replace_unknown": True},
        ],
        *(1, 2, 4),
    ),
)
def test_no_setting_of_the_search_touches_a_score(search: dict[str, Any]):
    run, folder = make_both("char", **search)
    assert_same_scores(folder.score(SOURCES, TARGETS), run.score(SOURCES, TARGETS))


def test_what_is_no_string_is_refused():
    _, folder = make_both("char")
    with pytest.raises(TypeError, match=r"sources\[1\]: 3 is no string"):
        folder.predict(["a", 3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="2 sources, but 1 prefix; give one for each"):
        folder.predict(["a", "b"], prefixes=["a"])
    with pytest.raises(UsageError, match="exported with --n-best 3; export again with --n-best 4"):
        folder.predict(["a"], n_best=4)
    assert [len(one.texts) for one in folder.predict("ab", n_best=2)] == [2]
    seen: list[int] = []
    assert folder.predict([], on_progress=seen.append) == []
    folder.predict(["a", "b"], on_progress=seen.append)
    assert sum(seen) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokens", np.full([3, 4], 99, np.int32)),
        ("tokens", np.full([3, 4], -1, np.int32)),
        ("tokens", np.zeros([3], np.int32)),
        ("scores", None),
        ("lengths", np.array([], np.int32)),
        ("attention", np.zeros([2], np.float32)),
    ],
)
def test_a_model_that_answers_otherwise_is_refused(name: str, value: np.ndarray | None):
    _, folder = make_both("char")
    engine = folder.engine

    class Strange:
        def run(self, source: np.ndarray, prefix: np.ndarray) -> dict[str, np.ndarray]:
            found = {**engine.run(source, prefix), name: value}
            return {key: array for key, array in found.items() if array is not None}

    with pytest.raises(DataError, match="answers as no export's does"):
        Model.of(folder.folder, Strange()).predict(["ab"])


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_hostile_strings_have_the_same_answers_and_flags(tokenizer: str):
    run, folder = make_both(tokenizer)
    result = examine(run, folder, inputs=200, seed=5)
    assert (result["inputs"], result["findings"]) == (200, [])
