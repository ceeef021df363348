"""Targets found from their end, learned end to end; with attention that only moves, then from the source's end."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.saved_models.opening import load
from pipeline.training.run import train
from tests.tiny_task import capitals, tiny_configuration, write_splits


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["bahdanau", "monotonic"])
def test_targets_are_learned_from_their_end(attention: str, tmp_path: Path):
    settings = {"text": {"direction": "right_to_left"}, "model": {"attention": attention}, "data": {"buckets": 1}}
    result = train(tiny_configuration(write_splits(tmp_path), **settings), tmp_path / "run", export=False)
    assert result["wer"] < 20
    [prediction] = load(tmp_path / "run").predict(["abß"])
    assert prediction.hypotheses[0].text == capitals("abß")
    looked_at = prediction.hypotheses[0].attention[:-1].argmax(axis=1)  # the end is found last, at the beginning
    if attention == "monotonic":
        # Shown as it is read, it moves forward all the same.
        assert (np.diff(looked_at) >= 0).all()
