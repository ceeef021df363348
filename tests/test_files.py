"""Files that are whole or not there, and what is said before work that would have no place to go."""

import errno
import os
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.files import require_place, require_room, write_atomically


@pytest.mark.parametrize("content", ["é\n", b"\x00\xff", ""])
def test_it_holds_what_was_written(tmp_path: Path, content: str | bytes):
    path = tmp_path / "file"
    write_atomically(path, "old")
    write_atomically(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert list(tmp_path.iterdir()) == [path]


def test_interrupted_it_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "file"
    write_atomically(path, "old")
    monkeypatch.setattr(os, "replace", lambda *paths: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_no_directory_is_an_error_of_its_own(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        write_atomically(tmp_path / "file" / "inner", "new")
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "inner", "new")


def test_room():
    require_room(Path("/"), 0)
    with pytest.raises(OSError, match="No space left on device") as caught:
        require_room(Path("/"), 1 << 62)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "/")


def test_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    require_place(Path("page.html"))
    require_place(tmp_path / "page.html")
    with pytest.raises(UsageError, match="is a directory"):
        require_place(tmp_path)
    with pytest.raises(UsageError, match="its directory does not exist"):
        require_place(tmp_path / "missing" / "page.html")
