"""What a search found: the best settings, a table, which settings mattered, pictures, TensorBoard."""

import csv
import dataclasses
import functools
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.attention_plot import save_png
from pipeline.board import HEAT_MAPS, RESULT
from pipeline.configuration import Configuration
from pipeline.files import write_atomically
from pipeline.metrics import Metric, objectives
from pipeline.space import Choices, Dimension, SearchSpace, Value

TREES = 300
FEWEST_TRIALS = 6  # below, a statement about settings would be a guess


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
class SearchResult:
    """Every trial of a search, in the order in which they began."""

    path: Path
    trials: list[TrialRecord]
    space: SearchSpace

    @property
    def metrics(self) -> tuple[Metric, Metric]:
        """What decides which trial is best, and what decides between equal ones."""
        return objectives(self.space.configuration.text)

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

    def to_json(self) -> dict[str, Any]:
        """The object that `tune` prints last."""
        failed = sum(trial.reason is not None for trial in self.trials)
        best = self.best
        return {
            "trials": len(self.trials),
            "failed": failed,
            "best": best.name if best else None,
            self.metrics[0].log_name: round(best.value, 4) if best and best.value is not None else None,
            "config": str(self.path / "best.yaml"),
        }

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
            lines.append(f"differences in {self.metrics[0].name.upper()} are explained by {', '.join(shares)}")
        return "\n".join(line.rstrip() for line in lines) + "\n"

    @functools.cached_property
    def importance(self) -> dict[str, float]:
        """How much of the differences in the dev metric each setting explains, as shares, the largest first.

        Drop in accuracy of a random forest over the trials when a setting's column is shuffled; empty if there
        are too few trials.
        """
        return _importance(self)


def _cells(trial: TrialRecord, keys: list[str]) -> list[str]:
    return [_show(trial.values[key]) if key in trial.values else "–" for key in keys]


