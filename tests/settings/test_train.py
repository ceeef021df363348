"""Settings of a training that cannot be together."""

from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.settings.configure import configure


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train.teacher": " "}, r"train\.teacher: ' ' is impossible, it must be a run"),
        ({"train.teacher_weight": 0.0}, r"train\.teacher_weight: 0\.0 is impossible, it must be above 0"),
        ({"train.teacher_weight": 1.5}, "at most 1"),
        ({"train.teacher_symbols": 0}, r"train\.teacher_symbols: 0 is impossible, it must be at least 1"),
        (
            {"train.teacher": "runs/1", "text.target_tokenizer": "bpe", "text.sampling": 0.1},
            r"text\.sampling: 0\.1 is impossible, it must be 0 with train\.teacher",
        ),
    ],
)
def test_what_a_teacher_cannot_be(changes: dict[str, Any], said: str):
    with pytest.raises(UsageError, match=said):
        configure("cmudict", changes)
