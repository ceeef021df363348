"""Sources labelled by an ensemble, in parts that are found again, as a file of pairs that a training takes."""

import dataclasses
import json
import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.answering.predictions import AnswersStrings, Hypothesis, Prediction
from pipeline.errors import DataError, UsageError, count_of
from pipeline.files.durable import write_atomically
from pipeline.pairs.columns import Columns
from pipeline.plain_text.table_rows import as_row, header
from pipeline.text.symbols import SPECIAL_SYMBOLS, UNKNOWN
from pipeline.unicode.white_space import strip

logger = logging.getLogger(__name__)

PART = 2048
"""Sources of a part: what is done again at most after a kill."""


@dataclasses.dataclass(frozen=True)
class LabelSettings:
    """Which outputs become labels.

    Args:
        n_best: Labels of a source.
        sampled: Whether they are drawn from the n best by their probability, and may be equal: a probable one then has
            more weight; else they are these n best.
        least_score: Least log p of a label, divided by its number of symbols; None takes all.
        seed: Of the drawing.
    """

    n_best: int = 1
    sampled: bool = False
    least_score: float | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        if self.n_best < 1:
            raise UsageError(f"--n-best: {self.n_best} is impossible, it must be at least 1")
        if self.least_score is not None and not self.least_score < 0:
            raise UsageError(f"--least-score: {self.least_score} is impossible, log p is below 0, as in -0.2")


