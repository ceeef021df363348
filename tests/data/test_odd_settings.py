"""Settings that do nothing, or something else than they seem to: each is named, and the others are not."""

from typing import Any

import pytest

from pipeline.data.odd_settings import describe_odd_settings
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration


def notes(settings: dict[str, Any], passes: int = 1, steps: int = 1000) -> list[str]:
    base = Configuration()
    return describe_odd_settings(replace_settings(base, {"train.epochs": 30, **settings}), passes, steps)


def test_defaults_and_what_has_an_effect_are_not_named():
    assert notes({}) == []
    assert notes({"search.method": "sample", "search.temperature": 0.5}) == []
    assert notes({"text.target_tokenizer": "bpe", "text.vocabulary_size": 90, "text.min_count": 2}) == []
    assert notes({"data.train": "pairs.tsv", "data.dev_size": 0.2}) == []
    assert notes({"train.r_drop": 1.0}) == []
    assert notes({"train.r_drop": 1.0, "model.dropout": 0.0, "model.symbol_dropout": 0.1}) == []
    assert notes({}, passes=20) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"search.temperature": 0.5}, "search.temperature has no effect: search.method is best"),
        (
            {"search.beam_size": 1, "search.length_penalty": 1.0},
            "search.length_penalty has no effect: search",
        ),
        (
            {"model.attention_heads": 2},
            "model.attention_heads has no effect: model.attention is not multi",
        ),
        ({"train.r_drop": 1.0, "model.dropout": 0.0}, "train.r_drop has no effect: nothing is dropped"),
        ({"text.vocabulary_size": 90, "text.learn_size": 9}, "text.vocabulary_size and text.learn_size have no effect"),
        ({"data.dev_size": 0.2}, "data.dev_size has no effect: there is a dev set"),
        ({"train.risk_samples": 4}, "train.risk_samples has no effect: train.risk_epochs is 0"),
        ({"train.teacher_symbols": 4}, "train.teacher_symbols has no effect: train.teacher is null"),
        ({"train.smoothing": 30}, "train.smoothing 30 averages over the whole training of 30 epochs"),
        ({"train.patience": 29}, "train.patience 29 can never end a training of 30 epochs early"),
        ({"train.warmup_steps": 20_000}, "more than half of the 30,000 steps of the training: the learning rate rises"),
        ({"train.keep_checkpoints": 31}, "train.keep_checkpoints 31 is more than the 30 epochs"),
    ],
)
def test_what_does_nothing_is_named(settings: dict[str, Any], said: str):
    [note] = notes(settings)
    assert said in note


def test_an_epoch_of_many_passes_is_named():
    [note] = notes({}, passes=21)
    assert note.startswith("an epoch is 21 passes over the data, so that it has train.min_epoch_tokens (500,000)")
    assert any("can never end a training of 8 epochs" in note for note in notes({"train.epochs": 8}))
