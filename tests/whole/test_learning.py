"""Every kind of model learns a small task that needs it to look: copy a string, then write it backwards.

Attention that only moves forward cannot read a source twice: it learns to write every symbol twice.
"""

import dataclasses
import random
from pathlib import Path

import pytest

from pipeline.settings.text import TextConfiguration
from pipeline.training.run import train
from tests.kinds import LEARNERS
from tests.tiny_task import tiny_configuration, write_pairs

Pairs = list[tuple[str, str]]


def some_words(count: int, seed: int) -> list[str]:
    generator = random.Random(seed)
    return sorted({"".join(generator.choices("abcdefgh", k=generator.randint(2, 5))) for _ in range(count)})


@pytest.mark.parametrize(
    "kind",
    [LEARNERS[0], *(pytest.param(kind, marks=pytest.mark.slow) for kind in LEARNERS[1:])],
    ids=lambda kind: "-".join(str(value) if isinstance(value, str) else name for name, value in kind.items()),
)
def test_learns_to_copy_and_reverse(kind: dict[str, object], tmp_path: Path):
    pairs = [(word, f"{word}|{word[::-1]}") for word in some_words(3000, seed=1)]
    assert error_rate(pairs, kind, tmp_path) <= 5


@pytest.mark.slow
def test_what_moves_forward_learns_to_write_every_symbol_twice(tmp_path: Path):
    pairs = [(word, "".join(2 * letter for letter in word)) for word in some_words(3000, seed=1)]
    assert error_rate(pairs, {"attention": "monotonic"}, tmp_path) <= 5


def error_rate(pairs: Pairs, kind: dict[str, object], tmp_path: Path) -> float:
    """WER after a short training."""
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
    return float(train(configuration, tmp_path / "run", export=False)["wer"])
