"""Which figures of the decoded dev set are there for those who choose by them."""

from typing import Any

import numpy as np
import pytest

from pipeline.answering.predictions import Hypothesis, Prediction
from pipeline.evaluation.metrics import METRICS
from pipeline.monitoring.dev_decoding import DecodedDevMetrics
from pipeline.settings.text import TextConfiguration

OUTPUTS = {"s": "der hund rennt am strand", "t": "ein hund"}
REFERENCES = {"s": ["der hund rennt am strand"], "t": ["zwei hunde"]}


class Fixed:
    """Says what the table says."""

    def __init__(self, text: TextConfiguration) -> None:
        self.text = text

    def predict(self, sources: list[str]) -> list[Prediction]:
        return [Prediction([Hypothesis(OUTPUTS[source], -1.0, [], np.zeros((0, 0)))], []) for source in sources]


def figures(tokenizer: str, *objectives: str) -> dict[str, Any]:
    predictor: Any = Fixed(TextConfiguration(target_tokenizer=tokenizer))  # type: ignore[arg-type]
    part, logs = DecodedDevMetrics(predictor, REFERENCES, [METRICS[name] for name in objectives]), {}
    part.on_epoch_end(0, logs)
    return logs


@pytest.mark.parametrize(("tokenizer", "names"), [("char", "wer per"), ("bpe", "bleu chrf ter sequence_error_rate")])
def test_by_default_what_the_symbols_are_measured_by(tokenizer: str, names: str):
    assert set(figures(tokenizer)) == {*(f"val_{name}" for name in names.split()), "val_limited"}


def test_characters_chosen_by_bleu():
    logs = figures("char", "bleu", "chrf")
    assert logs["val_wer"] == 50
    assert logs["val_bleu"] == figures("bpe")["val_bleu"]
    assert logs["val_chrf"] == figures("bpe")["val_chrf"]


def test_sentences_chosen_by_what_is_right():
    assert figures("bpe", "accuracy", "per")["val_accuracy"] == 50
    assert figures("space", "accuracy")["val_accuracy"] == 50
