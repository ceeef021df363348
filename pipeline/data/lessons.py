"""What a teacher finds probable at every target symbol of a corpus: beside its ids, written in parts, memory-mapped."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.files.durable import checksum, put_in_place, sync_files, write_atomically, write_durably

ARRAYS = {"symbols": np.int32, "probabilities": np.float32}
_MANIFEST, _PROGRESS = "manifest.json", "progress.json"


class Lessons(NamedTuple):
    """The most probable symbols in the place of each of a corpus's `target_ids`, and their probabilities.

    Both `[target_ids, k]`, int32 and float32; each row of the latter sums to 1.
    """

    symbols: np.ndarray
    probabilities: np.ndarray


def open_lessons(directory: Path, fingerprint: str) -> Lessons | None:
    """What `LessonWriter` wrote, as memory maps; None where it is not there, is of something else, or not what it was.

    Args:
        directory: Where it lies.
        fingerprint: Names everything that it depends on.
    """
    try:
        manifest = json.loads((directory / _MANIFEST).read_text(encoding="utf-8"))
        kept, sums = int(manifest["kept"]), manifest["sha256"]
        same = all(checksum(_file(directory, name)) == sums[name] for name in ARRAYS)
        if manifest["fingerprint"] != fingerprint or not same:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Lessons(*(np.memmap(_file(directory, name), kind, "r").reshape(-1, kept) for name, kind in ARRAYS.items()))


def _file(directory: Path, name: str) -> Path:
    return directory / f"{name}.bin"


class LessonWriter:
    """Writes them part by part; killed, another one goes on after the last part.

    Args:
        directory: Where they are to lie; until they are whole, they lie beside it.
        fingerprint: See `open_lessons`.
        kept: Symbols in the place of one.
    """

    def __init__(self, directory: Path, fingerprint: str, kept: int) -> None:
        self._final, self._unfinished = directory, directory.with_name(f"{directory.name}.unfinished")
        self._described: dict[str, Any] = {"fingerprint": fingerprint, "kept": kept}
        self._digests = {name: hashlib.sha256() for name in ARRAYS}
        self.pairs = 0
        """How many are done."""
        if not self._go_on():
            shutil.rmtree(self._unfinished, ignore_errors=True)
            self._unfinished.mkdir(parents=True)

    def _go_on(self) -> bool:
        """Find the parts that are there, each bit of them."""
        try:
            progress = json.loads((self._unfinished / _PROGRESS).read_text(encoding="utf-8"))
            if any(progress[key] != value for key, value in self._described.items()):
                return False
            digests = {name: hashlib.sha256() for name in ARRAYS}
            for name in ARRAYS:
                with open(_file(self._unfinished, name), "r+b") as file:
                    # What came after the last part may be half of one.
                    file.truncate(progress["bytes"])
                    while chunk := file.read(1 << 20):
                        digests[name].update(chunk)
            if any(digests[name].hexdigest() != progress["sha256"][name] for name in ARRAYS):
                return False
            self._digests, self.pairs = digests, int(progress["pairs"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return True

    def append(self, pairs: int, part: Lessons) -> None:
        """Add what belongs to the next pairs.

        Raises:
            OSError: It cannot be written; what came before is as it was.
        """
        for name, values in part._asdict().items():
            content = np.ascontiguousarray(values, ARRAYS[name]).tobytes()
            path = _file(self._unfinished, name)
            try:
                with open(path, "ab") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                    size = file.tell()
            except OSError as error:
                error.filename = error.filename or str(path)
                raise
            self._digests[name].update(content)
        self.pairs += pairs
        progress = {**self._described, "pairs": self.pairs, "bytes": size, "sha256": self._sums()}
        write_atomically(self._unfinished / _PROGRESS, json.dumps(progress) + "\n")

    def _sums(self) -> dict[str, str]:
        return {name: digest.hexdigest() for name, digest in self._digests.items()}

    def finish(self) -> None:
        """Give what is there now its name: it is whole.

        Raises:
            OSError: It cannot be written.
        """
        described = {**self._described, "sha256": self._sums()}
        write_durably(self._unfinished / _MANIFEST, json.dumps(described).encode())
        sync_files(self._unfinished)
        put_in_place(self._unfinished, self._final)
        (self._final / _PROGRESS).unlink(missing_ok=True)
