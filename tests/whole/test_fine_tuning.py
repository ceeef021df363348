"""The benchmark of fine-tuning: which epochs count."""

import json
from pathlib import Path

from benchmarks import fine_tuning


def test_fine_tuning_takes_the_best_epoch_that_had_ended(tmp_path: Path):
    epochs = [(20, 50.0), (9, 30.0), (10, 40.0), (70, 20.0)]
    lines = [json.dumps({"epoch": at + 1, "seconds": of, "val_wer": wer}) for at, (of, wer) in enumerate(epochs)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    assert fine_tuning.dev_after(tmp_path) == {"30 s": 30.0, "60 s": 30.0, "120 s": 20.0}
    assert fine_tuning.dev_after(tmp_path, (5,)) == {"5 s": None}
