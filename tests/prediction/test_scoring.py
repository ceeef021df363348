"""How probable targets are: what the search found has the search's score, whoever is asked."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.answering.predictions import AnswersStrings
from pipeline.errors import DataError
from pipeline.pairs.pair_file import Pair
from pipeline.prediction.scoring import score_pairs, split_tokens
from pipeline.saved_models.loading import load_predictor
from pipeline.saved_models.opening import load
from tests.quick_cases import quick
from tests.tiny_task import TinyRun, make_sources

SOURCES = [*make_sources(40, seed=3), "x?", "aaaaaaaaaaaa"]


@pytest.fixture(scope="module", params=quick(["tiny_run", "tiny_export", "tiny_folder"], 1))
def predictor(request: pytest.FixtureRequest) -> AnswersStrings:
    place = request.getfixturevalue(request.param)
    return load(place.path if isinstance(place, TinyRun) else place, n_best=None)


def test_what_the_search_found_has_its_score(predictor: AnswersStrings):
    predictions = predictor.predict(SOURCES)
    found = [
        (Pair(source, " ".join(hypothesis.tokens), 1), hypothesis.score)
        for source, prediction in zip(SOURCES, predictions, strict=True)
        for hypothesis in prediction.hypotheses
    ]
    assert len(found) > 2 * len(SOURCES)
    scores = list(score_pairs(predictor, [pair for pair, _ in found], tokens=True))
    np.testing.assert_allclose(scores, [score for _, score in found], atol=1e-4)


@pytest.mark.slow
def test_greedy_search_as_well(tiny_run: TinyRun):
    predictor = load_predictor(tiny_run.path, beam_size=1)
    predictions = predictor.predict(SOURCES)
    pairs = [Pair(source, " ".join(found.target_tokens), 1) for source, found in zip(SOURCES, predictions, strict=True)]
    np.testing.assert_allclose(
        list(score_pairs(predictor, pairs, tokens=True)), [found.scores[0] for found in predictions], atol=1e-4
    )


def test_text_is_cut_first(predictor: AnswersStrings):
    pairs = [Pair("ab", "A  B", 1), Pair("aß", "A S S", 2)]
    tokens = [Pair("ab", "A B </s>", 1), Pair("aß", "A S S", 2)]
    by_text, by_tokens = (list(score_pairs(predictor, given, cut)) for given, cut in ((pairs, False), (tokens, True)))
    np.testing.assert_allclose(by_text, by_tokens, atol=1e-6)
    assert all(score < 0 for score in by_text)


def test_order_and_company_do_not_matter(predictor: AnswersStrings):
    pairs = [Pair(source, "A B", 1) for source in SOURCES]
    alone = [next(score_pairs(predictor, [pair])) for pair in pairs[:5]]
    np.testing.assert_allclose(list(score_pairs(predictor, pairs))[:5], alone, atol=1e-5)
    assert list(score_pairs(predictor, [])) == []


def test_what_is_right_is_more_probable(predictor: AnswersStrings):
    right, wrong = score_pairs(predictor, [Pair("abab", "A B A B", 1), Pair("abab", "B B A A", 1)])
    assert right > wrong


def test_signatures_of_an_export(tiny_run: TinyRun):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(tiny_run.path / "export"))
    sources, targets = tf.constant(["ab", "é"]), tf.constant(["A B", "É"])
    plain = loaded.signatures["score"](source=sources, target=targets)
    cut = loaded.signatures["score_tokens"](source=sources, target_tokens=tf.constant([["A", "B"], ["É", ""]]))
    np.testing.assert_allclose(plain["score"], cut["score"], atol=1e-6)
    assert plain["target_length"].numpy().tolist() == [3, 2]


@pytest.mark.parametrize("place", ["tiny_run", "tiny_folder"])
def test_a_command(
    place: str,
    tiny_run: TinyRun,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    asked = tiny_run.path if place == "tiny_run" else request.getfixturevalue(place)
    from pipeline.commands.main import main

    path = tmp_path / "pairs.tsv"
    path.write_text("ab\tA B\nß\tS S\n", encoding="utf-8")
    assert main(["score", str(asked), str(path)]) == 0
    said = [float(line) for line in capsys.readouterr().out.splitlines()]
    wanted = list(score_pairs(load_predictor(tiny_run.path), [Pair("ab", "A B", 1), Pair("ß", "S S", 2)]))
    np.testing.assert_allclose(said, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("target", "symbols"),
    [
        ("a b", ["a", "b"]),
        ("▁a b </s>", ["▁a", "b"]),
        ("</s>", []),
        ("</s> a", ["</s>", "a"]),
        (r"\u{20} \\", [" ", "\\"]),
    ],
)
def test_tokens_as_they_are_written(target: str, symbols: list[str]):
    assert split_tokens(target) == symbols


@pytest.mark.parametrize("token", [r"\u{110000}", r"\u{d800}", r"\u{ffffffffffff}"])
def test_what_is_no_symbol_is_named_with_its_line(predictor: AnswersStrings, token: str):
    pairs = [Pair("a", "A", 1), Pair("b", f"A {token}", 7)]
    with pytest.raises(DataError, match=r"^my\.tsv:7: not a symbol \(.*\); write symbols as predict --json"):
        list(score_pairs(predictor, pairs, tokens=True, location="my.tsv"))


def test_odd_text_has_a_score(predictor: AnswersStrings):
    odd = ["a\0b", "\0", "\ufeff", "👩🏽‍🚀", "\u2028x\u0085", "e" + "\u0301" * 1000, "שלום", "a" * 5000, "\uffff"]
    pairs = [Pair(text, text, line) for line, text in enumerate(odd, 1)]
    for tokens in (False, True):
        assert np.isfinite(list(score_pairs(predictor, pairs, tokens))).all()
    assert len(predictor.predict(odd)) == len(odd)


# What is said


def test_what_the_model_lacks_is_named(predictor: AnswersStrings, caplog: pytest.LogCaptureFixture):
    pairs = [Pair("aX", "A1 B", 1), Pair("b", "B0", 2), Pair("é", "É", 3)]
    assert len(list(score_pairs(predictor, pairs))) == 3
    assert caplog.messages == [
        "1 of 3 sources has symbols that training lacks ('X'): it was scored all the same",
        "2 of 3 targets hold symbols that the model cannot write (B0, A1): each is scored as <unk>, and the score "
        "tells little; the model has 'B' for B0: give them without digits",
    ]
    caplog.clear()
    list(score_pairs(predictor, [Pair("a", "A b </s>", 1)], tokens=True))
    assert "1 of 1 target holds symbols that the model cannot write ('b')" in caplog.text
    caplog.clear()
    list(score_pairs(predictor, [Pair("a", "A", 1)]))
    assert not caplog.messages


def test_cut_targets_and_sources_are_told(predictor: AnswersStrings, caplog: pytest.LogCaptureFixture):
    list(score_pairs(predictor, [Pair("a" * 17, "A " * 1025, 1)]))
    assert caplog.messages == [
        "1 target is longer than any output: cut, and the score is of what is left",
        "1 source is longer than the model reads: it was cut, scored all the same",
    ]


def test_swapped_columns_are_told(predictor: AnswersStrings, caplog: pytest.LogCaptureFixture):
    list(score_pairs(predictor, [Pair("EAST A", "東a", 1), Pair("B", "b", 2)]))
    assert caplog.messages[0].startswith("sources and targets look swapped")
