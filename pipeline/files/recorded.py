"""The SHA-256 of the files of a directory, in a file beside them: a bit that has changed shows before it is used."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.errors import DataError
from pipeline.files.durable import checksum, checksum_of_bytes, to_bytes, write_atomically

NAME = "checksums.json"


class RecordedFiles:
    """Files of a directory with their checksums.

    Args:
        directory: Holds them, and `checksums.json`, where their checksums stand by name.
    """

    def __init__(self, directory: Path) -> None:
        self.directory, self.manifest = directory, directory / NAME

    def exists(self) -> bool:
        """Whether anything is recorded."""
        return self.manifest.is_file()

    def has(self, path: Path) -> bool:
        """Whether a file was written and recorded."""
        return self._name(path) in self._read() and path.is_file()

    def write(self, contents: Mapping[Path, str | bytes]) -> None:
        """Write files and their checksums; killed at any moment, what is there is what is recorded.

        Raises:
            OSError: One cannot be written; each is as it was, or as it is meant to be.
        """
        encoded = {path: to_bytes(content) for path, content in contents.items()}
        sums = {self._name(path): checksum_of_bytes(content) for path, content in encoded.items()}
        before = self._read() if self.exists() else {}
        # Until the last one is written, the old and the new are right; None is a file that is not there.
        self._save({**before, **{name: [new, *before.get(name, [None])] for name, new in sums.items()}})
        for path, content in encoded.items():
            write_atomically(path, content)
        self._save({**before, **{name: [new] for name, new in sums.items()}})

    def add(self, paths: Iterable[Path]) -> None:
        """Record files as they are, whole and on the disk."""
        before = self._read() if self.exists() else {}
        self._save({**before, **{self._name(path): [checksum(path)] for path in paths}})

    def forget(self, directory: Path) -> None:
        """Take the files of a directory out."""
        kept = {name: sums for name, sums in self._read().items() if not name.startswith(f"{self._name(directory)}/")}
        self._save(kept)

    def find_changed(self, may_lack: Path) -> Path | None:
        """The first file that is not what was recorded, or is not there; None if all are.

        Args:
            may_lack: One that may be gone.

        Raises:
            DataError: What was recorded cannot be read.
        """
        for name, sums in self._read().items():
            path = self.directory / name
            if (checksum(path) if path.is_file() else None) not in (sums if path != may_lack else [*sums, None]):
                return path
        return None

    def _name(self, path: Path) -> str:
        return path.relative_to(self.directory).as_posix()

    def _save(self, sums: Mapping[str, list[str | None]]) -> None:
        # One alone without its brackets: easier to compare with what sha256sum prints.
        plain = {name: known[0] if len(known) == 1 else known for name, known in sums.items()}
        write_atomically(self.manifest, json.dumps(plain, indent=1) + "\n")

    def _read(self) -> dict[str, list[str | None]]:
        try:
            sums = json.loads(self.manifest.read_text(encoding="utf-8"))
            return {name: known if isinstance(known, list) else [known] for name, known in sums.items()}
        except (OSError, ValueError, AttributeError) as error:
            raise DataError(
                f"{self.manifest}: damaged or missing, it has the checksums of the files beside it ({error}); bring "
                "back a copy, or train anew with --overwrite"
            ) from error
