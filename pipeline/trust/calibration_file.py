"""The fitted numbers as a file: where it stands, for which model it counts, and whether it is what was written."""

import dataclasses
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import DataError, UsageError
from pipeline.files.durable import checksum, checksum_of_bytes, write_atomically
from pipeline.runs.best_epoch import checksum_of_best
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.runs.model_paths import split_models
from pipeline.runtime.folder import INFO
from pipeline.runtime.opening import changes_of_search
from pipeline.trust.confidence import SIGNS, Calibration
from pipeline.version import __version__

logger = logging.getLogger(__name__)

FORMAT = 1


def place_of(model: Path) -> Path:
    """Where the calibration of a model stands: in a run; beside an export, which holds nothing but what was exported,
    or beside the first member of an ensemble.

    Example:
        >>> place_of(Path("out/mine")).as_posix(), place_of(Path("runs/a,runs/b")).as_posix()
        ('out/mine.calibration.json', 'runs/a+b.calibration.json')
    """
    places = split_models(model)
    if len(places) == 1 and RunDirectory(places[0]).exists():
        return RunDirectory(places[0]).calibration
    return places[0].with_name(f"{'+'.join(place.name for place in places)}.calibration.json")


def identify(model: Path, beam: int | None, search: Mapping[str, Any] | None, average: int | None) -> dict[str, Any]:
    """What makes a model the one that it is: its weights, and what changes its scores.

    Args:
        model: As it was opened.
        beam: The beam size, where another than the model's own was given.
        search: Other settings of the search, by key.
        average: See `open_model`.
    """
    places = split_models(model)
    changes = changes_of_search(search, beam)
    runs = [RunDirectory(place) for place in places]
    if not all(run.exists() for run in runs):
        return {"weights": [checksum(place / INFO) for place in places], "search": {}, "average": None}
    settings = dataclasses.asdict(load_configuration(runs[0]).search) | changes
    return {"weights": [checksum_of_best(run) for run in runs], "search": settings, "average": average}


def write_calibration(model: Path, calibration: Calibration) -> Path:
    """Write it to its place; in a run its checksum stands with the others.

    Raises:
        OSError: It cannot be written.
    """
    place = place_of(model)
    content = {"format": FORMAT, "attentif": __version__, "signs": list(SIGNS), **dataclasses.asdict(calibration)}
    text = json.dumps({**content, "sha256": _checksum(content)}, indent=1, ensure_ascii=False) + "\n"
    run = RunDirectory(place.parent)
    if run.calibration == place and run.recorded.exists():
        run.recorded.write({place: text})
    else:
        write_atomically(place, text)
    return place


def read_calibration(model: str | Path) -> Calibration | None:
    """The calibration of a model; None where `calibrate` was never asked for one.

    Args:
        model: A run, an ensemble, an export or a folder, as `calibrate` was given it.

    Raises:
        DataError: It is damaged, or of another version.
    """
    place = place_of(Path(model))
    if not place.is_file():
        return None
    try:
        content = json.loads(place.read_text(encoding="utf-8"))
        sha256 = content.pop("sha256")
        if sha256 != _checksum(content):
            raise ValueError("its SHA-256 is another")
        if content["format"] != FORMAT or content["signs"] != list(SIGNS):
            raise ValueError(f"of Attentif {content['attentif']}, another version")
        return Calibration(**{field.name: content[field.name] for field in dataclasses.fields(Calibration)})
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        again = "python -m pipeline calibrate MODEL DEV makes it anew"
        raise DataError(f"{place}: damaged, this is no calibration ({error}); {again}") from error


def require_calibration(model: Path) -> Calibration:
    """The same where there must be one.

    Raises:
        UsageError: There is none.
        DataError: See `read_calibration`.
    """
    found = read_calibration(model)
    if found is None:
        raise UsageError(
            f"{model}: how sure its answers are is not known; python -m pipeline calibrate {model} DEV finds it "
            "out, on pairs that the model was not trained on"
        )
    return found


def find_difference(calibration: Calibration, now: Mapping[str, Any]) -> str:
    """Why a calibration does not count for a model as it is now opened; '' where it does.

    Args:
        calibration: Of whatever model.
        now: What `identify` says.
    """
    before = calibration.model
    if before["weights"] != now["weights"]:
        return "the weights are others"
    if before["average"] != now["average"]:
        return f"--average was {before['average']}, is now {now['average']}"
    keys = [key for key in now["search"] if key in before["search"] and before["search"][key] != now["search"][key]]
    return ", ".join(f"search.{key} was {before['search'][key]!r}, is now {now['search'][key]!r}" for key in keys)


def find_calibration(
    model: Path, beam: int | None, search: Mapping[str, Any] | None, average: int | None
) -> Calibration | None:
    """The calibration of a model as it is opened now; None where there is none, or one that does not count for it.

    Args:
        model: See `identify`.
        beam: See there.
        search: See there.
        average: See there.

    Raises:
        DataError: It is damaged.
    """
    found = read_calibration(model)
    difference = found and find_difference(found, identify(model, beam, search, average))
    if difference:
        logger.warning("%s; answers have no confidence; ask it of this one", describe_difference(model, difference))
        return None
    return found


def describe_difference(model: Path, difference: str) -> str:
    """That a calibration is none of this model's, for messages."""
    return f"{model}: `calibrate` was asked of another model ({difference})"


def _checksum(content: Mapping[str, Any]) -> str:
    return checksum_of_bytes(json.dumps(content, sort_keys=True).encode())
