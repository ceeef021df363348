from typing import get_args

import pytest

from pipeline.evaluation.metrics import BLEU, CHRF, METRICS, PER, WER, objectives
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import TextConfiguration
from pipeline.settings.train import Objective, TrainConfiguration


@pytest.mark.parametrize("tokenizer", ["bpe", "unigram", "wordpiece"])
def test_sentences_are_judged_by_bleu(tokenizer: str):
    text = TextConfiguration(target_tokenizer=tokenizer)  # type: ignore[arg-type]
    assert objectives(Configuration(text=text)) == (BLEU, CHRF)


def test_symbols_are_judged_by_error_rates():
    assert objectives(Configuration(text=TextConfiguration(source_tokenizer="bpe"))) == (WER, PER)


@pytest.mark.parametrize("name", get_args(Objective))
def test_any_metric_may_decide(name: str):
    for tokenizer in ("char", "bpe"):
        text, train = TextConfiguration(target_tokenizer=tokenizer), TrainConfiguration(objective=name)
        first, second = objectives(Configuration(text=text, train=train))
        assert first is METRICS[name]
        assert second is METRICS[first.tie] is not first


def test_the_settings_name_every_metric():
    assert list(METRICS) == list(get_args(Objective))


def test_what_is_minimized():
    assert (WER.to_minimize(20.0), BLEU.to_minimize(20.0)) == (20, -20)
    assert (PER.log_name, CHRF.log_name) == ("val_per", "val_chrf")
