"""What a tuning found: its trials, the best of them, how sure that is, and which settings mattered."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import count_of
from pipeline.evaluation.figures import html_table
from pipeline.evaluation.metrics import Metric, objectives
from pipeline.evaluation.scores import wilson_interval
from pipeline.settings.configuration import Configuration
from pipeline.settings.types import Value
from pipeline.tuning.range_edges import Edge, find_edges, position_of, show_value
from pipeline.tuning.space import Space

TREES = 300
FEWEST_TRIALS = 6  # below, a statement about settings would be a guess
MOST_NAMES = 8


@dataclasses.dataclass(frozen=True)
class TrialRecord:
    """A trial that has ended, or none of whose end is known."""

    name: str
    values: dict[str, Value]
    """Settings that the space had active, by `section.key`."""
    epochs: int
    """Epochs trained, those of the trial it went on from included."""
    best_epoch: int | None
    value: float | None
    """The decoded dev metric of the best epoch; None for a failed trial."""
    second: float | None
    """What decides between equal values."""
    seconds: float | None
    reason: str | None
    """Why it failed."""
    go_on_from: str | None = None
    """The trial whose training it continued."""


@dataclasses.dataclass(frozen=True)
class TuningResult:
    """Every trial of a tuning, in the order in which they began."""

    path: Path
    trials: list[TrialRecord]
    space: Space
    dev_size: int | None = None
    """Items of the dev set; None where it could not be counted."""

    @property
    def metrics(self) -> tuple[Metric, Metric]:
        """What decides which trial is best, and what decides between equal ones."""
        return objectives(self.space.configuration)

    @property
    def ranked(self) -> list[TrialRecord]:
        """The trials that succeeded, the best first; of equal ones that with the better second figure."""
        done = [trial for trial in self.trials if trial.value is not None]
        first, second = self.metrics
        return sorted(
            done, key=lambda trial: (first.to_minimize(trial.value or 0.0), second.to_minimize(trial.second or 0.0))
        )

    @property
    def best(self) -> TrialRecord | None:
        """The trial with the best dev metric."""
        return next(iter(self.ranked), None)

    @property
    def best_configuration(self) -> Configuration | None:
        """Settings that train the best trial again."""
        return self.space.apply(self.best.values) if self.best else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the figure of the best trial lies with 95 % confidence, in percent; None where it is no share."""
        if self.best is None or self.best.value is None or not self.dev_size or not self.metrics[0].is_share:
            return None
        return wilson_interval(self.best.value, self.dev_size)

    @property
    def indistinct(self) -> list[TrialRecord]:
        """The trials besides the best whose figures lie within its interval: this dev set does not part them."""
        if self.interval is None:
            return []
        to_minimize = self.metrics[0].to_minimize
        worst = max(map(to_minimize, self.interval))
        return [trial for trial in self.ranked[1:] if to_minimize(trial.value or 0.0) <= worst]

    @property
    def edges(self) -> list[Edge]:
        """Numbers of the best trial that lie at an end of their range; none if there was no other trial."""
        return find_edges(self.space, self.best.values) if self.best and len(self.ranked) > 1 else []

    def to_json(self) -> dict[str, Any]:
        """The object that `tune` prints last."""
        failed = sum(trial.reason is not None for trial in self.trials)
        best = self.best
        interval = self.interval
        return {
            "trials": len(self.trials),
            "failed": failed,
            "best": best.name if best else None,
            self.metrics[0].log_name: round(best.value, 4) if best and best.value is not None else None,
            **({"interval": [round(bound, 4) for bound in interval]} if interval else {}),
            "indistinct": [trial.name for trial in self.indistinct],
            "at_the_edge": [edge.key for edge in self.edges],
            "config": str(self.path / "best.yaml"),
        }

    def to_dicts(self) -> list[dict[str, Any]]:
        """A row for every trial in the order in which they began, as pandas takes it.

        Name, status ("completed" or "failed"), figures of the best epoch, epochs, seconds, the trial it went on from,
        every setting of the space (None where the trial had no use for it) and why it failed.
        """
        first, second = self.metrics
        return [
            {
                "trial": trial.name,
                "status": "failed" if trial.value is None else "completed",
                first.log_name: trial.value,
                second.log_name: trial.second,
                "epochs": trial.epochs,
                "best_epoch": trial.best_epoch,
                "seconds": trial.seconds,
                "went_on_from": trial.go_on_from,
                **{dimension.key: trial.values.get(dimension.key) for dimension in self.space.dimensions},
                "failure": trial.reason,
            }
            for trial in self.trials
        ]

    def _repr_html_(self) -> str:
        """The best first, failed ones last."""
        rows = {row["trial"]: row for row in self.to_dicts()}
        ranked = [trial.name for trial in self.ranked]
        return html_table([rows[name] for name in [*ranked, *(name for name in rows if name not in ranked)]])

    def table(self) -> str:
        """The trials for a terminal, the best first, failed ones last with their reasons."""
        keys = [dimension.key for dimension in self.space.dimensions]
        rows = [
            ["trial", *(metric.title for metric in self.metrics), "epochs", *(key.partition(".")[2] for key in keys)]
        ]
        for trial in self.ranked:
            figures = [f"{trial.value:.2f}", f"{trial.second:.2f}", str(trial.epochs)]
            rows.append([trial.name, *figures, *_cells(trial, keys)])
        for trial in self.trials:
            if trial.value is None:
                rows.append([trial.name, "failed", "", "", *_cells(trial, keys)])
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        lines += [f"trial {trial.name} failed: {trial.reason}" for trial in self.trials if trial.reason]
        shares = [f"{key} {share:.0%}" for key, share in self.importance.items()]
        if shares:
            lines.append(f"differences in {self.metrics[0].label} are explained by {', '.join(shares)}")
        lines += self.remarks
        return "\n".join(line.rstrip() for line in lines) + "\n"

    @property
    def remarks(self) -> list[str]:
        """What a reader of the figures should know: how sure they are, and where the space ends too early."""
        remarks = []
        if self.best and self.interval and self.dev_size:
            low, high = self.interval
            items = count_of(self.dev_size, "dev source")
            bounds = f"{self.metrics[0].label} lies between {low:.1f} and {high:.1f} % (95 %)"
            sure = f"trial {self.best.name}: on {items}, {bounds}"
            names = [trial.name for trial in self.indistinct]
            if names:
                shown = ", ".join(names[:MOST_NAMES]) + (
                    f" and {len(names) - MOST_NAMES} more" * (len(names) > MOST_NAMES)
                )
                sure += f"; trial{'s' * (len(names) > 1)} {shown} cannot be told apart from it on this dev set"
            remarks.append(sure)
        return remarks + [edge.describe() for edge in self.edges]

    def describe_best(self) -> str:
        """The best trial so far, in a line."""
        if self.best is None:
            return "no trial has succeeded so far"
        figures = self.metrics[0].describe(self.best.value or 0.0)
        settings = ", ".join(f"{key} {show_value(value)}" for key, value in self.best.values.items())
        return f"best of {count_of(len(self.trials), 'trial')} so far: trial {self.best.name}, {figures} ({settings})"

    @functools.cached_property
    def importance(self) -> dict[str, float]:
        """How much of the differences in the dev metric each setting explains, as shares, the largest first.

        Drop in accuracy of a random forest over the trials when a setting's column is shuffled; empty if there
        are too few trials.
        """
        return _importance(self)


def _cells(trial: TrialRecord, keys: list[str]) -> list[str]:
    return [show_value(trial.values[key]) if key in trial.values else "–" for key in keys]


def _importance(result: TuningResult) -> dict[str, float]:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    trials = result.ranked
    if len(trials) < FEWEST_TRIALS:
        return {}
    names, columns = [], []
    for dimension in result.space.dimensions:
        names.append(dimension.key)
        columns.append([position_of(dimension, trial.values.get(dimension.key, dimension.preset)) for trial in trials])
    names.append("epochs trained")
    columns.append([float(trial.epochs) for trial in trials])
    features, values = np.array(columns).T, np.array([trial.value for trial in trials])
    forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=0).fit(features, values)
    drops = permutation_importance(forest, features, values, n_repeats=20, random_state=0).importances_mean
    drops = np.maximum(drops, 0)
    if not drops.sum() > 0:
        return {}
    shares = {name: float(drop / drops.sum()) for name, drop in zip(names, drops, strict=True)}
    if len(set(columns[-1])) == 1:
        del shares[names[-1]]
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
