"""Who answers which shard: locks, notes, and what happens where there are none, or where nobody lives any more."""

import errno
import json
import multiprocessing
import os
import socket
from pathlib import Path

import pytest
from filelock import FileLock

from pipeline.shards.claims import Claims, Note, read_note
from pipeline.shards.listing import Shard
from pipeline.shards.place import Place
from tests.shards.fake_answers import begin, write


@pytest.fixture
def place(tmp_path: Path) -> tuple[Place, Shard]:
    write(tmp_path / "in" / "a.txt", b"one\n")
    place, [shard] = begin(tmp_path)
    return place, shard


def is_free(claims: Claims, shard: Shard) -> bool:
    with claims.take(shard) as claim:
        return claim is not None


def test_a_shard_is_claimed_by_one(place: tuple[Place, Shard]):
    claims, [shard] = Claims(place[0]), place[1:]
    with claims.take(shard) as claim:
        assert claim
        assert not is_free(Claims(place[0]), shard)
        claim.tell(7, 20)
        claim.write()
        assert read_note(place[0], shard) == Note(socket.gethostname(), os.getpid(), 7, 20)
    assert read_note(place[0], shard) is None
    assert is_free(Claims(place[0]), shard)


def _claim_and_end(place: Place, shard: Shard) -> None:
    with Claims(place).take(shard) as claim:
        assert claim
        os._exit(9)


def test_the_claim_of_a_process_that_has_ended_is_free(place: tuple[Place, Shard]):
    process = multiprocessing.get_context("fork").Process(target=_claim_and_end, args=place)
    process.start()
    process.join()
    assert process.exitcode == 9
    assert read_note(*place) is not None  # left behind
    assert is_free(Claims(place[0]), place[1])


def test_a_claim_without_a_sign_of_life_is_taken_over(place: tuple[Place, Shard]):
    with Claims(place[0]).take(place[1]) as claim:
        assert claim
        waiting = Claims(place[0], stale_seconds=0.0)
        assert not is_free(waiting, place[1])  # the first look
        claim.tell(3, 3)
        claim.write()
        assert not is_free(waiting, place[1])  # it lives
        patient = Claims(place[0], stale_seconds=1e9)
        assert not is_free(patient, place[1])
        assert not is_free(patient, place[1])
        assert is_free(waiting, place[1])


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP])
def test_without_locks_notes_are_the_claims(place: tuple[Place, Shard], number: int, monkeypatch: pytest.MonkeyPatch):
    def acquire(lock: FileLock) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(FileLock, "acquire", acquire)
    with Claims(place[0]).take(place[1]) as claim:
        assert claim
        assert not is_free(Claims(place[0]), place[1])
    note = place[0].beside(place[1], ".claim")
    process = multiprocessing.get_context("fork").Process(target=os._exit, args=(0,))
    process.start()
    process.join()
    note.write_text(json.dumps(Note(socket.gethostname(), process.pid or 0)._asdict()))
    assert is_free(Claims(place[0]), place[1])  # of a process here that is gone
    note.write_text(json.dumps(Note("elsewhere", process.pid or 0)._asdict()))
    claims = Claims(place[0], stale_seconds=0.0)
    assert not is_free(claims, place[1])  # nobody here can know
    assert is_free(claims, place[1])


def test_a_folder_that_cannot_be_written_is_told(place: tuple[Place, Shard], monkeypatch: pytest.MonkeyPatch):
    def acquire(lock: FileLock) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(FileLock, "acquire", acquire)
    with pytest.raises(OSError, match="Read-only"):
        is_free(Claims(place[0]), place[1])


def test_a_note_that_cannot_be_written_stops_nobody(place: tuple[Place, Shard], monkeypatch: pytest.MonkeyPatch):
    def write_text(path: Path, *arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_text)
    assert is_free(Claims(place[0]), place[1])
