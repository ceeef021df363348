"""A model that answers in capitals, without TensorFlow, and a folder of shards for it."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.answering.lines.answers import AnswerForm
from pipeline.answering.predictions import Hypothesis, Prediction, Predictions
from pipeline.settings.text import TextConfiguration
from pipeline.shards.asked import Asked
from pipeline.shards.listing import Shard, list_shards
from pipeline.shards.place import Place

IDENTITY = {"attentif": "1", "model": ["abc"], "n_best": 1}


class Killed(BaseException):
    """Ends what it meets at once, as SIGKILL does, but for what has been written."""


class Known:
    """Of a model that has every symbol but a TAB."""

    reads_tab = False

    def lacking_in_source(self, symbols: list[str]) -> list[str]:
        return []


class Capitals:
    """Answers with the source in capitals, then reversed."""

    text, n_best, copies_unknown, known = TextConfiguration(), 2, False, Known()

    def __init__(self, watch: Callable[[list[str]], object] = lambda sources: None) -> None:
        self.watch = watch
        self.asked: list[list[str]] = []

    def predict(self, sources: list[str], on_progress: Any = None, **options: Any) -> Predictions:
        self.watch(sources)
        self.asked.append(sources)
        found = []
        for source in sources:
            attention = np.full((1, len(source)), 0.5, np.float32)
            texts = source.upper(), source[::-1]
            found.append(Prediction([Hypothesis(text, -1.0, ["x"], attention, -1.0) for text in texts], [*source, "/"]))
            if on_progress:
                on_progress(1)
        return Predictions(found)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return path


def read(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.name.endswith(".gz") else content


def begin(folder: Path, form: AnswerForm | None = None, **identity: Any) -> tuple[Place, list[Shard]]:
    """The shards of `in`, and the place of their answers, `out`."""
    form = form or AnswerForm()
    shards = list_shards([str(folder / "in" / "*")], folder / "out", form)
    place = Place(folder / "out", {**IDENTITY, **identity})
    place.begin()
    place.make_folders(shards)
    return place, shards


def asked(folder: Path) -> Asked:
    return Asked(folder / "model")
