"""Copying, from files to answers: symbols that training lacks, which a model without it cannot write."""

import random
from pathlib import Path
from typing import Any

import pytest

from pipeline.prediction.predictor import Predictor
from pipeline.saved_models.opening import load
from pipeline.settings.configuration import Configuration
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


def configured(folder: Path, copy: bool, **changes: Any) -> Configuration:
    pairs = [(word, past(word)) for word in words(500, seed=1)]
    locations = {
        "train": write_pairs(folder / "train.tsv", pairs[60:]),
        "dev": write_pairs(folder / "dev.tsv", pairs[:30]),
        "test": write_pairs(folder / "test.tsv", pairs[30:60]),
    }
    # Letters that are rare in training are unknown on both sides, so that the unknown symbol is trained.
    text = {"target_tokenizer": "char", "min_count": 30}
    return tiny_configuration(locations, text=text, model={"copy": copy}, **changes)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """With and without copying, trained alike; without what comes after the epochs."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_finish", lambda directory, splits: {})
        for copy in (True, False):
            folder = tmp_path_factory.mktemp(f"copy-{copy}")
            training.train(configured(folder, copy, train={"epochs": 8}), folder / "run")
            found[copy] = folder / "run"
    return found


def test_what_training_lacks_is_copied(runs: dict[bool, Path]):
    copying, plain = load(runs[True]), load(runs[False])
    assert best(copying, ["abc", *UNSEEN]) == [past(word) for word in ["abc", *UNSEEN]]
    assert best(plain, ["abc"]) == [past("abc")]
    assert all(text != past(word) for text, word in zip(best(plain, UNSEEN), UNSEEN, strict=True))
    assert copying.copies_unknown
    assert not plain.copies_unknown


def best(model: Predictor, sources: list[str]) -> list[str]:
    return [prediction.texts[0] for prediction in model.predict(sources)]
