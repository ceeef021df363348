"""Members, ensemble and student side by side: measured, as a table and as JSON."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.evaluation.evaluate import add_objectives, evaluate_pairs
from pipeline.evaluation.metrics import Metric, objectives
from pipeline.files.durable import write_atomically
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.references import group_references
from pipeline.saved_models.opening import load
from pipeline.settings.configuration import Configuration


class Measured(NamedTuple):
    """What a model's figures are."""

    name: str
    path: str
    """The run, or those of an ensemble with commas between them."""
    figures: dict[str, dict[str, float]]
    """By split and name."""


def measure(path: str, pairs: Sequence[Pair], configuration: Configuration, split: str) -> dict[str, float]:
    """The figures of a model on a split, by name; outputs are not drawn by lot."""
    # TensorFlow takes it for an accident that many models are traced, one after the other.
    tensorflow = logging.getLogger("tensorflow")
    tensorflow.addFilter(_is_not_of_tracing)
    try:
        described = f"{Path(path).name}, {split}"
        scores, predictions = evaluate_pairs(load(path, search={"method": "best"}), pairs, described)
    finally:
        tensorflow.removeFilter(_is_not_of_tracing)
    text = configuration.text
    lists = [[pair.target] for pair in pairs] if text.has_sentences else list(group_references(pairs, text).values())
    figures = add_objectives(dict(scores.figures), objectives(configuration), predictions, lists, text)
    return {name: round(value, 4) for name, value in figures.items()}


def _is_not_of_tracing(record: logging.LogRecord) -> bool:
    return "retracing" not in record.getMessage()


def rank(figures: Mapping[str, float], metrics: Sequence[Metric]) -> list[float]:
    """What the best of several is the least of."""
    return [metric.to_minimize(figures[metric.name]) for metric in metrics]


def write_report(table: Path, result: Path, rows: Sequence[Measured], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write both files; returns what the JSON holds."""
    found = {**facts, "models": [row._asdict() for row in rows]}
    write_atomically(table, make_table(rows))
    write_atomically(result, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return found


def make_table(rows: Sequence[Measured]) -> str:
    """The figures in Markdown.

    Example:
        >>> print(make_table([Measured("student", "runs/s", {"dev": {"wer": 12.5}, "test": {"wer": 13.0}})]))
        | model | dev wer | test wer |
        |---|---|---|
        | student | 12.50 | 13.00 |
        <BLANKLINE>
    """
    columns = [(split, name) for split, figures in rows[0].figures.items() for name in figures]
    heads = ["model", *(f"{split} {name}" for split, name in columns)]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in rows:
        cells = [row.name, *(f"{row.figures[split][name]:.2f}" for split, name in columns)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
