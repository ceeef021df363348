"""Which best values lie at an end of what was tuned."""

import pytest

from pipeline.settings.configuration import Configuration
from pipeline.tuning.range_edges import find_edges
from pipeline.tuning.space import make_space

SPACE = make_space(
    {
        "train.learning_rate": {"min": 0.0001, "max": 0.1, "scale": "log"},
        "model.units": {"choices": [64, 128, 256]},
        "model.dropout": {"choices": [0.0, 0.1, 0.2]},
        "model.attention": {"choices": ["bahdanau", "none"]},
        "data.buckets": {"min": 1, "max": 8},
        "train.deterministic": {"choices": [True, False]},
    },
    Configuration(),
)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"train.learning_rate": 0.003}, []),
        ({"train.learning_rate": 0.0971}, ["train.learning_rate 0.0971 is about the largest tried"]),
        ({"train.learning_rate": 0.0001}, ["train.learning_rate 0.0001 is about the smallest tried"]),
        ({"model.units": 128}, []),
        ({"model.units": 256}, ["model.units 256 is about the largest tried"]),
        ({"model.units": 64}, ["model.units 64 is about the smallest tried"]),
        ({"model.dropout": 0.2}, ["model.dropout 0.2 is about the largest tried"]),
        ({"model.dropout": 0.0}, []),  # nothing is below
        ({"data.buckets": 1}, []),
        ({"data.buckets": 8}, ["data.buckets 8 is about the largest tried"]),
        ({"model.attention": "none", "train.deterministic": False}, []),
        ({"model.units": 256, "model.dropout": 0.2}, ["model.units 256", "model.dropout 0.2"]),
    ],
)
def test_edges(values: dict[str, object], found: list[str]):
    said = [edge.describe() for edge in find_edges(SPACE, values)]  # type: ignore[arg-type]
    assert len(said) == len(found)
    for sentence, beginning in zip(said, found, strict=True):
        assert sentence.startswith(beginning)
        assert "widen the space there" in sentence
