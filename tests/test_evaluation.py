from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline import corpus
from pipeline.configuration import TextConfiguration
from pipeline.corpus import Pair
from pipeline.errors import DataError
from pipeline.evaluation import (
    Scores,
    evaluate_file,
    evaluate_pairs,
    score_predictions,
    score_symbols,
    split_targets,
)
from pipeline.predictor import Hypothesis, Prediction, Predictor

SPACE = TextConfiguration(target_tokenizer="space")


def prediction(*texts: str, cut: bool = False) -> Prediction:
    return Prediction([Hypothesis(text, -1.0, [], np.zeros((0, 0))) for text in texts], [], cut)


class FakePredictor(Predictor):
    """Says what the table says, and nothing where it has no entry."""

    def __init__(self, table: dict[str, Prediction], text: TextConfiguration = SPACE) -> None:
        self.table, self.text = table, text
        self.asked: list[str] = []

    def predict(self, sources: Sequence[str], on_progress: Callable[[int], None] | None = None) -> list[Prediction]:
        self.asked += sources
        if on_progress:
            on_progress(len(sources))
        return [self.table.get(source, prediction()) for source in sources]


# Error rates


@pytest.mark.parametrize(
    ("hypotheses", "references", "wer", "per"),
    [
        # One insertion, one substitution and one deletion against 4 + 2 + 3 symbols.
        (["K AE T S X", "A B", "A B"], [["K AE T S"], ["A C"], ["A B C"]], 100, 3 / 9),
        # One right.
        (["K AE T", "D AO"], [["K AE T"], ["D AO G"]], 50, 1 / 6),
        # Right if it equals any; then it costs nothing and the length is that reference's.
        (["B"], [["A A A", "B"]], 0, 0),
        # The nearest reference counts, not the first.
        (["A B C"], [["X Y", "A B C D"]], 100, 1 / 4),
        # As near to both: the first one's length counts.
        (["A B C"], [["A B", "A B C D"]], 100, 1 / 2),
        (["A B C"], [["A B C D", "A B"]], 100, 1 / 4),
        # Nothing said: everything is missing.
        ([""], [["A B"]], 100, 1),
        # More errors than symbols.
        (["A B C"], [["X"]], 100, 3),
        # Long words weigh more in PER, not in WER.
        (["A", "B B B B B B B B B"], [["X"], ["B B B B B B B B B"]], 50, 1 / 10),
    ],
)
def test_by_hand(hypotheses: list[str], references: list[list[str]], wer: float, per: float):
    scores = score_symbols(
        [text.split() for text in hypotheses], [[text.split() for text in texts] for texts in references]
    )
    assert scores.n == len(hypotheses)
    assert (scores.wer, scores.per) == pytest.approx((wer, 100 * per))


def test_nothing_to_score():
    assert score_symbols([], []) == Scores(0, 0.0, 0.0)


def test_a_symbol_is_one_however_long_it_is():
    assert score_symbols([["AE"]], [[["AH"]]]).per == 100


def test_json_rounds():
    assert Scores(3, 100 / 3, 12.0).to_json("dev") == {"split": "dev", "n": 3, "wer": 33.3333, "per": 12.0}


# From strings


def test_both_sides_are_normalized_alike():
    text = TextConfiguration(lowercase=True, normalization="nfkc")
    references = {"one": ["E\u0301ﬁ"], "two": ["STRASSE"]}
    assert score_predictions([prediction("éFI"), prediction("straße")], references, text) == Scores(2, 50, 200 / 10)
    assert score_predictions([prediction("éfi"), prediction("x")], references, TextConfiguration()).wer == 100


def test_blanks_between_symbols_do_not_matter():
    assert score_predictions([prediction("K  AE T")], {"cat": ["K AE\tT "]}, SPACE) == Scores(1, 0, 0)
    assert split_targets(["K  AE", "", " T"], SPACE) == [["K", "AE"], [], ["T"]]
    assert split_targets(["K é"], TextConfiguration()) == [["K", " ", "é"]]


def test_no_output_at_all_counts_as_empty():
    assert score_predictions([prediction()], {"cat": ["K AE"]}, SPACE) == Scores(1, 100, 100)


def test_only_the_best_output_counts():
    assert score_predictions([prediction("A", "K")], {"k": ["K"]}, SPACE).wer == 100


# Pairs and files


def test_a_source_on_several_lines_is_decoded_once_and_may_be_any_of_them():
    predictor = FakePredictor({"read": prediction("R EH D"), "cat": prediction("K AE")})
    pairs = [Pair("read", "R IY D", 1), Pair("cat", "K AE T", 2), Pair("read", "R EH D", 3), Pair("read", "R IY D", 4)]
    scores, predictions = evaluate_pairs(predictor, pairs, "dev")
    assert predictor.asked == ["read", "cat"]
    assert [found.texts for found in predictions] == [["R EH D"], ["K AE"]]
    assert scores == Scores(2, 50, 100 / 6)


def test_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture):
    path = tmp_path / "mine.tsv"
    path.write_text("cat\tK AE T\ndog\tD AO G\n")
    predictor = FakePredictor({"cat": prediction("K AE T"), "dog": prediction("D AO", cut=True)})
    assert evaluate_file(predictor, str(path)) == {"split": "mine.tsv", "n": 2, "wer": 50.0, "per": 16.6667}
    assert capsys.readouterr().out == ""
    assert [record.getMessage() for record in caplog.records] == [
        "1 sources are longer than the model reads: they were cut, decoded and counted"
    ]


def test_sources_that_the_model_cannot_tell_apart_are_one():
    text = TextConfiguration(target_tokenizer="space", lowercase=True)
    predictor = FakePredictor({"Cat": prediction("k ae t")}, text)
    scores, _ = evaluate_pairs(predictor, [Pair("Cat", "K AE", 1), Pair("cat", "K AE T", 2)], "dev")
    assert predictor.asked == ["Cat"]
    assert scores == Scores(1, 0, 0)


def test_a_built_in_corpus_means_its_test_split(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    roles = []

    def read(role: str) -> list[Pair]:
        roles.append(role)
        return [Pair("cat", "K", 1)]

    monkeypatch.setitem(corpus.BUILT_IN, "cmudict", read)
    assert evaluate_file(FakePredictor({}), "cmudict") == {"split": "test", "n": 1, "wer": 100.0, "per": 100.0}
    assert roles == ["test"]
    assert not caplog.records


def test_a_file_that_cannot_be_read(tmp_path: Path):
    path = tmp_path / "bad.tsv"
    path.write_text("cat\tK\nno tab\n")
    with pytest.raises(DataError, match=r"bad\.tsv:2: no TAB"):
        evaluate_file(FakePredictor({}), str(path))
