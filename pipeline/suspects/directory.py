"""What a search for suspects leaves behind, and where; how it is begun, and how it is recognised when it goes on."""

import shutil
from pathlib import Path
from typing import NamedTuple

from pipeline.files.durable import LOCK, LOCK_HOLDER
from pipeline.pairs.data_files import read_data_files
from pipeline.runs.directory import RunDirectory
from pipeline.settings.changes import by_name
from pipeline.settings.configuration import Configuration
from pipeline.study.beginning import Kind, begin

EXPLANATION = """# Suspects: training pairs that models which have not seen them disbelieve

| here | what it is |
|---|---|
| `suspects.tsv` | the pairs, worst first, with what the models propose |
| `parts/` | of every part: the pairs of the others, the run that was trained on them, and what it says of the part |
| `settings/`, `logs/` | what each was trained with, and what it said |
| `suspects.json` | what the search was begun with |

Go on with an unfinished search by the command that started it.
"""
KIND = Kind("search for suspects", "a search for suspects with other settings", 1, EXPLANATION)


class Part(NamedTuple):
    """The paths of a part."""

    name: str
    path: Path

    @property
    def run(self) -> RunDirectory:
        """Of the model that has not seen it."""
        return RunDirectory(self.path / "run")

    @property
    def scores(self) -> Path:
        """What that model says of it; there when it has said all."""
        return self.path / "scores.json"

    def pairs(self, corpus: int, side: str) -> Path:
        """The sources or targets that it was trained on, of one of several corpora."""
        return self.path / f"{side}-{corpus}.txt"


class SuspectsDirectory:
    """The paths of a search."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = path / "suspects.json"
        self.readme = path / "README.md"
        self.parts = path / "parts"
        self.settings = path / "settings"
        self.logs = path / "logs"
        self.table = path / "suspects.tsv"
        self.lock = path / LOCK
        self.lock_holder = path / LOCK_HOLDER

    def exists(self) -> bool:
        """Whether a search was begun here."""
        return self.info.is_file()

    def part(self, number: int) -> Part:
        """One of them, from 0 on."""
        return Part(f"part-{number + 1}", self.parts / str(number + 1))

    def remove(self) -> None:
        """Delete the search, and only what it writes."""
        for folder in (self.parts, self.settings, self.logs):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.table, self.readme, self.info):
            file.unlink(missing_ok=True)


def begin_search(directory: SuspectsDirectory, configuration: Configuration, parts: int, overwrite: bool) -> None:
    """Begin a search, or check that what is there is the same one.

    Args:
        directory: Where; locked.
        configuration: Of the models.
        parts: How many there are.
        overwrite: Replace a search that is already there.

    Raises:
        UsageError: The directory holds another one, one of other data, or something else.
    """
    settings = {**by_name(configuration.to_dict()), "parts": parts}
    folders = directory.parts, directory.settings, directory.logs
    begin(directory, KIND, settings, read_data_files(configuration), folders, overwrite)
