import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipeline.answering.predictions import Hypothesis, Prediction
from pipeline.errors import DataError
from pipeline.evaluation.evaluate import evaluate_file, evaluate_pairs, score_predictions
from pipeline.evaluation.scores import SentenceScores, SymbolScores
from pipeline.pairs import locations
from pipeline.pairs.pair_file import Pair
from pipeline.plain_text.cutting import split_targets
from pipeline.prediction.predictor import Predictor
from pipeline.saved_models.loading import load_predictor
from pipeline.settings.text import TextConfiguration
from tests.tiny_task import TinyRun

SPACE = TextConfiguration(target_tokenizer="space")


def prediction(*texts: str, cut: bool = False) -> Prediction:
    return Prediction([Hypothesis(text, -1.0, [], np.zeros((0, 0))) for text in texts], [], cut)


class KnowsEverything:
    """A model that lacks no symbol."""

    def score(self, source: tf.Tensor, target: tf.Tensor) -> dict[str, tf.Tensor]:
        none, long = tf.zeros_like(source, tf.int32), tf.strings.length(target) + 1
        uncut = {"cut": tf.zeros_like(source, tf.bool), "target_cut": tf.zeros_like(source, tf.bool)}
        # What ends in a full stop is a target, and improbable from another.
        likely = tf.strings.regex_full_match(target, r".*\.") | ~tf.strings.regex_full_match(source, r".*\.")
        per_symbol = tf.where(likely, -1.0, -6.0)
        score = per_symbol * tf.cast(long, tf.float32)
        return {**uncut, "unknown": none, "target_unknown": none, "score": score, "target_length": long}

    score_tokens = score


class FakePredictor(Predictor):
    """Says what the table says, and nothing where it has no entry."""

    def __init__(self, table: dict[str, Prediction], text: TextConfiguration = SPACE) -> None:
        super().__init__(KnowsEverything(), text)  # type: ignore[arg-type]
        self.table = table
        self.asked: list[str] = []

    def predict(self, sources: Sequence[str], on_progress: Callable[[int], None] | None = None) -> list[Prediction]:
        self.asked += sources
        if on_progress:
            on_progress(len(sources))
        return [self.table.get(source, prediction()) for source in sources]


# From strings


def test_both_sides_are_normalized_alike():
    text = TextConfiguration(lowercase=True, normalization="nfkc")
    references = [["E\u0301ﬁ"], ["STRASSE"]]
    assert score_predictions([prediction("éFI"), prediction("straße")], references, text) == SymbolScores(
        2, 50, 200 / 10
    )
    assert score_predictions([prediction("éfi"), prediction("x")], references, TextConfiguration()).wer == 100


def test_blanks_between_symbols_do_not_matter():
    assert score_predictions([prediction("K  AE T")], [["K AE\tT "]], SPACE) == SymbolScores(1, 0, 0)
    assert split_targets(["K  AE", "", " T"], SPACE) == [["K", "AE"], [], ["T"]]
    assert split_targets(["K é"], TextConfiguration()) == [["K", " ", "é"]]


def test_no_output_at_all_counts_as_empty():
    assert score_predictions([prediction()], [["K AE"]], SPACE) == SymbolScores(1, 100, 100)


def test_only_the_best_output_counts():
    assert score_predictions([prediction("A", "K")], [["K"]], SPACE).wer == 100


# Pairs and files


def test_a_source_on_several_lines_is_decoded_once_and_may_be_any_of_them():
    predictor = FakePredictor({"read": prediction("R EH D"), "cat": prediction("K AE")})
    pairs = [Pair("read", "R IY D", 1), Pair("cat", "K AE T", 2), Pair("read", "R EH D", 3), Pair("read", "R IY D", 4)]
    scores, predictions = evaluate_pairs(predictor, pairs, "dev")
    assert predictor.asked == ["read", "cat"]
    assert [found.texts for found in predictions] == [["R EH D"], ["K AE"]]
    assert scores == SymbolScores(2, 50, 100 / 6)


def test_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture):
    path = tmp_path / "mine.tsv"
    path.write_text("cat\tK AE T\ndog\tD AO G\n")
    predictor = FakePredictor({"cat": prediction("K AE T"), "dog": prediction("D AO", cut=True)})
    with caplog.at_level(logging.INFO):
        result = evaluate_file(predictor, str(path))
    assert result == {"split": "mine.tsv", "n": 2, "wer": 50.0, "per": 16.6667, "wer_interval": [9.4531, 90.5469]}
    assert capsys.readouterr().out == ""
    assert caplog.messages == [
        f"{path}: source is column 1 ('cat'), target column 2 ('K AE T')",
        "1 source is longer than the model reads: it was cut, decoded and counted",
        "the figures rest on 2 sources: with 95 % confidence WER lies between 9.5 and 90.5 %",
    ]


