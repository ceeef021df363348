"""Which epoch a run is known by: its figures and its weights."""

import json
from pathlib import Path
from typing import Any

from pipeline.errors import DataError
from pipeline.files.durable import checksum
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


def best_weights(run: RunDirectory) -> Path:
    """What the checkpoint of the best epoch holds.

    Raises:
        DataError: There is none yet, or all checkpoints are damaged.
    """
    checkpoints = Checkpoints(run.checkpoints)
    found = checkpoints.best()
    if found is None and checkpoints.exist() and checkpoints.latest() is None:
        raise DataError(f"{run.checkpoints}: all checkpoints are damaged; bring back a copy, or train anew")
    if found is None:
        raise DataError(f"{run.path}: no epoch has ended yet, there is no checkpoint to load; train on")
    return found[1]


def checksum_of_best(run: RunDirectory) -> str:
    """SHA-256 of that: the same weights in another place are the same model.

    Raises:
        DataError: There are no such weights.
    """
    return checksum(best_weights(run))
