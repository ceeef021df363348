"""What an improvement leaves behind, and where; how it is begun, and how it is recognised when it goes on."""

import json
import logging
import shutil
import time
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.files.durable import LOCK, LOCK_HOLDER, is_unused, sweep, write_atomically
from pipeline.improvement.labels import LabelDirectory
from pipeline.pairs.data_files import PLACES, DataFiles, compare_data, read_data_files, without_places
from pipeline.runs.directory import RunDirectory
from pipeline.runs.ownership import read_info, require_format, require_free, require_same, whole
from pipeline.settings.changes import by_name, describe_changes, with_defaults
from pipeline.settings.configuration import Configuration
from pipeline.version import __version__

logger = logging.getLogger(__name__)

FORMAT = 1
TICK_SECONDS = 5.0
EXPLANATION = """# An improvement: several models, and one that learned from all of them

| here | what it is |
|---|---|
| `export/` | the student as a SavedModel: strings in, strings out |
| `result.md`, `result.json` | figures of members, ensemble and student side by side |
| `members/` | a run directory for every member |
| `labels/` | what the ensemble made of the inputs, as pairs |
| `student/`, `student-weight-…/` | run directories of students, by the weight of the labels |
| `data/` | the pairs, where a setting chose them |
| `settings/`, `logs/` | what each was trained with, and what it said |
| `ensemble.json`, `clock.json`, `improve.json` | which members vote, the time spent, what it was begun with |

Go on with an unfinished improvement by the command that started it, also with more `--hours`.
"""


class ImprovementDirectory:
    """The paths of an improvement."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = path / "improve.json"
        self.readme = path / "README.md"
        self.members = path / "members"
        self.labels = LabelDirectory(path / "labels")
        self.data = path / "data"
        self.settings = path / "settings"
        self.logs = path / "logs"
        self.ensemble = path / "ensemble.json"
        self.clock = path / "clock.json"
        self.result = path / "result.json"
        self.table = path / "result.md"
        self.export = path / "export"
        self.lock = path / LOCK
        self.lock_holder = path / LOCK_HOLDER

    def exists(self) -> bool:
        """Whether an improvement was begun here."""
        return self.info.is_file()

    def member(self, number: int) -> RunDirectory:
        """The run of a member, from 1 on."""
        return RunDirectory(self.members / str(number))

    def student(self, weight: float) -> RunDirectory:
        """The run of the student whose labels have a weight."""
        return RunDirectory(self.path / ("student" if weight == 1 else f"student-weight-{weight:g}"))

    def remove(self) -> None:
        """Delete the improvement, and only what it writes."""
        students = [path for path in self.path.glob("student*") if RunDirectory(path).exists()]
        for folder in (self.members, self.labels.path, self.data, self.settings, self.logs, self.export, *students):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.ensemble, self.clock, self.result, self.table, self.readme, self.info):
            file.unlink(missing_ok=True)


def begin_improvement(directory: ImprovementDirectory, configuration: Configuration, overwrite: bool = False) -> None:
    """Begin an improvement, or check that what is there is the same one.

    Args:
        directory: Where; locked.
        configuration: Of the members and the student.
        overwrite: Replace an improvement that is already there.

    Raises:
        UsageError: The directory holds another one, one of other data, or something else.
    """
    settings = by_name(configuration.to_dict())
    now = read_data_files(configuration)
    if directory.exists() and overwrite:
        directory.remove()
    elif directory.exists():
        _require_same(directory, settings, now)
        logger.info("%s: going on", directory.path)
    else:
        require_free(directory.path, "run of improve", is_unused(directory.path))
    sweep(directory.path)
    info = {"format": FORMAT, "attentif": __version__, "configuration": settings, "files": dict(now.checksums)}
    write_atomically(directory.info, json.dumps(info, indent=1) + "\n")
    write_atomically(directory.readme, EXPLANATION)
    for folder in (directory.members, directory.settings, directory.logs):
        folder.mkdir(exist_ok=True)


def read_settings(directory: ImprovementDirectory) -> dict[str, Any]:
    """The settings by `section.key` with which an improvement was begun.

    Raises:
        UsageError: What says so is damaged.
    """
    info = read_info(directory.info, "run of improve")
    with whole(directory.info, "run of improve"):
        return with_defaults(info["configuration"])


def _require_same(directory: ImprovementDirectory, settings: dict[str, Any], now: DataFiles) -> None:
    info = read_info(directory.info, "run of improve")
    require_format(directory.path, info, FORMAT, "; begin again with --overwrite")
    earlier = read_settings(directory)
    with whole(directory.info, "run of improve"):
        before = DataFiles({key: earlier.get(key) for key in PLACES}, info["files"])
    found = compare_data(before, now)
    if found.changed:
        raise UsageError(
            f"{', '.join(found.changed)}: changed since {directory.path} was begun; bring the former content back to "
            "go on, or begin anew with --overwrite"
        )
    changed = [*describe_changes(without_places(earlier), without_places(settings)), *found.other]
    require_same(directory.path, "an improvement with other settings", changed)


class Clock:
    """The time that an improvement has taken, over all that it was interrupted by.

    Args:
        path: Where it is kept.
        hours: How much there is.
    """

    def __init__(self, path: Path, hours: float) -> None:
        self._path, self._budget = path, 3600 * hours
        self.noted: dict[str, float] = {"seconds": 0.0}
        if path.is_file():
            with whole(path, "run of improve"):
                self.noted |= json.loads(path.read_text(encoding="utf-8"))
        self._before, self._began, self._written = self.noted["seconds"], time.monotonic(), 0.0

    @property
    def spent(self) -> float:
        """Seconds so far."""
        return self._before + time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Seconds of the budget that are left; below 0 where more were needed."""
        return self._budget - self.spent

    def note(self, name: str, seconds: float) -> None:
        """Keep how long something took."""
        self.noted[name] = seconds
        self._write()

    def tick(self) -> None:
        """Keep the time, now and then."""
        if time.monotonic() - self._written > TICK_SECONDS:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        self.noted["seconds"] = self.spent
        write_atomically(self._path, json.dumps(self.noted) + "\n")


def in_time(seconds: float) -> str:
    """A time for people.

    Example:
        >>> in_time(50), in_time(600), in_time(9000)
        ('50 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
