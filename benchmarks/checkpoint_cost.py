"""What checkpoints cost: `python -m benchmarks.checkpoint_cost [--config cmudict]`, on a quiet machine.

Trains a preset for two epochs and takes the time of every saving. The share is of the time of a training (steps,
validation, decoding): savings at the epochs' ends, and one every `train.checkpoint_minutes` besides. A JSON object is
the last line of standard output.
"""

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from pipeline.data.preparation import open_run
from pipeline.model.seeds import set_seed
from pipeline.runs.checkpoints import TrainingState
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configure import configure
from pipeline.training.epochs import fit
from pipeline.training.saving import SaveAndStop

EPOCHS = 2
EVERY = 50  # steps: often enough for a median


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="cmudict")
    configuration = configure(parser.parse_args().config)
    minutes = configuration.train.checkpoint_minutes
    train = dataclasses.replace(configuration.train, checkpoint_steps=EVERY, checkpoint_minutes=None)
    configuration = dataclasses.replace(configuration, train=train)
    taken: list[float] = []
    save = SaveAndStop._save

    def timed(self: SaveAndStop, state: TrainingState) -> bool:
        began = time.perf_counter()
        saved = save(self, state)
        taken.append(time.perf_counter() - began)
        return saved

    SaveAndStop._save = timed  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory(Path(folder) / "run")
        set_seed(train.seed, train.deterministic)
        fit(configuration, run, open_run(configuration, run), EPOCHS)
        rows = [json.loads(line) for line in run.metrics.read_text(encoding="utf-8").splitlines()]
        size = sum(path.stat().st_size for path in next(run.checkpoints.iterdir()).iterdir())
    saving, savings = statistics.median(taken), len(taken) / EPOCHS
    epoch = statistics.median(row["seconds"] for row in rows) - (savings - 1) * saving
    share = saving / epoch + (saving / (60 * minutes) if minutes else 0)
    figures = {"saving_seconds": saving, "epoch_seconds": epoch, "megabytes": size / 1e6, "share": share}
    print(f"{len(taken)} savings, {min(taken):.3f} to {max(taken):.3f} s", file=sys.stderr)
    print(json.dumps({name: round(value, 5) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
