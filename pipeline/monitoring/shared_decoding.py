"""Decoding in shares: every one of several processes answers some of the strings, and has the answers of all."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.answering.predictions import Hypothesis, Prediction
from pipeline.cluster.cluster import Cluster
from pipeline.prediction.predictor import Predictor


class SharedPredictor:
    """Predicts a share of the strings in each process.

    Args:
        predictor: Of this process.
        cluster: The processes; all have to ask for the same strings at the same moment.
    """

    def __init__(self, predictor: Predictor, cluster: Cluster) -> None:
        self.predictor, self.cluster, self.text = predictor, cluster, predictor.text

    def predict(self, strings: Sequence[str]) -> list[Prediction]:
        """As `Predictor.predict` does."""
        rank, size = self.cluster.rank, self.cluster.size
        own = self.predictor.predict(list(strings[rank::size]))
        if size == 1:
            return own
        shares = [decode(content) for content in self.cluster.gather(encode(own))]
        return [shares[place % size][place // size] for place in range(len(strings))]


def encode(predictions: Sequence[Prediction]) -> bytes:
    """As JSON, with every number as it is."""
    rows = [{**one._asdict(), "hypotheses": [found._asdict() for found in one.hypotheses]} for one in predictions]
    return json.dumps(rows, default=lambda numbers: numbers.tolist()).encode()


def decode(content: bytes) -> list[Prediction]:
    """What `encode` was given.

    Example:
        >>> found = Hypothesis("b", -0.5, ["b", "</s>"], np.ones((2, 2), "float32") / 3, -0.25)
        >>> made = Prediction([found], ["a", "</s>"])
        >>> [read] = decode(encode([made]))
        >>> read.texts, read.hypotheses[0].rank_score, bool((read.attention == made.attention).all())
        (['b'], -0.25, True)
    """
    return [_prediction(row) for row in json.loads(content)]


def _prediction(row: dict[str, Any]) -> Prediction:
    hypotheses = [Hypothesis(**{**found, "attention": _numbers(found["attention"])}) for found in row["hypotheses"]]
    arrays = {name: _numbers(row[name]) for name in ("attention_heads", "copied") if row[name] is not None}
    return Prediction(**{**row, **arrays, "hypotheses": hypotheses})


def _numbers(values: list[Any]) -> np.ndarray:
    return np.asarray(values, np.float32)
