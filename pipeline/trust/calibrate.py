"""From a model and pairs that it has not seen to the probability that an answer of it is right."""

import dataclasses
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.answering.predictions import AnswersStrings, Prediction
from pipeline.errors import UsageError, count_of
from pipeline.evaluation.evaluate import are_right
from pipeline.evaluation.figures import Figures
from pipeline.pairs.columns import Columns
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import read_pairs
from pipeline.pairs.references import group_references
from pipeline.pictures.heat_map import save_png
from pipeline.prediction.pair_check import look_first, warn_of_predictions, warn_of_references, warn_of_swapped
from pipeline.process.messages import progress_bar
from pipeline.saved_models.opening import open_model
from pipeline.saved_models.own_splits import find_columns, find_own_split, warn_of_trained_on
from pipeline.stores.addresses import address_of
from pipeline.trust.calibration_file import identify, write_calibration
from pipeline.trust.confidence import signs_of
from pipeline.trust.diagram import draw_reliability
from pipeline.trust.fitting import fit, log_loss
from pipeline.trust.reliability import (
    bins_of,
    calibration_error,
    calibration_interval,
    error_by_chance,
    error_of_equal_bins,
    level_figures,
    threshold_table,
)

logger = logging.getLogger(__name__)

FEW = 100


def calibrate(
    model: str | os.PathLike[str],
    dev: str = "dev",
    check: str | None = None,
    beam_size: int | None = None,
    search: Mapping[str, Any] | None = None,
    average: int | None = None,
    columns: Columns | None = None,
) -> Figures:
    """Find out how probable it is that an answer of a model is right, and keep it beside the model.

    `predict --json` then has `confidence`, and `predict --accuracy` splits a list.

    Args:
        model: A run, an ensemble (paths with commas between them), an export or a folder.
        dev: Pairs that the model was not trained on: a TSV file, two files with a comma between them, or of a run "dev"
            or "test".
        check: Other pairs, on which the result is measured.
        beam_size: As in `load`; so are the next two.
        search: See there.
        average: See there.
        columns: Which columns of the files are taken, see `data.columns`; None takes those that a run was trained by.

    Returns:
        {"calibration", "picture", "split", "n", "right", "method", "log_loss", "calibration_error",
        "calibration_error_interval", "calibration_error_by_chance", "calibration_error_equal_bins", "accuracy"}: errors
        in percentage points, of answers that the fit did not see; and "check", the same of `check`.

    Raises:
        UsageError: No such model, split or setting.
        DataError: A file cannot be read, or all answers to it are right, or all wrong.
    """
    path = Path(model)
    if address_of(path) is not None:
        raise UsageError(f"{address_of(path)}: what is found is written beside the model; give a copy on this machine")
    # A wrong name shows before the model is loaded.
    reads = {place: _open_pairs(path, place, find_columns(path, columns)) for place in (dev, check) if place}
    predictor = open_model(path, alone=False, beam_size=beam_size, n_best=None, search=search, average=average)
    pairs = list(reads[dev]())
    warn_of_trained_on(path, lambda: pairs, dev, "the confidence will be too high")
    predictions, right = answer(predictor, pairs)
    if len(right) < FEW:
        said = count_of(len(right), "answer")
        logger.warning("%s: %s are few, the figures are rough; some hundreds tell how sure a model is", dev, said)
    found = fit(np.array([signs_of(prediction) for prediction in predictions]), right)
    figures = {"log_loss": {name: round(loss, 5) for name, loss in found.log_loss.items()}}
    figures |= _measure(found.held_out, right)
    calibration = dataclasses.replace(
        found.calibration,
        table=threshold_table(found.held_out, right),
        figures=figures,
        model=identify(path, beam_size, search, average),
    )
    place = write_calibration(path, calibration)
    picture = place.with_suffix(".png")
    _draw(picture, found.held_out, right, f"{path.name}: {len(right):,} answers, cross-validated")
    what = {"calibration": str(place), "picture": str(picture), "split": dev, "n": len(right)}
    result = Figures({**what, "right": int(right.sum()), "method": calibration.method, **figures})
    if check:
        result["check"] = _check(predictor, calibration.confidences, list(reads[check]()), check)
    return result


def _open_pairs(model: Path, place: str, columns: Columns | None) -> Callable[[], Iterator[Pair]]:
    split = find_own_split(model, place)
    if split:
        return split
    look_first(place, columns)
    return lambda: read_pairs(place, "test", columns=columns)


def answer(predictor: AnswersStrings, pairs: Sequence[Pair]) -> tuple[list[Prediction], np.ndarray]:
    """The predictions for the distinct sources of pairs, and whether each best output is one of its references.

    Args:
        predictor: What decodes.
        pairs: Sources and references.

    Returns:
        Predictions, and `[n]` bool.
    """
    warn_of_swapped(predictor, pairs)
    grouped = group_references(pairs, predictor.text)
    references = list(grouped.values())
    warn_of_references(predictor, references)
    with progress_bar(total=len(grouped), desc="answering", unit=" sources") as bar:
        predictions = predictor.predict(list(grouped), on_progress=bar.update)
    warn_of_predictions(predictor, predictions)
    return predictions, are_right(predictions, references, predictor.text)


def _measure(confidences: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    interval = [round(bound, 3) for bound in calibration_interval(confidences, right)]
    return {
        "calibration_error": round(calibration_error(confidences, right), 3),
        "calibration_error_interval": interval,
        "calibration_error_by_chance": round(error_by_chance(confidences), 3),
        "calibration_error_equal_bins": round(error_of_equal_bins(confidences, right), 3),
        "accuracy": level_figures(confidences, right),
    }


def _check(
    predictor: AnswersStrings, sure: Callable[[Sequence[Prediction]], np.ndarray], pairs: list[Pair], place: str
) -> dict[str, Any]:
    predictions, right = answer(predictor, pairs)
    found = sure(predictions)
    # An answer that is none has no probability at all, and no logarithm of it.
    loss = log_loss(np.clip(found, 1e-9, 1 - 1e-9), right)
    measured = _measure(found, right)
    return {"split": place, "n": len(right), "right": int(right.sum()), "log_loss": round(loss, 5), **measured}


def _draw(picture: Path, confidences: np.ndarray, right: np.ndarray, title: str) -> None:
    save_png(draw_reliability(bins_of(confidences, right), title), picture)
