"""Every kind of model learns a small task that needs it to look: copy a string, then write it backwards."""

import dataclasses
import random
from pathlib import Path

import pytest

from pipeline.settings.text import TextConfiguration
from pipeline.training import run as training
from tests.kinds import LEARNERS
from tests.tiny_task import tiny_configuration, write_pairs


def copy_and_reverse(count: int, seed: int) -> list[tuple[str, str]]:
    generator = random.Random(seed)
    words = {"".join(generator.choices("abcdefgh", k=generator.randint(2, 5))) for _ in range(count)}
    return [(word, f"{word}|{word[::-1]}") for word in sorted(words)]


@pytest.mark.parametrize(
    "kind",
    [LEARNERS[0], *(pytest.param(kind, marks=pytest.mark.slow) for kind in LEARNERS[1:])],
    ids=lambda kind: "-".join(str(value) if isinstance(value, str) else name for name, value in kind.items()),
)
def test_learns_to_copy_and_reverse(kind: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # tests/saved_models/test_export.py exports every kind.
    monkeypatch.setattr(training, "export_run", lambda *arguments: None)
    pairs = copy_and_reverse(3000, seed=1)
    random.Random(2).shuffle(pairs)
    locations = {
        name: write_pairs(tmp_path / f"{name}.tsv", part)
        for name, part in {"train": pairs[400:], "dev": pairs[:200], "test": pairs[200:400]}.items()
    }
    configuration = tiny_configuration(
        locations,
        data={"batch_tokens": 512, "buckets": 1},  # every batch of one shape, for which all is traced and compiled once
        model={"units": 48, "embedding_units": 16, "dropout": 0.0, **kind},
        train={"epochs": 1, "min_epoch_tokens": 60_000, "learning_rate": 0.01, "attention_samples": 0},
    )
    configuration = dataclasses.replace(configuration, text=TextConfiguration())
    assert training.train(configuration, tmp_path / "run")["wer"] <= 5
