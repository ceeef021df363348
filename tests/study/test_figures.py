"""Fifths, statistics and bootstrap by hand, against sacrebleu and against a direct computation."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import sacrebleu

from pipeline.answering.predictions import Hypothesis, Prediction
from pipeline.evaluation.test_set import ReferenceSet
from pipeline.prediction.predictor import Predictor
from pipeline.settings.text import TextConfiguration
from pipeline.study.figures import (
    SEED,
    Decoded,
    SentenceQuality,
    SymbolQuality,
    decode_parts,
    make_quality,
    measure,
)

SPACE = TextConfiguration(target_tokenizer="space")
SENTENCES = TextConfiguration(source_tokenizer="bpe", target_tokenizer="bpe")
OUTPUTS = ["the dog runs on the beach .", "two men are talking , it seems", "a cat", "one two three four five"]
REFERENCES = [["a dog runs along the beach ."], ["two men are talking , it seems"], ["a cat sat here"], ["six two"]]


# Quality


def test_sums_of_sentences_give_corpus_bleu():
    quality = SentenceQuality(SENTENCES)
    statistics = quality.statistics(OUTPUTS, REFERENCES)
    chosen = [0, 1, 1, 3]
    columns = [[REFERENCES[position][0] for position in chosen]]
    direct = sacrebleu.corpus_bleu([OUTPUTS[position] for position in chosen], columns).score
    assert 0 < direct < 100
    assert quality.score(statistics[chosen].sum(0)) == pytest.approx(direct)


def test_symbols_are_right_or_wrong():
    quality = SymbolQuality(SPACE)
    statistics = quality.statistics(["A  B", "C", ""], [["X", "A B"], ["C D"], ["E"]])
    assert statistics.tolist() == [[1, 1], [0, 1], [0, 1]]
    assert quality.score(statistics.sum(0)) == pytest.approx(100 / 3)
    assert (make_quality(SPACE).name, make_quality(SENTENCES).name) == ("100 − WER", "BLEU")


# Bootstrap


def test_intervals_are_those_of_resampled_inputs():
    chance = np.random.default_rng(1)
    right = {"fixed": chance.random((2, 50)) < 0.5, "attention": chance.random((2, 50)) < 0.7}
    decoded = {
        kind: [Decoded(np.column_stack([row, np.ones(50)]), 0.1 * (place + 1), 9.0) for place, row in enumerate(rows)]
        for kind, rows in right.items()
    }
    found = measure(decoded, np.arange(3, 53), SymbolQuality(SPACE), samples=200)
    generator = np.random.default_rng(SEED)
    chosen = [generator.integers(50, size=50) for _ in range(200)]
    rates = {kind: np.array([100 * rows[:, sample].mean() for sample in chosen]) for kind, rows in right.items()}
    for kind, rows in right.items():
        low, high = np.percentile(rates[kind], [2.5, 97.5])
        assert found.quality[kind] == pytest.approx((100 * rows.mean(), low, high))
    leads = 100 * (rates["attention"] / rates["fixed"] - 1)
    value = 100 * (right["attention"].mean() / right["fixed"].mean() - 1)
    assert found.lead == pytest.approx((value, *np.percentile(leads, [2.5, 97.5])))
    assert (found.n, found.shortest, found.longest) == (50, 3, 52)
    assert found.seconds["fixed"] == pytest.approx(0.15)


def test_bleu_of_equal_outputs_has_no_lead():
    quality = SentenceQuality(SENTENCES)
    run = Decoded(quality.statistics(OUTPUTS[:2] * 5, REFERENCES[:2] * 5), 0.1, 4.0)
    found = measure({"fixed": [run], "attention": [run]}, np.arange(10), quality, samples=50)
    assert found.lead == (0, 0, 0)
    assert found.quality["fixed"].low < found.quality["fixed"].value < found.quality["fixed"].high


def test_nothing_right_has_no_lead_in_percent():
    none, one = (Decoded(np.array([[right, 1.0]] * 4), 0.1, 4.0) for right in (0.0, 1.0))
    found = measure({"fixed": [none], "attention": [one]}, np.arange(4), SymbolQuality(SPACE), samples=5).to_json()
    assert found["lead_percent"] == {"value": None, "low": None, "high": None}
    assert found["attention"]["value"] == 100


# Decoding


class Upper(Predictor):
    """Writes in capitals, with spaces between."""

    def __init__(self) -> None:
        self.text = SPACE

    def predict(self, sources: Sequence[str], on_progress: Callable[[int], None] | None = None) -> list[Prediction]:
        def answer(source: str) -> Prediction:
            tokens = [*source.upper(), "</s>"]
            return Prediction([Hypothesis(" ".join(source.upper()), 0.0, tokens, np.zeros((0, 0)))], [*source, "</s>"])

        return [answer(source) for source in sources]


def test_parts_are_decoded_one_by_one():
    test = ReferenceSet(["ab", "c", "def"], [["A B"], ["X"], ["D E F"]], [1, 2, 3])
    parts = [np.array([1]), np.array([0, 2])]
    short, long = decode_parts(Upper(), test, parts, SymbolQuality(SPACE), attends=True)
    assert short.statistics.tolist() == [[0, 1]]
    assert long.statistics.tolist() == [[1, 1], [1, 1]]
    assert (short.entries, long.entries) == (4, (9 + 16) / 2)
    joined = Decoded.join([short, long])
    assert joined.entries == pytest.approx(29 / 3)
    assert joined.seconds == pytest.approx((short.seconds + 2 * long.seconds) / 3)
    assert decode_parts(Upper(), test, parts, SymbolQuality(SPACE), attends=False)[1].entries == 0
