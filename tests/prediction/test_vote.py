"""Ensembles that decide by outputs: who wins, and what is told of it."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from pipeline.answering.answer_lines import describe
from pipeline.answering.predictions import Hypothesis, PairScores, Prediction, Predictions
from pipeline.errors import UsageError
from pipeline.prediction.vote import VotingMember, VotingPredictor
from pipeline.settings.search import VoteName
from pipeline.settings.text import TextConfiguration


class Fixed:
    """A model with a table: of every source, outputs and their log p; as many as it keeps are its n-best."""

    def __init__(self, table: Mapping[str, float], n_best: int = 2, source_tokens: str = "x") -> None:
        self.table, self.n_best, self.source_tokens = table, n_best, source_tokens
        self.text, self.copies_unknown, self.known = TextConfiguration(), False, object()

    def predict(self, sources: list[bytes], prefixes: Any = None, attention: bool = True) -> Predictions:
        best = sorted(self.table, key=self.table.__getitem__, reverse=True)[: self.n_best]
        shape = 2, len(self.source_tokens) + 1
        found = [Hypothesis(text, self.table[text], [text, "</s>"], np.ones(shape, np.float32)) for text in best]
        tokens = [*self.source_tokens, "</s>"]
        return Predictions(Prediction(found, tokens, unknown=1) for _ in sources)

    def score(self, sources: list[Any], targets: list[str]) -> PairScores:
        scores = np.array([self.table[target] for target in targets], np.float32)
        size = len(targets)
        lengths = np.array([len(target) + 1 for target in targets], np.int32)
        return PairScores(scores, lengths, np.zeros(size, bool), np.zeros(size, int), np.zeros(size, bool), lengths)


# The first two have "a" as their best output, but all of them together find "b" more probable.
TABLES = [{"a": -1.0, "b": -1.1, "cc": -4.0}, {"a": -1.0, "b": -1.2, "cc": -5.0}, {"a": -6.0, "b": -2.0, "cc": -1.0}]


def vote(how: VoteName, n_best: int = 3, weights: tuple[int, ...] = (1, 1, 1), **options: Any) -> VotingPredictor:
    tables = zip(TABLES, weights, strict=True)
    members: list[Any] = [
        VotingMember(f"runs/{number}", Fixed(table, **options), weight)  # type: ignore[arg-type]
        for number, (table, weight) in enumerate(tables)
    ]
    return VotingPredictor(members, how, n_best)


def test_agreement_takes_what_all_find_probable():
    [found] = vote("agreement").predict("source")
    assert found.texts == ["b", "a", "cc"]
    assert found.scores == pytest.approx([-4.3 / 3, -8 / 3, -10 / 3])
    assert found.rank_scores == found.scores
    assert [vote.text for vote in found.votes] == ["a", "a", "cc"]
    assert [vote.score for vote in found.votes] == pytest.approx([-1.1, -1.2, -2.0])


def test_majority_takes_what_most_answer():
    [found] = vote("majority", n_best=2).predict("source")
    # Of as many votes, here of none, the more probable comes first.
    assert (found.texts, found.rank_scores) == (["a", "cc"], [2.0, 1.0])
    assert vote("majority", weights=(1, 1, 3)).predict(["x"])[0].texts == ["cc", "a", "b"]


def test_an_ensemble_among_the_members_has_more_votes():
    [found] = vote("agreement", weights=(1, 1, 8)).predict("source")
    assert found.texts[0] == "cc"
    assert found.scores[0] == pytest.approx(-17 / 10)


def test_length_penalties_of_members():
    members = [VotingMember("one", Fixed({"a": -2.0, "aaaaa": -2.1}), 1, 1.0)] * 2  # type: ignore[arg-type]
    [found] = VotingPredictor(members, "agreement", 2).predict("source")
    assert found.texts == ["aaaaa", "a"]
    assert found.scores == pytest.approx([-2.1, -2.0])
    assert found.rank_scores == pytest.approx([-2.1 * 6 / 11, -2.0 * 6 / 7])


def test_attention_of_other_symbols_is_not_shown():
    members: list[Any] = [
        VotingMember("characters", Fixed(TABLES[0], 1, "xy")),  # type: ignore[arg-type]
        VotingMember("words", Fixed(TABLES[2], 1, "w")),  # type: ignore[arg-type]
    ]
    [found] = VotingPredictor(members, "agreement", 2).predict("source")
    assert found.texts == ["cc", "a"]
    assert found.source_tokens == ["w", "</s>"]
    assert found.attention.tolist() == [[1, 1], [1, 1]]
    assert found.hypotheses[1].attention.tolist() == [[0, 0], [0, 0]]


def test_votes_in_json():
    [found] = vote("agreement").predict("source")
    votes = json.loads(describe("source", found, 1))["votes"]
    assert votes[2] == {"model": "runs/2", "text": "cc", "score": -2.0}
    [alone] = Fixed(TABLES[0]).predict([b"x"])
    assert "votes" not in json.loads(describe("source", alone, 1))


def test_scores_are_means():
    scores = vote("agreement", weights=(2, 1, 1)).score(["x", "y"], ["a", "b"])
    assert scores.score.tolist() == pytest.approx([-9 / 4, -5.4 / 4])
    with pytest.raises(UsageError, match="leave --tokens out"):
        vote("agreement").score_tokens(["x"], [["a"]])


def test_nothing_and_no_output():
    assert vote("agreement").predict([]) == []
    members: list[Any] = [VotingMember(name, Fixed({})) for name in "ab"]  # type: ignore[arg-type]
    assert VotingPredictor(members, "majority").predict("x")[0].texts == []
