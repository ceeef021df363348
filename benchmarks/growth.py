"""How time and memory grow: `python -m benchmarks.growth [--picture docs/growth.png]`.

Varies one thing at a time around the size "g2p": units, source length, target length, vocabulary (time of a training
step per real target symbol), and the number of pairs in the corpus (time per pair of preparing the data and of an
epoch of batches, and peak memory; each in a process of its own). A table goes to stderr, a JSON object to the last
line of stdout. `--before FILE` has such a line of other code, measured on the same machine: its lines are drawn dashed.
"""

import argparse
import dataclasses
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from matplotlib.figure import Figure

from benchmarks.memory import peak_memory
from benchmarks.sizes import Size, random_batch

LETTERS = "abcdefghijklmnopqrstuvwxyz"
VARIED: dict[str, tuple[int, ...]] = {
    "units": (64, 128, 256, 512),
    "length": (6, 12, 24, 48, 96),
    "target_length": (6, 12, 24, 48, 96),
    "vocabulary": (45, 500, 2000, 8000, 32000),
}
PAIRS = (1_000, 10_000, 100_000, 1_000_000)
AXES = {
    "units": "units",
    "length": "source length",
    "target_length": "target length",
    "vocabulary": "vocabulary",
}

CORPUS_LINES = {"prepare_us": "prepare, µs per pair", "epoch_us": "epoch, µs per pair", "memory_mib": "memory, MiB"}
COLORS = ("#3b6ea5", "#d9822b", "#3f8f5b")
Found = dict[str, Any]


def step_growth(repeats: int) -> dict[str, dict[int, float]]:
    """Microseconds of a training step per real target symbol, by what is varied and its value."""
    growth: dict[str, dict[int, float]] = {}
    for name, values in VARIED.items():
        for value in values:
            changes: dict[str, Any] = {name: value}
            size = dataclasses.replace(_around(name), **changes)
            growth.setdefault(name, {})[value] = _step_microseconds(size, repeats)
    return growth


def _around(name: str) -> Size:
    # The other length stays as it is while one varies.
    return Size(batch=64, target_length=12) if name == "length" else Size(batch=64)


