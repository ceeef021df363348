"""Which epoch a run is known by, and its figures."""

import json
from typing import Any

from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory


def read_figures(directory: RunDirectory) -> dict[str, Any] | None:
    """The line of `metrics.jsonl` of the best epoch, with all epochs' seconds and their number as `epochs`."""
    latest = Checkpoints(directory.checkpoints).latest()
    if latest is None or not latest[0].best_epoch or not directory.metrics.is_file():
        return None
    lines = [json.loads(line) for line in directory.metrics.read_text(encoding="utf-8").splitlines()]
    best = next((line for line in lines if line["epoch"] == latest[0].best_epoch), None)
    return best and {**best, "seconds": sum(line["seconds"] for line in lines), "epochs": len(lines)}
