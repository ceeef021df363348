"""Files that are whole or not there, and what is said before work that would have no place to go."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.files.durable import (
    is_unused,
    put_in_place,
    readable_name,
    remove_at_once,
    require_local,
    require_place,
    sweep,
    write_atomically,
    write_durably,
)


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


def test_who_cannot_write_is_told_of_the_file_that_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(path: Path, content: bytes) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pipeline.files.durable.write_durably", fail)
    with pytest.raises(PermissionError) as error:
        write_atomically(tmp_path / "page.html", "x")
    assert error.value.filename == str(tmp_path / "page.html")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux tells the names of open files")
def test_the_disk_has_it_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its content, then its name, then the directory: a power cut in between leaves the old or the new."""
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        done.append(f"fsync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("replace"), replace(*paths)))
    write_atomically(tmp_path / "file", "new")
    assert done == [f"fsync .file.{os.getpid()}.unfinished", "replace", f"fsync {tmp_path.name}"]


def test_two_processes_writing_the_same(tmp_path: Path):
    path, code = (
        tmp_path / "file",
        "from pipeline.files.durable import write_atomically as w; from pathlib import Path; import sys",
    )
    loop = f"{code}\nfor number in range(300): w(Path(sys.argv[1]), sys.argv[2] * 1000)"
    processes = [subprocess.Popen([sys.executable, "-c", loop, str(path), letter]) for letter in "ab"]
    assert [process.wait() for process in processes] == [0, 0]
    assert set(path.read_text()) in ({"a"}, {"b"})
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_system_that_cannot_wait_for_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(descriptor: int) -> None:
        if Path(os.readlink(f"/proc/self/fd/{descriptor}")).is_dir():
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    write_atomically(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"


def test_a_directory_takes_the_place_of_another(tmp_path: Path):
    final, unfinished = tmp_path / "final", tmp_path / "unfinished"
    for content in ("old", "new"):
        unfinished.mkdir()
        write_durably(unfinished / "file", content.encode())
        put_in_place(unfinished, final)
        assert [path.name for path in tmp_path.iterdir()] == ["final"]
        assert (final / "file").read_text() == content
    remove_at_once(final)
    assert list(tmp_path.iterdir()) == []


def test_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    require_place(Path("page.html"))
    require_place(tmp_path / "page.html")
    with pytest.raises(UsageError, match="is a directory"):
        require_place(tmp_path)
    with pytest.raises(UsageError, match="its directory does not exist"):
        require_place(tmp_path / "missing" / "page.html")


@pytest.mark.parametrize("path", ["gs://bucket/run", "s3://b/x", "https://example.org/x.tsv", "file:///tmp/x"])
def test_a_url_is_no_place(path: str):
    with pytest.raises(UsageError, match="is a URL, and only local directories can be read and written here"):
        require_local(Path(path))


def test_what_only_looks_like_a_url_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for path in ("a:b", "C:/run", "runs/gs:/x", "/gs:/x", "12:/x"):
        require_local(Path(path))
    (tmp_path / "gs:").mkdir()
    require_local(Path("gs:/bucket"))


def test_names_that_not_every_library_reads_have_another(tmp_path: Path):
    with readable_name(tmp_path) as name:
        assert name == tmp_path
    for odd in (tmp_path / os.fsdecode(b"caf\xe9"), tmp_path / "a[b]*"):
        odd.mkdir()
        with readable_name(odd) as name:
            str(name).encode()
            assert "[" not in str(name)
            (name / "written").write_text("through it")
        assert not name.exists()
        assert (odd / "written").read_text() == "through it"


def test_what_a_killed_beginning_leaves_is_nobodys(tmp_path: Path):
    assert is_unused(tmp_path)
    assert is_unused(tmp_path / "not there")
    for name in (".lock", ".lock.json", ".run.json.12.unfinished"):
        (tmp_path / name).touch()
    assert is_unused(tmp_path)
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", ".lock.json"]
    (tmp_path / "mine").touch()
    assert not is_unused(tmp_path)
    assert is_unused(tmp_path, ["mine"])
    assert not is_unused(tmp_path / "mine")