def _step_microseconds(size: Size, repeats: int) -> float:
    from benchmarks.training_speed import keras_run
    from pipeline.model.sequence_to_sequence import build_model

    batch = random_batch(size)
    run = keras_run(build_model(size.model(), size.vocabulary, size.vocabulary, seed=1), batch)
    run(2)
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run(1)
        times.append(time.perf_counter() - began)
    return 1e6 * sorted(times)[len(times) // 2] / float(batch.target_lengths.sum())


def corpus_growth() -> dict[int, dict[str, float]]:
    """Time per pair and peak memory, by the number of pairs."""
    found = {}
    for pairs in PAIRS:
        command = [sys.executable, "-m", "benchmarks.growth", "--pairs", str(pairs)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[pairs] = json.loads(answer.splitlines()[-1])
    return found


def measure_corpus(pairs: int) -> dict[str, float]:
    """In this process: made-up words of 3 to 15 letters, prepared and run through once."""
    from pipeline.data.batches import training_batches
    from pipeline.data.preparation import open_run
    from pipeline.data.prepared.orders import make_order
    from pipeline.runs.directory import RunDirectory
    from pipeline.settings.configure import configure

    with tempfile.TemporaryDirectory() as folder:
        path, generator = Path(folder) / "pairs.tsv", random.Random(1)
        with open(path, "w", encoding="utf-8") as file:
            for _ in range(pairs):
                word = "".join(generator.choices(LETTERS, k=generator.randint(3, 15)))
                file.write(f"{word}\t{' '.join(word.upper())}\n")
        dev = Path(folder) / "dev.tsv"
        dev.write_text("zzz\tZ Z Z\n", encoding="utf-8")
        configuration = configure(changes={"data.train": str(path), "data.dev": str(dev)})
        run = RunDirectory(Path(folder) / "run")
        began = time.perf_counter()
        data = open_run(configuration, run)
        prepared = time.perf_counter()
        order = make_order(data.train, data.buckets, seed=1)
        for _ in training_batches(order).take(order.steps):
            pass
        ended = time.perf_counter()
    return {
        "prepare_us": 1e6 * (prepared - began) / pairs,
        "epoch_us": 1e6 * (ended - prepared) / pairs,
        "memory_mib": peak_memory() or float("nan"),
    }


def table(steps: dict[str, dict[int, float]], corpus: dict[int, dict[str, float]]) -> str:
    """The result for people."""
    lines = ["microseconds of a training step per target symbol (units 256, 12 x 12 symbols, vocabulary 45, batch 64)"]
    for name, values in steps.items():
        shown = "  ".join(f"{value:,}: {time_of:.1f}" for value, time_of in values.items())
        lines.append(f"  {AXES[name]:<15}{shown}")
    lines.append("corpus              pairs   prepare us/pair   epoch of batches us/pair   peak memory MiB")
    for pairs, found in corpus.items():
        prepare, epoch, memory = found["prepare_us"], found["epoch_us"], found["memory_mib"]
        lines.append(f"  {pairs:>23,}{prepare:>18.1f}{epoch:>27.2f}{memory:>18,.0f}")
    return "\n".join(lines) + "\n"


def draw(found: Found, before: Found | None = None) -> Figure:
    """A panel for everything that is varied; other code's lines dashed beside."""
    steps, corpus = found["steps"], found["corpus"]
    figure = Figure(figsize=(15, 3.4), layout="constrained")
    panels = figure.subplots(1, len(steps) + 1)
    last = panels[-1]
    for one, style in ((before, "--"), (found, "-")):
        if one is not None:
            _draw_lines(panels, one, style, "before" if one is before else "now")
    for axes, name in zip(panels, steps, strict=False):
        axes.set_xlabel(AXES[name])
        axes.set_ylabel("µs per target symbol" if axes is panels[0] else "")
    if before is not None:
        panels[0].legend(fontsize=8)
    last.set_yscale("log")
    last.set_xlabel("pairs in the corpus")
    last.legend(fontsize=8)
    places = [*(list(values) for values in steps.values()), list(corpus)]
    for axes, ticks in zip(panels, places, strict=True):
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{value:,}" for value in ticks], fontsize=8)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        if axes is not last:
            axes.set_ylim(bottom=0)
    return figure


def _draw_lines(panels: Sequence[Any], found: Found, style: str, label: str) -> None:
    look = {"marker": "o", "linestyle": style, "alpha": 1.0 if style == "-" else 0.5}
    for axes, values in zip(panels, found["steps"].values(), strict=False):
        axes.plot([int(value) for value in values], list(values.values()), color="#3b6ea5", label=label, **look)
    for (name, shown), color in zip(CORPUS_LINES.items(), COLORS, strict=True):
        figures = [row[name] for row in found["corpus"].values()]
        pairs = [int(pairs) for pairs in found["corpus"]]
        panels[-1].plot(pairs, figures, color=color, label=shown if style == "-" else None, **look)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--before", type=Path, metavar="FILE", help="what this printed with other code")
    parser.add_argument("--pairs", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.pairs:
        print(json.dumps(measure_corpus(options.pairs)))
        return
    from pipeline.pictures.heat_map import save_png

    steps, corpus = step_growth(options.repeats), corpus_growth()
    print(table(steps, corpus), file=sys.stderr)
    if options.picture:
        before = json.loads(options.before.read_text(encoding="utf-8").splitlines()[-1]) if options.before else None
        save_png(draw({"steps": steps, "corpus": corpus}, before), options.picture)
    print(json.dumps({"steps": steps, "corpus": corpus}))


if __name__ == "__main__":
    main()