def _show(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "null" if value is None else str(value)


def _importance(result: SearchResult) -> dict[str, float]:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    trials = result.ranked
    if len(trials) < FEWEST_TRIALS:
        return {}
    names, columns = [], []
    for dimension in result.space.dimensions:
        names.append(dimension.key)
        columns.append([_position(dimension, trial.values.get(dimension.key, dimension.preset)) for trial in trials])
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


def _position(dimension: Dimension, value: Value) -> float:
    """Where a value lies on its axis, from 0 to 1."""
    over = dimension.over
    if isinstance(over, Choices):
        return over.values.index(value) / max(1, len(over.values) - 1)
    number = float(value)  # type: ignore[arg-type]
    if over.log:
        return math.log(number / over.low) / math.log(over.high / over.low)
    return (number - over.low) / (over.high - over.low)


def write_report(result: SearchResult) -> None:
    """Write best.yaml, trials.tsv, the pictures, and what TensorBoard shows of the whole search."""
    write_atomically(result.path / "trials.tsv", _to_tsv(result))
    best = result.best_configuration
    if best is None:
        return
    best.save(result.path / "best.yaml")
    save_png(draw_trials(result), result.path / "trials.png")
    pictures = {"trials": result.path / "trials.png"}
    if result.importance:
        save_png(draw_importance(result), result.path / "importance.png")
        pictures["importance"] = result.path / "importance.png"
    _write_events(result, pictures)


def _to_tsv(result: SearchResult) -> str:
    keys = [dimension.key for dimension in result.space.dimensions]
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    figures = [metric.log_name for metric in result.metrics]
    writer.writerow(["trial", *figures, "epochs", "best_epoch", "seconds", "went_on_from", *keys, "failure"])
    for trial in result.trials:
        numbers = [trial.value, trial.second, trial.epochs, trial.best_epoch, trial.seconds]
        cells = ["" if figure is None else f"{figure:.6g}" for figure in numbers]
        settings = [_show(trial.values[key]) if key in trial.values else "" for key in keys]
        writer.writerow([trial.name, *cells, trial.go_on_from or "", *settings, trial.reason or ""])
    return text.getvalue()


def draw_trials(result: SearchResult) -> Figure:
    """Parallel coordinates: a line per trial from setting to setting to its dev metric, the best ones on top."""
    dimensions, trials = result.space.dimensions, result.ranked
    metric = result.metrics[0]
    # Better is lower, on the page as well.
    values = [metric.to_minimize(trial.value or 0.0) for trial in trials]
    lowest, highest = min(values), max(values)
    scale = Normalize(lowest, max(highest, lowest + 1e-9))
    figure = Figure(figsize=(1.5 * (len(dimensions) + 2), 4.8), layout="constrained")
    axes = figure.add_subplot()
    for trial, value in reversed(list(zip(trials, values, strict=True))):
        # A setting that a trial had no use for is passed by.
        points = [(p, _position(d, trial.values[d.key])) for p, d in enumerate(dimensions) if d.key in trial.values]
        is_best = trial is trials[0]
        axes.plot(
            *zip(*points, (len(dimensions), float(scale(value))), strict=True),
            color=colormaps["viridis"](0.92 * float(scale(value))),
            linewidth=3 if is_best else 1.2,
            marker="o",
            markersize=4,
            alpha=1 if is_best else 0.75,
        )
    for position, dimension in enumerate(dimensions):
        axes.axvline(position, color="0.8", linewidth=0.8, zorder=0)
        for height, label in _ticks(dimension):
            _write(axes, label, (position, height), "right")
    end = len(dimensions)
    axes.axvline(end, color="0.3", linewidth=1, zorder=0)
    for height in (0.0, 0.5, 1.0):
        value = metric.to_minimize(lowest + height * (highest - lowest))  # twice is the figure itself
        label = f"{value:.1f}{' %' if '%' in metric.title else ''}"
        _write(axes, label, (end, height), "left")
    axes.set_xticks(range(end + 1), [*(d.key.replace(".", ".\n") for d in dimensions), f"dev {metric.name.upper()}"])
    axes.set_yticks([])
    axes.set_xlim(-0.6, end + 0.6)
    axes.set_title(f"{len(trials)} trials; dark is better, the thick line is the best (trial {trials[0].name})")
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


def _write(axes: Any, label: str, point: tuple[float, float], side: str) -> None:
    paper = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
    away = (-6 if side == "right" else 6, 0)
    axes.annotate(label, point, away, textcoords="offset points", ha=side, va="center", bbox=paper, zorder=5)


def _ticks(dimension: Dimension) -> list[tuple[float, str]]:
    over = dimension.over
    if isinstance(over, Choices):
        return [(_position(dimension, value), _show(value)) for value in over.values]
    middle = math.sqrt(over.low * over.high) if over.log else (over.low + over.high) / 2
    numbers: list[Any] = [over.low, round(middle) if over.whole else middle, over.high]
    return [(_position(dimension, number), f"{number:.3g}") for number in numbers]


def draw_importance(result: SearchResult) -> Figure:
    """A bar per setting."""
    shares = result.importance
    figure = Figure(figsize=(7, 0.4 * len(shares) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh(list(shares)[::-1], [100 * share for share in shares.values()][::-1], color="#3b6ea5")
    axes.bar_label(bars, fmt="%.0f %%", padding=3)
    axes.set_xlim(0, 110 * max(shares.values()))
    name = result.metrics[0].name.upper()
    axes.set_xlabel(f"share of the differences in dev {name} that the setting explains")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure


def _write_events(result: SearchResult, pictures: dict[str, Path]) -> None:
    """The HParams tab's columns, the pictures above, and the attention of the best trial."""
    from tensorboard.plugins.hparams import api

    best = result.best
    assert best is not None
    logs = result.path / "logs"
    for old in logs.glob("events.*"):
        old.unlink()
    columns = [api.HParam(dimension.key, _domain(dimension)) for dimension in result.space.dimensions]
    metrics = [api.Metric(RESULT + metric.name, display_name=f"dev {metric.title}") for metric in result.metrics]
    drawn = sorted((result.path / "trials" / best.name / "attention").glob("*.png"))
    with tf.summary.create_file_writer(str(logs)).as_default():
        api.hparams_config(hparams=columns, metrics=metrics)
        images = {f"search/{name}": path for name, path in pictures.items()}
        images |= {f"{HEAT_MAPS}{path.stem}": path for path in drawn}
        for name, path in images.items():
            tf.summary.image(name, tf.image.decode_png(path.read_bytes(), channels=3)[None], step=len(result.trials))
        tf.summary.text("search/trials", f"```\n{result.table()}```", step=len(result.trials))


def _domain(dimension: Dimension) -> Any:
    from tensorboard.plugins.hparams import api

    over = dimension.over
    if isinstance(over, Choices):
        simple = [value if isinstance(value, int | float | str) else _show(value) for value in over.values]
        kinds = {type(value) for value in simple}
        return api.Discrete(simple) if len(kinds) == 1 else None
    return api.IntInterval(int(over.low), int(over.high)) if over.whole else api.RealInterval(over.low, over.high)
