"""The folder of the answers: whose it is, what is done, what is not the same any more."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.shards.shard_answers import answer_shard
from tests.shards.fake_answers import Capitals, asked, begin, read, write


def answer(folder: Path, **identity: Any) -> int:
    """Answer what is not done; how many that were."""
    place, shards = begin(folder, **identity)
    left = [shard for shard in shards if place.find_done(shard) is None]
    for shard in left:
        how = asked(folder)
        assert answer_shard(Capitals(), how.model, how.form, shard, place, lambda lines, read: None)
    return len(left)


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """Two shards with their answers."""
    write(tmp_path / "in" / "a.txt", b"one\ntwo\n")
    write(tmp_path / "in" / "b.txt.gz", b"three\n")
    assert answer(tmp_path) == 2
    return tmp_path


def test_what_is_done_is_not_done_again(done: Path):
    assert read(done / "out" / "a.answers.txt") == b"ONE\nTWO\n"
    assert read(done / "out" / "b.answers.txt.gz") == b"THREE\n"
    assert answer(done) == 0


def test_a_copy_of_the_same_lines_is_the_same(done: Path):
    for path in (done / "in" / "a.txt", done / "out" / "a.answers.txt"):
        os.utime(path, (1, 1))
    assert answer(done) == 0


def test_another_input_is_not_taken_for_the_same(done: Path):
    write(done / "in" / "a.txt", b"one\ntwx\n")
    said = r"in/a\.txt: is not as it was when .*out/a\.answers\.txt was made of it; delete .*a\.answers\.txt to have"
    with pytest.raises(UsageError, match=said):
        answer(done)
    (done / "out" / "a.answers.txt").unlink()
    assert answer(done) == 1
    assert read(done / "out" / "a.answers.txt") == b"ONE\nTWX\n"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"n_best": 3}, r"n_best was 1, is now 3"),
        ({"model": ["abd"]}, r"the weights are others"),
        ({"search.beam_size": 4}, r"search\.beam_size was None, is now 4"),
        ({"lexicon": "x", "attentif": "2"}, r"attentif was '1', is now '2'; the lexicon is another"),
    ],
)
def test_other_answers_are_refused_and_told_apart(done: Path, changed: dict[str, Any], said: str):
    with pytest.raises(UsageError, match=rf"out: was begun otherwise \({said}\).* choose another --out"):
        answer(done, **changed)


def test_a_record_of_other_settings_does_not_count(done: Path):
    """As of a folder whose settings file was deleted."""
    (done / "out" / ".shards" / "settings.json").unlink()
    with pytest.raises(UsageError, match="has files that are no answers"):
        begin(done, n_best=3)
    settings = done / "out" / ".shards" / "settings.json"
    settings.write_text(json.dumps({"format": 1, "attentif": "1", "asked": {"attentif": "1", "n_best": 3}}))
    place, shards = begin(done, model=None, n_best=3)
    with pytest.raises(UsageError, match="was made by another model or other settings"):
        place.find_done(shards[0])


def test_answers_that_nobody_knows_are_refused(done: Path):
    (done / "out" / ".shards" / "a.answers.txt.json").unlink()
    with pytest.raises(UsageError, match="is there, but nothing tells of what it was made"):
        answer(done)


def test_answers_that_were_altered_are_made_anew_and_told(done: Path, caplog: pytest.LogCaptureFixture):
    (done / "out" / "a.answers.txt").write_bytes(b"ONE\nTW0\n")
    with caplog.at_level(logging.WARNING):
        assert answer(done) == 1
    assert "is not what was written, its SHA-256 is another; it is made anew" in caplog.text
    assert read(done / "out" / "a.answers.txt") == b"ONE\nTWO\n"


def test_a_damaged_record_is_told(done: Path, caplog: pytest.LogCaptureFixture):
    record = done / "out" / ".shards" / "a.answers.txt.json"
    record.write_text(record.read_text()[:40])
    (done / "out" / "a.answers.txt").unlink()
    with caplog.at_level(logging.WARNING):
        place, shards = begin(done)
        assert place.record(shards[0]) is None or place.record(shards[1]) is None
    assert "a.answers.txt.json: damaged" in caplog.text


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path):
    write(tmp_path / "in" / "a.txt", b"one\n")
    write(tmp_path / "out" / "mine.txt", b"one\n")
    with pytest.raises(UsageError, match="has files that are no answers of predict --shards"):
        begin(tmp_path)
    write(tmp_path / "file", b"")
    (tmp_path / "out" / "mine.txt").unlink()
    (tmp_path / "out").rmdir()
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(UsageError, match="out: is no folder"):
        begin(tmp_path)


def test_another_format_is_refused(done: Path):
    settings = done / "out" / ".shards" / "settings.json"
    settings.write_text(settings.read_text().replace('"format": 1', '"format": 9'))
    with pytest.raises(UsageError, match="made by Attentif 1; choose another --out"):
        answer(done)
    settings.write_text("{")
    with pytest.raises(UsageError, match="damaged, this is not a usable folder of answers"):
        answer(done)
