"""The model of the other direction: found beside a model that `train --both` made, and opened together with it."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.answering.predictions import AnswersStrings
from pipeline.answering.round_trip import RoundTripPredictor
from pipeline.data.run_data import recorded_data
from pipeline.defaults.reverse import turn_settings
from pipeline.errors import UsageError
from pipeline.pairs.data_files import contents_of_data
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.runs.model_paths import back_of, split_models
from pipeline.saved_models.opening import open_model
from pipeline.settings.changes import by_name
from pipeline.settings.text import SideText, TextConfiguration

logger = logging.getLogger(__name__)

_REMEDY = "give the model of the other direction: --round-trip=BACK"


def find_way_back(model: Path) -> Path:
    """The model of the other direction that lies beside one.

    Args:
        model: A run, `RUN` beside `RUN-back`; what lies in one, `RUN/export` or `RUN/seed-1`, with the same name in the
            other; several with commas between them, of each its own.

    Raises:
        UsageError: There is none, or what lies there is no model of the same data turned round.
    """
    found = [_find(place) for place in split_models(model)]
    return Path(",".join(map(str, found)))


def _find(model: Path) -> Path:
    beside, within = back_of(model), back_of(model.absolute().parent if model.parent == Path() else model.parent)
    place = next((place for place in (beside, within / model.name) if place.exists()), None)
    if place is None:
        raise UsageError(
            f"--round-trip: {model} has no way back beside it ({beside}, which `train --both` makes); {_REMEDY}"
        )
    _require_reverse(RunDirectory(model), RunDirectory(place))
    return place


def _require_reverse(there: RunDirectory, back: RunDirectory) -> None:
    """Refuse a run that only has the name of a way back."""
    if not (there.exists() and back.exists()):
        return
    wanted = turn_settings(by_name(load_configuration(there).to_dict()))
    found = by_name(load_configuration(back).to_dict())
    # Moved data are the same data.
    turned = sorted(corpus[::-1] for corpus in _contents(there)) == sorted(_contents(back))
    keys = ("data.columns",) if turned else ("data.train", "data.columns")
    other = [f"{key} is {found[key]!r}, not {wanted[key]!r}" for key in keys if wanted[key] != found[key]]
    if other:
        raise UsageError(f"--round-trip: {back.path} is not {there.path} turned round ({'; '.join(other)}); {_REMEDY}")


def _contents(run: RunDirectory) -> list[list[str]]:
    """SHA-256 of the files of every training corpus; of one whose files are not known, nothing."""
    corpora = contents_of_data(recorded_data(run))["data.train"]
    return [[str(checksum) for checksum in corpus] for corpus in corpora]


def open_round_trip(
    model: AnswersStrings,
    path: Path | str | os.PathLike[str] | None,
    back: Path | str | os.PathLike[str] | None = None,
    alone: bool = True,
    **options: Any,
) -> RoundTripPredictor:
    """A model that says of its answers whether they come back to their source.

    Args:
        model: What answers.
        path: Where it is, to find the way back beside it; None where `back` is given.
        back: The model of the other direction; None finds it.
        alone: See `import_tensorflow`.
        options: Of `load`, for the way back, all of whose outputs are looked through.

    Raises:
        UsageError: There is no way back.
        DataError: A file of it is damaged.
    """
    if back is None:
        if path is None:
            raise UsageError(f"--round-trip: {_REMEDY}")
        back = find_way_back(Path(path))
        logger.info("the way back: %s", back)
    other = open_model(Path(back), alone, n_best=None, **options)
    _warn_of_other_symbols(model.text, other.text, str(back))
    return RoundTripPredictor(model, other)


def _warn_of_other_symbols(there: TextConfiguration, back: TextConfiguration, place: str) -> None:
    """Say so where the way back reads other symbols than the answers are made of."""
    written, read = there.side("target"), back.side("source")
    if _kind(written) != _kind(read):
        logger.warning(
            "--round-trip: %s reads its sources as %s, answers are %s: is it a model of the other direction?",
            place,
            " ".join(map(str, _kind(read))),
            " ".join(map(str, _kind(written))),
        )


def _kind(side: SideText) -> tuple[str, ...]:
    return (side.tokenizer, *([side.separator] if side.separator else []))


def load_round_trip(
    path: Path | str | os.PathLike[str],
    back: Path | str | os.PathLike[str] | None = None,
    beam_size: int | None = None,
    n_best: int | None = 1,
    search: Mapping[str, Any] | None = None,
    average: int | None = None,
) -> RoundTripPredictor:
    """Open a model and the one of the other direction: every answer is sent back.

    Args:
        path: As in `load`.
        back: The same of the other direction; None finds that which `train --both` made beside it.
        beam_size: As in `load`, of both; so are the last two.
        n_best: As in `load`. Of the way back all outputs are looked through.
        search: See `load`.
        average: See `load`.

    Returns:
        What has `predict`; its predictions' `hypotheses` have `back`: `texts`, what the other model makes of them, and
        `rank`, which of these is the source, None where none is.

    Raises:
        UsageError: See `load`; or there is no way back.
        DataError: See `load`.

    Example:
        [prediction] = load_round_trip("runs/mine", n_best=3).predict("attention")
        [answer.text for answer in prediction.hypotheses if answer.back.rank]
    """
    options: dict[str, Any] = {"beam_size": beam_size, "search": search, "average": average}
    model = open_model(Path(path), alone=False, n_best=n_best, **options)
    return open_round_trip(model, path, back, alone=False, **options)
