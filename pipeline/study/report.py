"""What a study of length found: an object, a table and a picture."""

import csv
import dataclasses
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.evaluation.bootstrap import Interval
from pipeline.files.durable import write_atomically
from pipeline.pictures.heat_map import save_png
from pipeline.study.figures import Measured
from pipeline.text.chunks import BATCH_SIZE

# Two of the colours that Okabe and Ito (2008) chose for every kind of sight; marks and lines differ as well.
STYLES: tuple[dict[str, Any], ...] = (
    {"color": "#D55E00", "marker": "s", "linestyle": "--"},
    {"color": "#0072B2", "marker": "o", "linestyle": "-"},
)


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """One of the two networks."""

    attention: str
    units: int
    parameters: int
    learning_rate: float
    """The one chosen."""

    @property
    def title(self) -> str:
        """Its name in the picture."""
        kind = "one fixed context" if self.attention == "none" else f"attention ({self.attention.replace('_', ' ')})"
        return f"{kind}, {self.parameters:,} parameters"


@dataclasses.dataclass(frozen=True)
class TrainingRecord:
    """A training of the study; one that failed has no epochs."""

    name: str
    kind: str
    learning_rate: float
    seed: int
    dev: float
    """The decoded dev metric of its best epoch."""
    epochs: int
    best_epoch: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class LengthStudy:
    """Quality and cost of two models by source length, the one with a fixed context first."""

    path: Path
    unit: str
    """What lengths are counted in."""
    quality: str
    """The figure: BLEU, or 100 − WER in percent."""
    parts: Sequence[Measured]
    """The shortest fifth of the test set first."""
    whole: Measured
    models: Mapping[str, TrainedModel]
    trainings: Sequence[TrainingRecord]
    seeds: Sequence[int]
    beam: int
    samples: int

    def to_json(self) -> dict[str, Any]:
        """The object that `study` prints last."""
        spent = {kind: sum(run.seconds for run in self.trainings if run.kind == kind) for kind in self.models}
        return {
            "study": "length",
            "quality": self.quality,
            "length_in": self.unit,
            "beam": self.beam,
            "seeds": list(self.seeds),
            "samples": self.samples,
            "fifths": [part.to_json() for part in self.parts],
            "all": self.whole.to_json(),
            "parameters": {kind: model.parameters for kind, model in self.models.items()},
            "units": {kind: model.units for kind, model in self.models.items()},
            "learning_rates": {kind: model.learning_rate for kind, model in self.models.items()},
            "training_seconds": {kind: round(seconds, 1) for kind, seconds in spent.items()},
            "directory": str(self.path),
        }

    def to_dicts(self) -> list[dict[str, Any]]:
        """A row for every fifth and one for all, as pandas takes it; figures of each model begin with its name."""
        return [_row(name, part, list(self.models)) for name, part in self._named_parts()]

    def _named_parts(self) -> list[tuple[str, Measured]]:
        return [*((str(place), part) for place, part in enumerate(self.parts, 1)), ("all", self.whole)]

    def _repr_markdown_(self) -> str:
        return self.table()

    def table(self) -> str:
        """The figures in Markdown."""
        columns = [f"{self.quality}, {kind} [95 %]" for kind in self.models]
        costs = [f"ms, {kind}" for kind in self.models]
        heads = [self.unit, "n", *columns, "lead of attention [95 %]", *costs, "attention entries n·m"]
        lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        for name, part in [*((_range(part), part) for part in self.parts), ("all", self.whole)]:
            cells = [name, f"{part.n:,}", *(_show(part.quality[kind]) for kind in self.models)]
            cells += [_show(part.lead, " %", "+"), *(f"{1000 * part.seconds[kind]:.2f}" for kind in self.models)]
            lines.append("| " + " | ".join([*cells, f"{max(part.entries.values()):,.0f}"]) + " |")
        return "\n".join(lines) + "\n"


