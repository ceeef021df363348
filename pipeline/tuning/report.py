"""The report of a tuning: the best settings as a file, tables, pictures, TensorBoard."""

import csv
import io
import math
import os
from pathlib import Path
from typing import Any

import tensorflow as tf
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.errors import count_of
from pipeline.files.durable import write_atomically
from pipeline.monitoring.board import HEAT_MAPS, RESULT
from pipeline.pictures.heat_map import save_png
from pipeline.tuning.range_edges import position_of, show_value
from pipeline.tuning.result import TuningResult
from pipeline.tuning.space import Choices, Dimension
from pipeline.unicode.visible import shorten, visible

LONGEST_LABEL = 24


def write_report(result: TuningResult) -> None:
    """Write best.yaml, trials.tsv, the pictures, and what TensorBoard shows of the whole tuning."""
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


def _to_tsv(result: TuningResult) -> str:
    keys = [dimension.key for dimension in result.space.dimensions]
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    figures = [metric.log_name for metric in result.metrics]
    writer.writerow(["trial", *figures, "epochs", "best_epoch", "seconds", "went_on_from", *keys, "failure"])
    for trial in result.trials:
        numbers = [trial.value, trial.second, trial.epochs, trial.best_epoch, trial.seconds]
        cells = ["" if figure is None else f"{figure:.6g}" for figure in numbers]
        settings = [show_value(trial.values[key]) if key in trial.values else "" for key in keys]
        writer.writerow([trial.name, *cells, trial.go_on_from or "", *settings, trial.reason or ""])
    return text.getvalue()


def draw_trials(result: TuningResult) -> Figure:
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
        points = [(p, position_of(d, trial.values[d.key])) for p, d in enumerate(dimensions) if d.key in trial.values]
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
    axes.set_xticks(range(end + 1), [*(d.key.replace(".", ".\n") for d in dimensions), f"dev {metric.label}"])
    axes.set_yticks([])
    axes.set_xlim(-0.6, end + 0.6)
    axes.set_title(
        f"{count_of(len(trials), 'trial')}; dark is better, the thick line is the best (trial {trials[0].name})"
    )
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


def _write(axes: Any, label: str, point: tuple[float, float], side: str) -> None:
    paper = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
    away = (-6 if side == "right" else 6, 0)
    place = {"textcoords": "offset points", "ha": side, "va": "center", "bbox": paper, "zorder": 5}
    axes.annotate(shorten(visible(label, space=" "), LONGEST_LABEL), point, away, **place, parse_math=False)


def _ticks(dimension: Dimension) -> list[tuple[float, str]]:
    over = dimension.over
    if isinstance(over, Choices):
        return [(position_of(dimension, value), show_value(value)) for value in over.values]
    middle = math.sqrt(over.low * over.high) if over.log else (over.low + over.high) / 2
    numbers: list[Any] = [over.low, round(middle) if over.whole else middle, over.high]
    return [(position_of(dimension, number), f"{number:.3g}") for number in numbers]


def draw_importance(result: TuningResult) -> Figure:
    """A bar per setting."""
    shares = result.importance
    figure = Figure(figsize=(7, 0.4 * len(shares) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh(list(shares)[::-1], [100 * share for share in shares.values()][::-1], color="#3b6ea5")
    axes.bar_label(bars, fmt="%.0f %%", padding=3)
    axes.set_xlim(0, 110 * max(shares.values()))
    name = result.metrics[0].label
    axes.set_xlabel(f"share of the differences in dev {name} that the setting explains")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure


def _write_events(result: TuningResult, pictures: dict[str, Path]) -> None:
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
    with tf.summary.create_file_writer(os.fsencode(logs)).as_default():
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
        simple = [value if isinstance(value, int | float | str) else show_value(value) for value in over.values]
        kinds = {type(value) for value in simple}
        return api.Discrete(simple) if len(kinds) == 1 else None
    return api.IntInterval(int(over.low), int(over.high)) if over.whole else api.RealInterval(over.low, over.high)
