from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.files import recorded as recorded_files
from pipeline.files.recorded import RecordedFiles


def changed(files: RecordedFiles) -> str | None:
    path = files.find_changed(files.directory / "may be gone")
    return path and path.relative_to(files.directory).as_posix()


def test_a_bit_that_has_changed_shows(tmp_path: Path):
    files = RecordedFiles(tmp_path)
    assert not files.exists()
    (tmp_path / "deep").mkdir()
    paths = [tmp_path / "a.txt", tmp_path / "deep" / "b.bin"]
    files.write({paths[0]: "é\n", paths[1]: b"\x00\x01"})
    assert changed(files) is None
    for path in paths:
        content = path.read_bytes()
        path.write_bytes(bytes([content[0] ^ 4]) + content[1:])
        assert changed(files) == path.relative_to(tmp_path).as_posix()
        path.unlink()
        assert changed(files) == path.relative_to(tmp_path).as_posix()
        path.write_bytes(content)
    assert changed(files) is None


@pytest.mark.parametrize("writes", range(4))
def test_killed_at_any_write_the_files_are_what_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
):
    files = RecordedFiles(tmp_path)
    (tmp_path / "kept").write_text("0")
    files.add([tmp_path / "kept"])
    paths = [tmp_path / "a", tmp_path / "b"]
    for contents in (dict.fromkeys(paths, "1"), dict.fromkeys(paths, "2")):
        done = 0

        def stop(path: Path, content: str | bytes) -> None:
            nonlocal done
            if done == writes:
                raise KeyboardInterrupt
            done += 1
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

        with monkeypatch.context() as patch:
            patch.setattr(recorded_files, "write_atomically", stop)
            with pytest.raises(KeyboardInterrupt):
                files.write(contents)
        if writes:
            assert changed(files) is None
        files.write(contents)
        assert changed(files) is None
        assert files.has(tmp_path / "a")


def test_what_is_forgotten_is_not_asked_for(tmp_path: Path):
    files = RecordedFiles(tmp_path)
    (tmp_path / "some").mkdir()
    files.write({tmp_path / "some" / "a": "1", tmp_path / "something": "2"})
    files.forget(tmp_path / "some")
    (tmp_path / "some" / "a").unlink()
    assert changed(files) is None
    assert not files.has(tmp_path / "some" / "a")
    assert files.has(tmp_path / "something")


@pytest.mark.parametrize("content", ["", "[1]", '{"a": '])
def test_checksums_that_cannot_be_read(tmp_path: Path, content: str):
    files = RecordedFiles(tmp_path)
    files.manifest.write_text(content)
    with pytest.raises(DataError, match=r"checksums\.json: damaged or missing.*bring back a copy"):
        changed(files)
