"""What a teacher says, on disk: whole or not at all, and in parts that are found again."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.lessons import Lessons, LessonWriter, open_lessons

RANDOM = np.random.default_rng(1)
WHOLE = Lessons(RANDOM.integers(0, 9, (10, 3)).astype(np.int32), RANDOM.random((10, 3)).astype(np.float32))
PARTS = [(2, slice(0, 5)), (3, slice(5, 9)), (1, slice(9, 10))]
"""Pairs, and the symbols that they have."""


def part(rows: slice) -> Lessons:
    return Lessons(WHOLE.symbols[rows], WHOLE.probabilities[rows])


def write(place: Path, fingerprint: str = "all") -> list[int]:
    """Write what is missing; how many pairs were done before each part."""
    writer, done = LessonWriter(place, fingerprint, 3), []
    for number, (pairs, rows) in enumerate(PARTS):
        if writer.pairs <= sum(before for before, _ in PARTS[:number]):
            done.append(writer.pairs)
            writer.append(pairs, part(rows))
    writer.finish()
    return done


def test_what_was_written_is_opened(tmp_path: Path):
    place = tmp_path / "teacher"
    assert open_lessons(place, "all") is None
    assert write(place) == [0, 2, 5]
    found = open_lessons(place, "all")
    assert found is not None
    np.testing.assert_equal(tuple(found), tuple(WHOLE))
    assert isinstance(found.symbols, np.memmap)
    assert [path.name for path in tmp_path.iterdir()] == ["teacher"]
    assert sorted(path.name for path in place.iterdir()) == ["manifest.json", "probabilities.bin", "symbols.bin"]


def test_of_something_else_or_damaged_it_is_not_there(tmp_path: Path):
    place = tmp_path / "teacher"
    write(place)
    assert open_lessons(place, "others") is None
    content = bytearray((place / "probabilities.bin").read_bytes())
    content[7] ^= 1
    (place / "probabilities.bin").write_bytes(content)
    assert open_lessons(place, "all") is None
    write(place)
    assert open_lessons(place, "all") is not None


def test_killed_it_goes_on_after_the_last_part(tmp_path: Path):
    place = tmp_path / "teacher"
    writer = LessonWriter(place, "all", 3)
    writer.append(2, part(slice(0, 5)))
    # Half of a part that nobody noted.
    for file in (tmp_path / "teacher.unfinished").glob("*.bin"):
        file.write_bytes(file.read_bytes() + b"half")
    assert write(place) == [2, 5]
    found = open_lessons(place, "all")
    assert found is not None
    np.testing.assert_equal(tuple(found), tuple(WHOLE))


@pytest.mark.parametrize("harm", ["other", "bit", "short"])
def test_parts_that_are_not_what_was_written_are_written_again(tmp_path: Path, harm: str):
    LessonWriter(tmp_path / "teacher", "other" if harm == "other" else "all", 3).append(2, part(slice(0, 5)))
    path = tmp_path / "teacher.unfinished" / "symbols.bin"
    content = bytearray(path.read_bytes())
    if harm == "bit":
        content[3] ^= 1
    path.write_bytes(content[:10] if harm == "short" else content)
    assert write(tmp_path / "teacher") == [0, 2, 5]
    assert open_lessons(tmp_path / "teacher", "all") is not None
