"""What a run directory holds at a moment: its files by their SHA-256, kept aside until they are sent."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.files.durable import LOCK, LOCK_HOLDER, UNFINISHED, checksum

_LEFT_OUT = ("data",)
"""What is made again where it is not there."""
_NOT_CONTENT = (LOCK, LOCK_HOLDER)


class Content(NamedTuple):
    """A file."""

    sha256: str
    bytes: int


class Aside:
    """Takes snapshots of a run directory, whose files may change or go before they are sent.

    Args:
        run: The directory.
        folder: Keeps what is new, by its SHA-256; on the same disk.
    """

    def __init__(self, run: Path, folder: Path) -> None:
        self.run, self.folder = run, folder
        self._known: dict[Path, tuple[tuple[int, int, int], Content]] = {}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def take(self) -> dict[str, Content]:
        """The files by their paths; those that were not seen before are kept aside.

        Raises:
            OSError: One cannot be read or kept.
        """
        found = {}
        for path in run_files(self.run):
            try:
                found[path.relative_to(self.run).as_posix()] = self._keep(path)
            except FileNotFoundError:  # an older checkpoint that has just gone
                continue
        return found

    def place(self, content: Content) -> Path:
        """Where it is kept."""
        return self.folder / content.sha256

    def drop(self, content: Content) -> None:
        """It was sent."""
        self.place(content).unlink(missing_ok=True)

    def _keep(self, path: Path) -> Content:
        seen = path.stat()
        signs = (seen.st_size, seen.st_mtime_ns, seen.st_ino)
        known = self._known.get(path)
        if known is not None and known[0] == signs:
            return known[1]
        copied = self.folder / "copying"
        copied.unlink(missing_ok=True)
        # Files that grow, as those for TensorBoard, are hashed as they were copied.
        shutil.copyfile(path, copied)
        content = Content(checksum(copied), copied.stat().st_size)
        os.replace(copied, self.place(content))
        self._known[path] = (signs, content)
        return content


def run_files(run: Path) -> Iterator[Path]:
    """The files of a run that are its content, in the order of their names."""
    for folder, folders, names in os.walk(run):
        top = Path(folder) == run
        folders[:] = sorted(name for name in folders if not (top and name in _LEFT_OUT) and not _is_unfinished(name))
        for name in sorted(names):
            if not (top and name in _NOT_CONTENT) and not _is_unfinished(name):
                yield Path(folder) / name


def _is_unfinished(name: str) -> bool:
    return name.startswith("unfinished-") or name.endswith(UNFINISHED) or f"{UNFINISHED}-" in name


def bring(run: Path, wanted: Mapping[str, Content], fetch: Callable[[Content, Path], None]) -> None:
    """Make a directory hold these files and no others.

    Args:
        run: The directory.
        wanted: By path.
        fetch: Writes a content to a new file, and raises where it is not that content.

    Raises:
        DataError: A content cannot be had.
    """
    for path in list(run_files(run)) if run.is_dir() else []:
        if path.relative_to(run).as_posix() not in wanted:
            path.unlink()
    for name, content in wanted.items():
        path = run / name
        if path.is_file() and path.stat().st_size == content.bytes and checksum(path) == content.sha256:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")
        try:
            fetch(content, unfinished)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