class LabelDirectory:
    """Where labels lie."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pairs = path / "labels.tsv"
        self.info = path / "labels.json"
        self.parts = path / "parts"

    def read_info(self) -> dict[str, Any]:
        """What its labels were made of, and how many there are; empty where none were begun.

        Raises:
            DataError: It is damaged.
        """
        if not self.info.is_file():
            return {}
        try:
            return dict(json.loads(self.info.read_text(encoding="utf-8")))
        except ValueError as error:
            raise DataError(f"{self.info}: damaged ({error}); label again with --overwrite") from error

    def remove(self) -> None:
        """Delete the labels, and only what stands here."""
        shutil.rmtree(self.parts, ignore_errors=True)
        for file in (self.pairs, self.info):
            file.unlink(missing_ok=True)


def make_labels(
    directory: LabelDirectory,
    sources: Sequence[str],
    made_of: dict[str, Any],
    open_ensemble: Callable[[], AnswersStrings],
    settings: LabelSettings,
    columns: Columns | None = None,
) -> dict[str, int]:
    """Label the sources, or go on with it, or find that it is done.

    Args:
        directory: Where the labels go; `labels.tsv` is there at the end.
        sources: What is labelled.
        made_of: All that the labels depend on, as JSON.
        open_ensemble: Loads what labels; it keeps at least as many outputs as there are labels of a source.
        settings: Which outputs become labels.
        columns: Those of `labels.tsv`, where the real pairs' are chosen.

    Returns:
        How many labels there are ("labels"), and how many sources have none, by reason.

    Raises:
        UsageError: There are labels that were made of something else.
        DataError: No label is left, or a file is damaged.
    """
    info = directory.read_info()
    if info and info["made_of"] != made_of:
        before = info["made_of"]
        changed = [key for key in {**before, **made_of} if before.get(key) != made_of.get(key)]
        hint = " (--recombined N, if it is their number that differs)" if changed == ["inputs"] else ""
        raise UsageError(
            f"{directory.path}: holds labels that were made with other settings ({', '.join(changed)}); give the "
            f"former ones{hint}, choose another --run, or replace them with --overwrite"
        )
    if info.get("counts") and directory.pairs.is_file():
        return dict(info["counts"])
    directory.parts.mkdir(parents=True, exist_ok=True)
    write_atomically(directory.info, json.dumps({"made_of": made_of}, indent=1) + "\n")
    _label_parts(directory, sources, open_ensemble, settings)
    counts = _join_parts(directory, len(sources), columns)
    write_atomically(directory.info, json.dumps({"made_of": made_of, "counts": counts}, indent=1) + "\n")
    shutil.rmtree(directory.parts, ignore_errors=True)
    _tell(directory, counts, len(sources))
    return counts


def _label_parts(
    directory: LabelDirectory,
    sources: Sequence[str],
    open_ensemble: Callable[[], AnswersStrings],
    settings: LabelSettings,
) -> None:
    ensemble, began, done = None, time.monotonic(), 0
    for first in range(0, len(sources), PART):
        path = _part(directory, first)
        if path.is_file():
            continue
        if ensemble is None:
            ensemble, began = open_ensemble(), time.monotonic()
            if first:
                logger.info("labels: going on after %s", count_of(first, "source"))
        part = sources[first : first + PART]
        pairs, counts = _label(ensemble.predict(part), part, settings, first)
        write_atomically(path, json.dumps({"pairs": pairs, "counts": counts}, ensure_ascii=False))
        done += len(part)
        speed = done / max(time.monotonic() - began, 1e-6)
        labelled = first + len(part)
        left = (len(sources) - labelled) / speed / 60
        logger.info("labels: %d of %d sources, %.0f a second, %.1f min left", labelled, len(sources), speed, left)


def _part(directory: LabelDirectory, first: int) -> Path:
    return directory.parts / f"{first:010d}.json"


def _label(
    predictions: Sequence[Prediction], sources: Sequence[str], settings: LabelSettings, first: int
) -> tuple[list[tuple[str, str]], Counter[str]]:
    pairs: list[tuple[str, str]] = []
    counts: Counter[str] = Counter()
    for number, (source, prediction) in enumerate(zip(sources, predictions, strict=True), first):
        labels = list(choose_labels(prediction, settings, number, counts))
        pairs += [(source, label) for label in labels]
        counts["labels"] += len(labels)
    return pairs, counts


def choose_labels(prediction: Prediction, settings: LabelSettings, number: int, counts: Counter[str]) -> Iterator[str]:
    """The labels of a source; why outputs are none is counted.

    Args:
        prediction: What the ensemble makes of it.
        settings: Which outputs become labels.
        number: Of the source, for the drawing.
        counts: Outputs that are no labels, by reason.
    """
    if prediction.cut:
        counts["source too long"] += 1
        return
    outputs = prediction.hypotheses[: settings.n_best]
    if not outputs:
        counts["no output"] += 1
    if settings.sampled and outputs:
        scores = np.array([output.score for output in outputs])
        shares = np.exp(scores - scores.max())
        chance = np.random.default_rng([settings.seed, number])
        drawn = chance.choice(len(outputs), settings.n_best, p=shares / shares.sum())
        outputs = [outputs[place] for place in drawn]
    for output in outputs:
        reason = _reason_against(output, settings)
        if reason:
            counts[reason] += 1
        else:
            yield strip(output.text)


def _reason_against(output: Hypothesis, settings: LabelSettings) -> str | None:
    if output.limited:
        return "output too long"
    if SPECIAL_SYMBOLS[UNKNOWN] in output.tokens:
        return "output with <unk>"
    if not strip(output.text):
        return "empty output"
    if any(mark in output.text for mark in "\t\n\r"):
        return "output with a TAB or a line end"
    if settings.least_score is not None and output.score / max(len(output.tokens), 1) < settings.least_score:
        return "too improbable"
    return None


def _join_parts(directory: LabelDirectory, sources: int, columns: Columns | None) -> dict[str, int]:
    counts: Counter[str] = Counter()
    lines: list[str] = []
    for first in range(0, sources, PART):
        path = _part(directory, first)
        try:
            part = json.loads(path.read_text(encoding="utf-8"))
            lines += [as_row(columns, source, target) for source, target in part["pairs"]]
            counts.update(part["counts"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: damaged ({error}); delete it, and the same command makes it anew") from error
    if not lines:
        reasons = ", ".join(f"{number} × {reason}" for reason, number in counts.items() if number)
        raise DataError(f"{directory.path}: no label is left ({reasons}); lower --least-score or look at the ensemble")
    write_atomically(directory.pairs, header(columns) + "".join(lines))
    return dict(counts)


def _tell(directory: LabelDirectory, counts: dict[str, int], sources: int) -> None:
    left_out = {reason: number for reason, number in counts.items() if reason != "labels" and number}
    logger.info("%s: %s of %s", directory.pairs, count_of(counts["labels"], "label"), count_of(sources, "source"))
    if left_out:
        said = ", ".join(f"{number:,} × {reason}" for reason, number in left_out.items())
        logger.info("labels: left out %s", said)
