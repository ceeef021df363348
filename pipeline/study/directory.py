"""What a study leaves behind, and where; how it is begun, and how it is recognised when it goes on."""

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import UsageError
from pipeline.files.durable import LOCK, LOCK_HOLDER, is_unused, sweep, write_atomically
from pipeline.pairs.data_files import PLACES, DataFiles, compare_data, read_data_files, without_places
from pipeline.runs.ownership import checksums_of_first_run, read_info, require_format, require_free, require_same, whole
from pipeline.settings.changes import by_name, describe_changes, with_defaults
from pipeline.settings.configuration import Configuration
from pipeline.version import __version__

logger = logging.getLogger(__name__)

FORMAT = 1
EXPLANATION = """# A study: attention and length

The same network with attention and with one fixed context, on the same data; each at the learning rate that is best for
it on the dev set, tried with the first seed.

| here | what it is |
|---|---|
| `length.png` | quality and cost by source length |
| `length.md`, `length.tsv`, `length.json` | the same in figures |
| `runs/` | a run directory for every training, for `evaluate`, `predict` and `export` |
| `settings/`, `logs/` | what each was trained with, and what it said |
| `study.json` | what the study was begun with |

Go on with an unfinished study by the command that started it; more `--study.seeds` or `--study.rates` extend it. Paths
in the files count from where that was.
"""


class StudyDirectory:
    """The paths of a study."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = path / "study.json"
        self.readme = path / "README.md"
        self.runs = path / "runs"
        self.settings = path / "settings"
        self.logs = path / "logs"
        self.lock = path / LOCK
        self.lock_holder = path / LOCK_HOLDER

    def exists(self) -> bool:
        """Whether a study was begun here."""
        return self.info.is_file()

    def failure(self, name: str) -> Path:
        """Where the reason of a training's failure stands, so that it is not tried in vain again."""
        return self.logs / f"{name}.failure.txt"

    def remove(self) -> None:
        """Delete the study, and only what a study writes."""
        for folder in (self.runs, self.settings, self.logs):
            shutil.rmtree(folder, ignore_errors=True)
        reports = [self.path / f"length.{end}" for end in ("png", "md", "tsv", "json")]
        for file in (*reports, self.readme, self.info):
            file.unlink(missing_ok=True)


def begin_study(directory: StudyDirectory, configuration: Configuration, overwrite: bool = False) -> None:
    """Begin a study, or check that what is there is the same one.

    Args:
        directory: Where.
        configuration: What both models share; `train.seed` aside, whose place study.seeds take.
        overwrite: Replace a study that is already there.

    Raises:
        UsageError: The directory holds a study of another configuration or of other data, or something else.
    """
    settings = by_name(configuration.to_dict())
    del settings["train.seed"]
    known: Mapping[str, str] = {}
    if directory.exists() and overwrite:
        now = read_data_files(configuration)
        directory.remove()
    elif directory.exists():
        before = _read_info(directory)
        now, known = read_data_files(configuration, before.data.places), before.data.checksums
        _require_same(directory, before, settings, now)
        logger.info("%s: going on with the study", directory.path)
    else:
        require_free(directory.path, "study", is_unused(directory.path))
        now = read_data_files(configuration)
    directory.path.mkdir(parents=True, exist_ok=True)
    sweep(directory.path)
    info = {
        "format": FORMAT,
        "attentif": __version__,
        "study": "length",
        "configuration": settings,
        "files": {**known, **now.checksums},
    }
    # What says that this is a study comes first: killed in between, the same command makes the rest.
    write_atomically(directory.info, json.dumps(info, indent=1) + "\n")
    write_atomically(directory.readme, EXPLANATION)
    for folder in (directory.runs, directory.settings, directory.logs):
        folder.mkdir(exist_ok=True)


class _Begun(NamedTuple):
    """What a study was begun with."""

    settings: dict[str, Any]
    data: DataFiles


def _read_info(directory: StudyDirectory) -> _Begun:
    info = read_info(directory.info, "study")
    with whole(directory.info, "study"):
        earlier = info["configuration"]
        settings = {key: value for key, value in with_defaults(earlier).items() if key != "train.seed"}
    require_format(directory.path, info, FORMAT, "; begin again with --overwrite")
    files = info.get("files") or checksums_of_first_run(directory.runs)
    return _Begun(settings, DataFiles({key: settings.get(key) for key in PLACES}, files))


def _require_same(directory: StudyDirectory, before: _Begun, settings: dict[str, Any], data: DataFiles) -> None:
    found = compare_data(before.data, data)
    if found.changed:
        raise UsageError(_describe_changed(", ".join(found.changed), directory))
    changed = [*describe_changes(without_places(before.settings), without_places(settings)), *found.other]
    require_same(directory.path, "a study of another configuration", changed)
    for sentence in found.moved:
        logger.info("%s: %s, same content", directory.path, sentence)


def require_same_data(directory: StudyDirectory, data: DataFiles, what: str) -> None:
    """Refuse to compare trainings that had other data, as when a file was replaced while the study ran.

    Args:
        directory: The study.
        data: What a training had, or what there is now.
        what: Whose data these are.

    Raises:
        UsageError: They are not those that the study began with.
    """
    found = compare_data(_read_info(directory).data, data)
    if found.changed or found.other:
        raise UsageError(_describe_changed("; ".join([*found.changed, *found.other]) + f" ({what})", directory))


def _describe_changed(files: str, directory: StudyDirectory) -> str:
    return (
        f"{files}: changed since the study in {directory.path} began, so that trainings would be compared that had "
        "other data; bring the former content back to go on, or begin anew with --overwrite"
    )
