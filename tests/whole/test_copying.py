"""Copying, from files to answers: symbols that training lacks, which a model without it cannot write."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from pipeline.answering.answer_lines import describe
from pipeline.answering.predictions import AnswersStrings
from pipeline.data.data_warnings import _warn_of_nothing_to_copy
from pipeline.portable.exporting import Format, export
from pipeline.saved_models.opening import load
from pipeline.text.processor import TextProcessor
from pipeline.text.vocabulary import Vocabulary
from pipeline.training import run as training
from tests.tiny_task import tiny_configuration, write_pairs

LETTERS = "abcdef"
RARE = "ghijklmnopqrstuvwxyz"
UNSEEN = ["aЖb", "Щfa", "cdЭ"]


def past(word: str) -> str:
    return word + "ed"


def words(count: int, seed: int) -> list[str]:
    """Of letters, some with one that is rare: training sees it once, and reads it as unknown."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        letters = chance.choices(LETTERS, k=chance.randint(2, 4))
        if chance.random() < 0.5:
            letters[chance.randrange(len(letters))] = chance.choice(RARE)
        found.append("".join(letters))
    return list(dict.fromkeys(found))


def trained(folder: Path, copy: bool) -> Path:
    """A run, without what comes after its epochs."""
    pairs = [(word, past(word)) for word in words(500, seed=1)]
    locations = {
        "train": write_pairs(folder / "train.tsv", pairs[60:]),
        "dev": write_pairs(folder / "dev.tsv", pairs[:60]),
    }
    # Letters that are rare in training are unknown on both sides, so that the unknown symbol is trained.
    text = {"target_tokenizer": "char", "min_count": 30}
    configuration = tiny_configuration(locations, text=text, model={"copy": copy}, train={"epochs": 8})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_finish", lambda *arguments: {})
        training.train(configuration, folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("copying"), copy=True)


def best(model: AnswersStrings, sources: list[str]) -> list[str]:
    return [prediction.texts[0] for prediction in model.predict(sources)]


@pytest.mark.slow
def test_what_training_lacks_is_copied(run: Path):
    model = load(run)
    found = model.predict(["abc", *UNSEEN], heads_apart=True)
    assert [prediction.texts[0] for prediction in found] == [past(word) for word in ["abc", *UNSEEN]]
    assert model.copies_unknown
    for word, prediction in zip(UNSEEN, found[1:], strict=True):
        assert prediction.copied is not None
        assert len(prediction.copied) == len(prediction.target_tokens)
        assert ((prediction.copied >= 0) & (prediction.copied <= 1)).all()
        assert prediction.copied[[letter not in LETTERS for letter in word].index(True)] > 0.5
        assert prediction.copied[-3:].max() < 0.5  # "e", "d" and the end
        answer = json.loads(describe(word, prediction, 1))
        np.testing.assert_allclose(answer["copied"], prediction.copied, atol=1e-6)


@pytest.mark.slow
def test_scores_are_those_of_the_search(run: Path):
    model, words = load(run), ["abc", "fa"]
    found = model.predict(words)
    scores = model.score(words, [one.texts[0] for one in found]).score
    np.testing.assert_allclose(scores, [one.scores[0] for one in found], atol=1e-4)


@pytest.mark.slow
def test_a_model_that_does_not_copy_cannot(tmp_path: Path):
    model = load(trained(tmp_path, copy=False))
    assert best(model, ["abc"]) == [past("abc")]
    assert all(text != past(word) for text, word in zip(best(model, UNSEEN), UNSEEN, strict=True))
    assert not model.copies_unknown


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["savedmodel", "litert", "onnx"])
def test_an_export_copies_too(run: Path, tmp_path: Path, kind: Format):
    export(run, tmp_path / "export", beam_size=2, format=kind)
    model = load(tmp_path / "export")
    assert best(model, ["abc", *UNSEEN]) == [past(word) for word in ["abc", *UNSEEN]]
    assert model.copies_unknown
    expected = load(run, beam_size=2).predict(UNSEEN, heads_apart=True)
    for mine, theirs in zip(model.predict(UNSEEN, heads_apart=True), expected, strict=True):
        np.testing.assert_allclose(mine.copied, theirs.copied, atol=1e-4)


def test_nothing_in_common_is_said(caplog: pytest.LogCaptureFixture):
    texts = TextProcessor(Vocabulary(["a", "b"]), "char"), TextProcessor(Vocabulary(["A"]), "char")
    _warn_of_nothing_to_copy(texts)
    assert "none of the 2 source symbols is one of the 1 target symbol:" in caplog.text
    caplog.clear()
    _warn_of_nothing_to_copy((texts[0], texts[0]))
    assert not caplog.text