def test_outputs_that_skip_or_repeat_parts_of_their_sources_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    path = tmp_path / "mine.tsv"
    path.write_text("".join(f"{source}\tX\n" for source in "abc"))
    looks = {"a": [0, 1, 2, 3, 4, 5], "b": [0, 4, 5], "c": [0, 4, 0, 5]}
    table = {
        source: Prediction([Hypothesis("X", -1.0, [], np.eye(6, dtype="float32")[places])], [])
        for source, places in looks.items()
    }
    with caplog.at_level(logging.INFO):
        result = evaluate_file(FakePredictor(table), str(path))
    assert (result["skipped_source"], result["repeated_source"]) == (2, 1)
    assert "by its attention, 2 outputs skip part of the source, 1 output looks again at a part" in caplog.text


def test_sources_that_the_model_cannot_tell_apart_are_one():
    text = TextConfiguration(target_tokenizer="space", lowercase=True)
    predictor = FakePredictor({"Cat": prediction("k ae t")}, text)
    scores, _ = evaluate_pairs(predictor, [Pair("Cat", "K AE", 1), Pair("cat", "K AE T", 2)], "dev")
    assert predictor.asked == ["Cat"]
    assert scores == SymbolScores(1, 0, 0)


def test_a_built_in_corpus_means_its_test_split(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    roles = []

    def read(role: str, bad: object) -> list[Pair]:
        roles.append(role)
        return [Pair("cat", "K", 1)]

    monkeypatch.setitem(locations.BUILT_IN, "cmudict", read)
    result = evaluate_file(FakePredictor({"cat": prediction("X")}), "cmudict")
    assert (result["split"], result["n"], result["wer"], result["per"]) == ("test", 1, 100.0, 100.0)
    assert roles == ["test"]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_file_that_cannot_be_read(tmp_path: Path):
    path = tmp_path / "bad.tsv"
    path.write_text("cat\tK\nno tab\n")
    with pytest.raises(DataError, match=r"bad\.tsv:2: no TAB"):
        evaluate_file(FakePredictor({}), str(path))


def test_a_name_that_is_no_file_may_be_meant_as_a_corpus():
    with pytest.raises(DataError, match=r"^cmudikt: no such file, and no built-in corpus of that name \(cmudict\)"):
        evaluate_file(FakePredictor({}), "cmudikt")


def test_a_pipe_is_read_but_once():
    reading, writing = os.pipe()
    os.write(writing, b"cat\tK AE T\n")
    os.close(writing)
    assert evaluate_file(FakePredictor({"cat": prediction("K AE T")}), f"/dev/fd/{reading}")["wer"] == 0
    os.close(reading)


# Sentences


def test_every_line_of_sentences_counts():
    text = TextConfiguration(target_tokenizer="bpe")
    predictor = FakePredictor({"ein Hund": prediction("a dog runs by the sea")}, text)
    pairs = [Pair("ein Hund", "a dog runs by the sea", 1), Pair("ein Hund", "one dog swims in the lake", 2)]
    scores, predictions = evaluate_pairs(predictor, pairs, "dev")
    assert isinstance(scores, SentenceScores)
    assert (scores.n, scores.sequence_error_rate, len(predictions)) == (2, 50, 2)
    assert 40 < scores.bleu < 70


def test_symbols_measured_as_sentences(tmp_path: Path):
    path = tmp_path / "mine.tsv"
    path.write_text("x\tA B C D E\n")
    result = evaluate_file(FakePredictor({"x": prediction("A B C D E")}), str(path), "given")
    assert (round(result["bleu"]), result["ter"], result["sequence_error_rate"]) == (100, 0, 0)
    assert "tok:none" in result["signature"]
    assert "wer" not in result


def test_lowercase_models_are_measured_without_case():
    text = TextConfiguration(target_tokenizer="unigram", lowercase=True)
    scores = score_predictions([prediction("ein hund rennt am strand")], [["Ein Hund rennt am Strand"]], text)
    assert isinstance(scores, SentenceScores)
    assert (round(scores.bleu), round(scores.chrf), scores.ter, scores.sequence_error_rate) == (100, 100, 0, 0)
    assert "case:lc" in scores.signature


@pytest.mark.parametrize(
    ("target", "tokens", "warned"), [("ein hund .", "", True), ("Ein Hund.", "", False), ("ein hund .", "given", False)]
)
def test_tokenized_references_are_told(target: str, tokens: str, warned: bool, caplog: pytest.LogCaptureFixture):
    text = TextConfiguration(target_tokenizer="bpe")
    evaluate_pairs(FakePredictor({}, text), [Pair("a dog", target, 1)] * 3, "test", tokens)
    assert ("--bleu-tokens given" in caplog.text) == warned
    assert "detokenize" not in caplog.text


# What no output can equal, and what training lacks


@pytest.fixture(scope="module", params=["live", "export"])
def tiny(request: pytest.FixtureRequest, tiny_run: TinyRun) -> Predictor:
    return load_predictor(tiny_run.path if request.param == "live" else tiny_run.path / "export")


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([("ab", "A B"), ("é", "E\u0301")], None),
        (
            [("ab", "a b"), ("b", "B")],
            "1 of 2 references holds symbols that the model cannot write ('a', 'b'): no output",
        ),
        ([("ab", "A1 B0"), ("b", "B2")], "2 of 2 references hold symbols that the model cannot write (A1, B0, B2)"),
        (
            [("東", "EAST WEST"), ("東", "East")],
            "2 of 2 references hold symbols that the model cannot write (WEST, East)",
        ),
    ],
)
def test_references_that_no_output_can_equal_are_named(
    tiny: Predictor, caplog: pytest.LogCaptureFixture, pairs: list[tuple[str, str]], said: str | None
):
    evaluate_pairs(tiny, [Pair(*pair, 1) for pair in pairs], "test")
    assert (said in caplog.text) if said else not caplog.messages


