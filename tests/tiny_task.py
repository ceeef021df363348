"""A task that a tiny model learns in seconds: write every character in capitals, with spaces between."""

import dataclasses
import random
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.settings.configuration import Configuration
from pipeline.settings.data import DataConfiguration
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.settings.train import TrainConfiguration

# One source symbol may be more than one target symbol, and none of them need be ASCII.
CAPITALS = {"a": "A", "b": "B", "é": "É", "ß": "S S", "東": "EAST"}
SIZES = {"train": 500, "dev": 40, "test": 60}


class TinyRun(NamedTuple):
    """A finished training."""

    configuration: Configuration
    path: Path
    result: dict[str, Any]
    log: str
    """What it logged."""


def capitals(source: str) -> str:
    return " ".join(CAPITALS[character] for character in source)


def make_sources(count: int, seed: int = 0) -> list[str]:
    """Distinct sources in random order."""
    chance = random.Random(seed)
    sources: dict[str, None] = {}
    while len(sources) < count:
        sources["".join(chance.choices(list(CAPITALS), k=chance.randint(1, 6)))] = None
    return list(sources)


def write_pairs(path: Path, pairs: list[tuple[str, str]]) -> str:
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs), encoding="utf-8")
    return str(path)


def write_splits(folder: Path) -> dict[str, str]:
    """Paths of train, dev and test."""
    sources = iter(make_sources(sum(SIZES.values())))
    return {
        name: write_pairs(folder / f"{name}.tsv", [(source, capitals(source)) for source in islice(sources, count)])
        for name, count in SIZES.items()
    }


def tiny_configuration(locations: dict[str, str], **changes: dict[str, Any]) -> Configuration:
    """Settings under which the task is learnt; changes are values of sections, as in `train={"epochs": 1}`."""
    sections = {
        "data": DataConfiguration(**locations, max_length=16, batch_tokens=256, buckets=2),
        "text": TextConfiguration(target_tokenizer="space"),
        "model": ModelConfiguration(units=32, embedding_units=16, dropout=0.1),
        "train": TrainConfiguration(
            epochs=10, min_epoch_tokens=0, learning_rate=0.02, warmup_steps=20, perfect_epochs=None, attention_samples=3
        ),
        "search": SearchConfiguration(beam_size=3),
    }
    return Configuration(
        **{name: dataclasses.replace(section, **changes.get(name, {})) for name, section in sections.items()}
    )


TUNING_SPACE = {
    "model.units": {"choices": [6, 12]},
    "train.learning_rate": {"min": 0.002, "max": 0.05, "scale": "log"},
}


def tuning_configuration(locations: dict[str, str]) -> Configuration:
    """What the tiny search lies around."""
    model = {"units": 8, "embedding_units": 4, "fast": False}
    return tiny_configuration(
        locations, model=model, train={"epochs": 2, "learning_rate": 0.02, "attention_samples": 1}
    )
