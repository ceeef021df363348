"""What an improvement leaves behind, and where; how it is begun, and how it is recognised when it goes on."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

from pipeline.files.durable import LOCK, LOCK_HOLDER, write_atomically
from pipeline.improvement.labels import LabelDirectory
from pipeline.pairs.data_files import read_data_files
from pipeline.runs.directory import RunDirectory
from pipeline.runs.ownership import whole
from pipeline.settings.changes import by_name
from pipeline.settings.configuration import Configuration
from pipeline.study.beginning import Kind, begin, read_begun

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
KIND = Kind("run of improve", "an improvement with other settings", 1, EXPLANATION)


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
    folders = directory.members, directory.settings, directory.logs
    settings, now = by_name(configuration.to_dict()), read_data_files(configuration)
    begin(directory, KIND, settings, now, folders, overwrite)


def read_settings(directory: ImprovementDirectory) -> dict[str, Any]:
    """The settings by `section.key` with which an improvement was begun.

    Raises:
        UsageError: What says so is damaged.
    """
    return read_begun(directory, KIND)


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
            with whole(path, KIND.name):
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

    def note(self, name: str, value: float) -> None:
        """Keep how long something took, or what was decided by it."""
        self.noted[name] = value
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