def _row(name: str, part: Measured, kinds: Sequence[str]) -> dict[str, Any]:
    row = {"part": name, "shortest": part.shortest, "longest": part.longest, "n": part.n}
    for kind in kinds:
        found = part.quality[kind]
        row |= {f"{kind}_quality": found.value, f"{kind}_low": found.low, f"{kind}_high": found.high}
        row |= {f"{kind}_seconds_per_input": part.seconds[kind], f"{kind}_attention_entries": part.entries[kind]}
    return {**row, "lead_percent": part.lead.value, "lead_low": part.lead.low, "lead_high": part.lead.high}


def _range(part: Measured) -> str:
    return str(part.shortest) if part.shortest == part.longest else f"{part.shortest} to {part.longest}"


def _show(interval: Interval, unit: str = "", sign: str = "") -> str:
    if not all(map(math.isfinite, interval)):
        return "–"
    return f"{interval.value:{sign}.1f}{unit} [{interval.low:{sign}.1f}, {interval.high:{sign}.1f}]"


def write_report(study: LengthStudy) -> None:
    """Write length.json, length.tsv, length.md and length.png."""
    trainings = [
        {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in record.items()}
        for record in map(dataclasses.asdict, study.trainings)
    ]
    found = {**study.to_json(), "trainings": trainings}
    write_atomically(study.path / "length.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    write_atomically(study.path / "length.tsv", _to_tsv(study))
    write_atomically(study.path / "length.md", study.table())
    save_png(draw_length(study), study.path / "length.png")


def _to_tsv(study: LengthStudy) -> str:
    text, rows = io.StringIO(), study.to_dicts()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row.values()])
    return text.getvalue()


def draw_length(study: LengthStudy) -> Figure:
    """Quality, decoding time and attention entries by source length, a line per model."""
    figure = Figure(figsize=(15, 5.2), layout="constrained")
    quality, time, entries = figure.subplots(1, 3, width_ratios=[1.6, 1, 1])
    for place, (kind, model) in enumerate(study.models.items()):
        spots = [spot + (place - 0.5) * 0.12 for spot in range(len(study.parts))]  # so that no bar hides another
        found = [part.quality[kind] for part in study.parts]
        bars = [[max(0.0, f.value - f.low) for f in found], [max(0.0, f.high - f.value) for f in found]]
        style = STYLES[place] | {"markersize": 7, "linewidth": 2, "clip_on": False}
        values = [figures.value for figures in found]
        quality.errorbar(spots, values, yerr=bars, capsize=5, label=model.title, **style)
        time.plot(spots, [1000 * part.seconds[kind] for part in study.parts], **style)
        entries.plot(spots, [part.entries[kind] for part in study.parts], **style)
    seeds = f"mean of {len(study.seeds)} seeds" if len(study.seeds) > 1 else "one seed"
    percent = " (%)" if "WER" in study.quality else ""
    _finish(quality, study, f"{study.quality}{percent}", f"quality by fifths of the test set: {seeds}, 95 % bootstrap")
    _finish(time, study, "decoding time per input (ms)", f"time: beam {study.beam}, batches of up to {BATCH_SIZE}")
    _finish(entries, study, "attention entries n·m per input", "attention: source × output symbols")
    for axes in (time, entries):
        axes.set_ylim(bottom=0)
    figure.legend(*quality.get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False, fontsize=12)
    return figure


def _finish(axes: Axes, study: LengthStudy, label: str, title: str) -> None:
    # Two lines, so that neighbours do not meet.
    ticks = [f"{_range(part).replace(' to ', '–')}\nn={part.n}" for part in study.parts]
    axes.set_xticks(range(len(ticks)), ticks, fontsize=9)
    axes.set_xlim(-0.5, len(ticks) - 0.5)
    axes.set_xlabel(f"source length in {study.unit}", fontsize=11)
    axes.set_ylabel(label, fontsize=11)
    axes.set_title(title, fontsize=11)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7))
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
