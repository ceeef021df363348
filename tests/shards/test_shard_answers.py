"""One shard: a line for a line, the same bytes however often it is begun, nothing half."""

import gzip
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.answering.line_stream import BATCH_BYTES, BATCH_LINES
from pipeline.answering.lines.answers import AnswerForm
from pipeline.files.lines import LONGEST_LINE
from pipeline.shards import shard_answers
from pipeline.shards.hashed_files import ShardError, Source
from pipeline.shards.worker import Worker
from tests.killing import killed_at_every_step
from tests.shards.fake_answers import Capitals, Killed, asked, begin, read, write

LINES = [b"%d" % number for number in range(2 * BATCH_LINES + 5)]


def answer(folder: Path, predictor: Any = None, form: AnswerForm | None = None) -> Any:
    place, [shard] = begin(folder, form)
    how = predictor or Capitals(), asked(folder).model, form or AnswerForm()
    return shard_answers.answer_shard(*how, shard, place, lambda lines, read: None)


def test_odd_lines_keep_their_places_and_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    long = b"x" * (LONGEST_LINE + 5)
    path = write(tmp_path / "in" / "a.txt.gz", b"\xef\xbb\xbfone\n\nt\xff\n" + long + b"\na\tb\r\nsix\n\nno end")
    with caplog.at_level(logging.WARNING):
        record = answer(tmp_path)
    assert read(tmp_path / "out" / "a.answers.txt.gz") == b"ONE\n\n\n\n\nSIX\n\nNO END\n"
    assert [message.split(": ")[0] for message in caplog.messages] == [f"{path}:{n}" for n in (2, 3, 4, 5, 7)]
    assert [word in caplog.text for word in ("empty", "not UTF-8 at byte 2", f"more than {LONGEST_LINE}", "a TAB")]
    assert (record.lines, record.told) == (8, {"fault": [5, 2]})


def test_answers_of_other_forms(tmp_path: Path):
    write(tmp_path / "in" / "a.txt", b"ab\n\n")
    answer(tmp_path, form=AnswerForm(n_best=2))
    assert read(tmp_path / "out" / "a.answers.tsv") == b"AB\tba\n\n"
    answer(tmp_path, form=AnswerForm(as_json=True))
    first, second = read(tmp_path / "out" / "a.answers.jsonl").splitlines()
    assert b'"text": "AB"' in first
    assert b'"error": "the line is empty"' in second


def test_an_empty_file_has_empty_answers(tmp_path: Path):
    write(tmp_path / "in" / "a.txt.gz", b"")
    assert answer(tmp_path).lines == 0
    assert read(tmp_path / "out" / "a.answers.txt.gz") == b""


def test_windows_depend_on_the_lines_alone(tmp_path: Path):
    write(tmp_path / "in" / "a.txt", b"\n".join(LINES))
    predictor = Capitals()
    answer(tmp_path, predictor)
    assert [len(sources) for sources in predictor.asked] == [BATCH_LINES, BATCH_LINES, 5]
    long = write(tmp_path / "long", b"".join(b"x" * (BATCH_BYTES // 4) + b"\n" for _ in range(6)))
    source = Source(long)
    assert [len(window) for window in source.windows()] == [4, 2]
    source.close()


def test_gzip_says_nothing_of_when_and_where(tmp_path: Path):
    for folder in ("a", "b"):
        write(tmp_path / folder / "in" / "x.txt.gz", b"\n".join(LINES))
        answer(tmp_path / folder)
    first, second = ((tmp_path / folder / "out" / "x.answers.txt.gz").read_bytes() for folder in ("a", "b"))
    assert first == second
    assert first[3:8] == bytes(5)  # no name, no time
    assert gzip.decompress(first) == b"\n".join(LINES) + b"\n"


def test_what_is_told_on_the_way(tmp_path: Path):
    write(tmp_path / "in" / "a.txt", b"\n".join(LINES))
    place, [shard] = begin(tmp_path)
    told: list[tuple[int, int]] = []
    shard_answers.answer_shard(
        Capitals(), tmp_path, AnswerForm(), shard, place, lambda lines, read: told.append((lines, read))
    )
    assert told[-1] == (len(LINES), shard.size)
    assert told == sorted(told)
    half = [read for lines, read in told if lines == BATCH_LINES // 2]  # within a window, too
    assert half
    assert all(0 < read < shard.size // 2 for read in half)


def test_killed_in_the_middle_nothing_half_has_a_name(tmp_path: Path):
    write(tmp_path / "in" / "x.txt.gz", b"\n".join(LINES))

    def watch(sources: list[str]) -> None:
        if sources[0] == LINES[BATCH_LINES].decode():
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *a, **k: None)  # SIGKILL tidies nothing up
        with pytest.raises(Killed):
            answer(tmp_path, Capitals(watch))
    out = tmp_path / "out"
    assert not (out / "x.answers.txt.gz").exists()
    assert list(out.glob(".*.unfinished"))
    answer(tmp_path)
    assert sorted(path.name for path in out.iterdir()) == [".shards", "x.answers.txt.gz"]
    assert read(out / "x.answers.txt.gz") == b"\n".join(LINES) + b"\n"


def test_killed_at_any_change_of_a_name_the_same_bytes_come_of_it(tmp_path: Path):
    for name in ("a.txt.gz", "b.txt"):
        write(tmp_path / "in" / name, b"one\n\ntwo\n")

    def act() -> None:
        place, shards = begin(tmp_path)
        Worker(asked(tmp_path), Capitals(), place, "token").work(shards)

    def found() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()}

    def clear() -> None:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)

    clear()
    act()
    whole, steps = found(), 0
    for _ in killed_at_every_step(act, clear):
        steps += 1
        act()
        assert found() == whole
    assert steps > 10


def test_damaged_gzip_leaves_no_answers(tmp_path: Path):
    path = write(tmp_path / "in" / "a.txt.gz", b"\n".join(LINES))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ShardError, match=r"a\.txt\.gz:\d+: truncated or corrupt gzip data"):
        answer(tmp_path)
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == [".shards"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04" + bytes(200), "is a zip archive, not UTF-8"),
        (b"a\tb\n" * 30, "all columns would be read"),
    ],
)
def test_what_is_no_list_of_lines_is_refused(tmp_path: Path, content: bytes, said: str):
    write(tmp_path / "in" / "a.txt", content)
    with pytest.raises(ShardError, match=said):
        answer(tmp_path)


def test_a_file_that_is_written_meanwhile_is_refused(tmp_path: Path):
    path = write(tmp_path / "in" / "a.txt", b"\n".join(LINES))

    def watch(sources: list[str]) -> None:
        os.utime(path, (1, 1))

    with pytest.raises(ShardError, match="was changed while it was read"):
        answer(tmp_path, Capitals(watch))
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == [".shards"]


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "in" / "a.txt", b"\n".join(LINES))

    def fsync(number: int) -> None:
        raise OSError(28, "No space left on device")

    place, [shard] = begin(tmp_path)
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left") as caught:
        shard_answers.answer_shard(Capitals(), tmp_path, AnswerForm(), shard, place, lambda lines, read: None)
    assert str(caught.value.filename).startswith(str(tmp_path / "out"))


def test_one_who_was_replaced_gives_way(tmp_path: Path):
    """Stopped for too long: another has taken the shard over, and swept away what it had half written."""
    write(tmp_path / "in" / "a.txt", b"one\n")
    place, [shard] = begin(tmp_path)
    assert answer(tmp_path, Capitals(lambda sources: place.sweep(shard))) is None
    assert not place.answers(shard).exists()
    assert place.find_done(shard) is None
