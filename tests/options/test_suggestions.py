"""What a mistyped command or option may have meant."""

import pytest

from pipeline.commands.table import parse_arguments
from pipeline.errors import UsageError


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (["train", "--train", "pairs.tsv"], "--data.train"),
        (["train", "--dev=pairs.tsv"], "--data.dev"),
        (["train", "--epochs", "3"], "--train.epochs"),
        (["train", "--data", "pairs.tsv"], "--data.train"),
        (["train", "--unit", "3"], "--model.units"),
        (["train", "--model-units", "3"], "--model.units"),
        (["train", "--lr", "3"], "--train.learning_rate"),
        (["tune", "--trial", "3"], "--tune.trials"),
        (["study", "length", "--worker", "3"], "--study.workers"),
        (["inspect", "--lowercase", "true"], "--text.lowercase"),
        (["predict", "m", "--n_best", "3"], "--n-best"),
        (["predict", "m", "--beam_size", "3"], "--search.beam_size"),
        (["evaluate", "m", "d", "--bleu_tokens", "13a"], "--bleu-tokens"),
        (["compare", "a", "b", "c", "--symbol", "space"], "--symbols"),
        (["evalute"], "evaluate"),
        (["Predict"], "predict"),
        (["translate", "model"], "predict"),
        (["--train"], "train"),
        (["study", "lengths"], "length"),
        (["train", "--config", "sentense"], "sentences"),
        (["train", "--help", "serch"], "search"),
    ],
)
def test_the_nearest_is_suggested(argv: list[str], meant: str):
    with pytest.raises(UsageError) as refusal:
        parse_arguments(argv)
    assert f"; did you mean {meant}?" in str(refusal.value)


@pytest.mark.parametrize(
    "argv", [["export", "r", "d", "--signature", "explain"], ["predict", "m", "--batch-size", "3"], ["xyzzy"], ["--q"]]
)
def test_nothing_near_is_no_suggestion(argv: list[str]):
    with pytest.raises(UsageError) as refusal:
        parse_arguments(argv)
    assert "no such" in str(refusal.value)
    assert "did you mean" not in str(refusal.value)
