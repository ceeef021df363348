"""Metrics: symbol error rates by hand, sentence scores against sacrebleu's own functions."""

import pytest
import sacrebleu

from pipeline.evaluation.scores import SentenceScores, SymbolScores, score_sentences, score_symbols, wilson_interval

HYPOTHESES = ["The dog runs on the beach .", "Two men are talking , it seems", "a"]
REFERENCES = ["A dog runs along the beach .", "Two men are talking , it seems", "nothing alike"]


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
    assert score_symbols([], []) == SymbolScores(0, 0.0, 0.0)


def test_a_symbol_is_one_however_long_it_is():
    assert score_symbols([["AE"]], [[["AH"]]]).per == 100


def test_json_rounds():
    found = SymbolScores(3, 100 / 3, 12.0).to_json("dev")
    assert found == {"split": "dev", "n": 3, "wer": 33.3333, "per": 12.0, "wer_interval": [6.1492, 79.234]}


@pytest.mark.parametrize(("percent", "n"), [(0.0, 5), (100.0, 7), (30.0, 10), (25.0, 1000)])
def test_intervals_are_those_of_the_score_test(percent: float, n: int):
    low, high = wilson_interval(percent, n)
    for bound in {low, high} - {0.0, 100.0}:
        # Were this the true share, what was measured would be 1.96 standard deviations away.
        share = bound / 100
        assert abs(percent / 100 - share) == pytest.approx(1.959964 * (share * (1 - share) / n) ** 0.5)
    assert low <= percent <= high


def test_figures_of_few_say_so():
    assert SymbolScores(199, 30.0, 10.0).caution.startswith("the figures rest on 199 sources")
    assert SymbolScores(200, 30.0, 10.0).caution == ""


# Sentences


def test_sentence_scores_are_sacrebleus():
    scores = score_sentences(HYPOTHESES, [[reference] for reference in REFERENCES])
    assert scores.bleu == sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score
    assert scores.chrf == sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score
    assert scores.ter == sacrebleu.corpus_ter(HYPOTHESES, [REFERENCES]).score
    assert scores.sequence_error_rate == pytest.approx(200 / 3)
    assert scores.signature == "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"


def test_given_tokens_are_left_as_they_are():
    hypotheses, references = ["it 's a dog , is n't it ?"], ["it 's a dog , is n't it !"]
    given = score_sentences(hypotheses, [references], tokens="given")
    assert given.bleu == sacrebleu.corpus_bleu(hypotheses, [references], tokenize="none", force=True).score
    assert "tok:none" in given.signature


def test_several_references_of_different_number():
    scores = score_sentences(["a b c d", "e f g h"], [["x", "a b c d"], ["e f g h"]])
    assert (round(scores.bleu, 6), scores.sequence_error_rate) == (100, 0)


def test_no_sentences():
    assert score_sentences([], []) == SentenceScores(0, 0.0, 0.0, 0.0, 0.0, "")


def test_json_of_sentences():
    figures_of_few = SentenceScores(2, 12.34567, 50.0, 60.0, 100.0, "tok:13a")
    assert figures_of_few.to_json("test") == {
        "split": "test",
        "n": 2,
        "bleu": 12.3457,
        "chrf": 50.0,
        "ter": 60.0,
        "sequence_error_rate": 100.0,
        "sequence_error_rate_interval": [34.238, 100.0],
        "signature": "tok:13a",
    }
    assert "rest on 2 sentences" in figures_of_few.caution
