"""What trainings of several seeds found: figures of each, their mean and spread, and which is the best."""

import dataclasses
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.evaluation.metrics import METRICS, Metric


@dataclasses.dataclass(frozen=True)
class SeedFigures:
    """Of one training."""

    seed: int
    run: Path
    result: Mapping[str, Any]
    """Its `result.json`."""
    seconds: float
    """What its epochs took."""
    dev: Metric
    """What decides on dev."""
    rank: tuple[float, ...]
    """Its dev figure and what decides between equal ones, smaller where it is better."""

    @property
    def figures(self) -> dict[str, float]:
        """The dev figure that decides, then those of the test set, or of dev where there is none."""
        names = [self.dev.log_name, *(name for name in METRICS if name in self.result)]
        return {name: float(self.result[name]) for name in names}


@dataclasses.dataclass(frozen=True)
class SeedsResult:
    """Of all.

    Example:
        >>> same = {"split": "test", "val_wer": 20.0, "per": 3.0, "best_epoch": 7}
        >>> results = [{**same, "wer": wer} for wer in (22.0, 24.0)]
        >>> found = SeedsResult(Path("runs/g"), tuple(
        ...     SeedFigures(seed, Path(f"runs/g/seed-{seed}"), result, 60.0, METRICS["wer"], (20.0, -seed))
        ...     for seed, result in enumerate(results, 1)))
        >>> found.best.seed, found.mean["wer"], round(found.deviation["wer"], 3), found.ensemble
        (2, 23.0, 1.414, 'runs/g/seed-1,runs/g/seed-2')
        >>> print(found.table())
        | seed | best epoch | dev WER % | test WER % | test PER % | seconds |
        |---|---|---|---|---|---|
        | 1 | 7 | 20.00 | 22.00 | 3.00 | 60 |
        | 2 | 7 | 20.00 | 24.00 | 3.00 | 60 |
        | mean | | 20.00 | 23.00 | 3.00 | 60 |
        | standard deviation | | 0.00 | 1.41 | 0.00 | |
        <BLANKLINE>
    """

    path: Path
    trainings: tuple[SeedFigures, ...]
    """By seed."""

    @property
    def best(self) -> SeedFigures:
        """The one that is best on dev."""
        return min(self.trainings, key=lambda training: training.rank)

    @property
    def ensemble(self) -> str:
        """All of them, as `predict`, `evaluate` and `export` take them."""
        return ",".join(str(training.run) for training in self.trainings)

    @property
    def mean(self) -> dict[str, float]:
        """Of every figure."""
        return {name: statistics.fmean(values) for name, values in self._columns().items()}

    @property
    def deviation(self) -> dict[str, float | None]:
        """Standard deviation of every figure, of a sample (n - 1); None of a single training."""
        several = len(self.trainings) > 1
        return {name: statistics.stdev(values) if several else None for name, values in self._columns().items()}

    def _columns(self) -> dict[str, list[float]]:
        first = self.trainings[0].figures
        return {name: [training.figures[name] for training in self.trainings] for name in first}

    def to_json(self) -> dict[str, Any]:
        """What `result.json` holds."""
        return {
            "split": self.trainings[0].result["split"],
            "seeds": [training.seed for training in self.trainings],
            "mean": self.mean,
            "deviation": self.deviation,
            "best": str(self.best.run),
            "ensemble": self.ensemble,
            "trainings": [
                {"seed": one.seed, "run": str(one.run), **one.result, "seconds": round(one.seconds, 1)}
                for one in self.trainings
            ],
        }

    def _repr_markdown_(self) -> str:
        return self.table()

    def table(self) -> str:
        """The figures in Markdown."""
        split, dev = self.trainings[0].result["split"], self.trainings[0].dev
        tested = [f"{split} {METRICS[name].title}" for name in self.mean if name in METRICS]
        heads = ["seed", "best epoch", f"dev {dev.title}", *tested, "seconds"]
        rows = [
            [str(one.seed), str(one.result["best_epoch"]), *map(_show, one.figures.values()), f"{one.seconds:.0f}"]
            for one in self.trainings
        ]
        seconds = statistics.fmean(one.seconds for one in self.trainings)
        rows.append(["mean", "", *map(_show, self.mean.values()), f"{seconds:.0f}"])
        rows.append(["standard deviation", "", *map(_show, self.deviation.values()), ""])
        lines = [_line(heads), "|---" * len(heads) + "|", *map(_line, rows)]
        return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def _show(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