def test_the_form_that_the_model_writes_is_named(tiny: Predictor, caplog: pytest.LogCaptureFixture):
    evaluate_pairs(tiny, [Pair("ab", "a b", 1)], "test")
    evaluate_pairs(tiny, [Pair("ab", "A1 B0", 1)], "test")
    lower, digits = caplog.messages
    assert lower.endswith("; the model has 'A' for 'a': give them in upper case")
    assert digits.endswith("; the model has 'A' for A1: give them without digits")


def test_copied_symbols_may_be_outputs(tiny: Predictor, caplog: pytest.LogCaptureFixture):
    copies = Predictor(tiny.model, tiny.text, copies_unknown=True)
    evaluate_pairs(copies, [Pair("ab", "A x", 1)], "test")
    assert "an output equals them only where it copies" in caplog.text


def test_sources_with_unknown_symbols_are_named(tiny: Predictor, caplog: pytest.LogCaptureFixture):
    evaluate_pairs(tiny, [Pair("AB", "A B", 1), Pair("a", "A", 2), Pair("É A", "A", 3)], "test")
    assert caplog.messages == [
        "2 of 3 sources have symbols that training lacks ('A' ×2, 'B', 'É', ' '): they were decoded and counted; "
        "the model has 'a' for 'A': give them in lower case"
    ]


def test_swapped_columns_are_told(tiny: Predictor, caplog: pytest.LogCaptureFixture):
    pairs = [Pair("A B", "ab", 1), Pair("EAST", "東", 2), Pair("S S", "ß", 3)]
    evaluate_pairs(tiny, pairs, "test")
    assert caplog.messages[0].startswith("sources and targets look swapped: the model reads the second column")
    caplog.clear()
    evaluate_pairs(tiny, [Pair(pair.target, pair.source, pair.line) for pair in pairs], "test")
    assert not caplog.messages


@pytest.mark.parametrize("form", ["nfc", "nfd", "nfkc", "nfkd"])
def test_figures_do_not_depend_on_the_normal_form(form: str):
    text = TextConfiguration(normalization=form, target_tokenizer="char")  # type: ignore
    # One composed symbol of two is wrong, whatever the model wrote it with.
    scores = score_predictions([prediction("각e\u0301")], [["각è"]], text)
    assert isinstance(scores, SymbolScores)
    assert (scores.wer, scores.per) == (100, 50)
    assert score_predictions([prediction("각e\u0301")], [["각é"]], text).figures["wer"] == 0
    sentences = TextConfiguration(normalization=form, target_tokenizer="bpe")  # type: ignore
    written, wanted = (
        "Nun, das e\u0301tait ein Satz mit vier Wo\u0308rtern.",
        "Nun, das était ein Satz mit vier Wörtern.",
    )
    for outputs, references in ([written], [[wanted]]), ([wanted], [[written]]):
        scores = score_predictions([prediction(output) for output in outputs], references, sentences)
        assert scores.figures["bleu"] == pytest.approx(100)


def test_targets_are_compared_in_their_own_form_and_cut_at_their_separator():
    text = TextConfiguration("char", "space", normalization="nfkd", target_normalization="nfd", target_separator="-")
    scores = score_predictions([prediction("e\u0301-New York-ﬁ")], [["é - New York--fi"]], text)
    assert isinstance(scores, SymbolScores)
    assert (scores.wer, scores.per) == (100, pytest.approx(100 / 3))
    assert score_predictions([prediction("e\u0301-a")], [["é - a-"]], text).figures["wer"] == 0


def test_swapped_sentences_are_told_by_their_probability(caplog: pytest.LogCaptureFixture):
    predictor = FakePredictor({}, TextConfiguration(source_tokenizer="bpe", target_tokenizer="bpe"))
    pairs = [Pair("ein Hund", "a dog.", 1), Pair("eine Katze", "a cat.", 2)]
    evaluate_pairs(predictor, pairs, "test")
    assert "look swapped" not in caplog.text
    evaluate_pairs(predictor, [Pair(pair.target, pair.source, pair.line) for pair in pairs], "test")
    assert "sources and targets look swapped" in caplog.text
