"""Which files are shards, and where their answers go."""

import logging
from pathlib import Path

import pytest

from pipeline.answering.lines.answers import AnswerForm
from pipeline.errors import UsageError
from pipeline.shards.listing import list_shards
from tests.shards.fake_answers import write

FORM = AnswerForm()


def outputs(folder: Path, *patterns: str, form: AnswerForm = FORM) -> list[str]:
    shards = list_shards([str(folder / pattern) for pattern in patterns], folder / "out", form)
    return sorted(shard.output.as_posix() for shard in shards)


def test_paths_of_outputs_follow_from_the_patterns_not_from_what_they_match(tmp_path: Path):
    write(tmp_path / "in" / "a" / "x.txt.gz", b"1\n")
    assert outputs(tmp_path, "in/*/*.gz") == ["a/x.answers.txt.gz"]
    assert outputs(tmp_path, "in/a/*.gz") == ["x.answers.txt.gz"]
    assert outputs(tmp_path, "in/**/*.gz") == ["a/x.answers.txt.gz"]
    assert outputs(tmp_path, "in/a/x.txt.gz") == ["x.answers.txt.gz"]
    write(tmp_path / "in" / "b" / "x.txt", b"1\n")
    assert outputs(tmp_path, "in/*/*.gz") == ["a/x.answers.txt.gz"]
    assert outputs(tmp_path, "in/a/*.gz", "in/b/*") == ["a/x.answers.txt.gz", "b/x.answers.txt"]


def test_names_say_the_format(tmp_path: Path):
    write(tmp_path / "in" / "x.tsv.gz", b"1\n")
    assert outputs(tmp_path, "in/*", form=AnswerForm(n_best=2)) == ["x.tsv.answers.tsv.gz"]
    assert outputs(tmp_path, "in/*", form=AnswerForm(n_best=2, as_json=True)) == ["x.tsv.answers.jsonl.gz"]


def test_the_largest_come_first_and_each_once(tmp_path: Path):
    for name, size in (("a", 1), ("b", 3), ("c", 2), ("d", 3)):
        write(tmp_path / "in" / name, size * b"1\n")
    shards = list_shards([str(tmp_path / "in" / "*"), str(tmp_path / "in" / ".." / "in" / "a")], tmp_path / "out", FORM)
    assert [shard.path.name for shard in shards] == ["b", "d", "c", "a"]


def test_a_name_with_brackets_that_exists_is_a_file(tmp_path: Path):
    write(tmp_path / "in" / "part[1].txt", b"1\n")
    write(tmp_path / "in" / "part1.txt", b"1\n")
    assert outputs(tmp_path, "in/part[1].txt") == ["part[1].answers.txt"]


def test_a_folder_among_the_matches_is_left_out_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    write(tmp_path / "in" / "a" / "x", b"1\n")
    write(tmp_path / "in" / "y", b"1\n")
    with caplog.at_level(logging.WARNING):
        assert outputs(tmp_path, "in/*") == ["y.answers.txt"]
    assert caplog.messages == [f"{tmp_path}/in/a: a folder, left out; '{tmp_path}/in/*/**' takes what is in folders"]
    assert outputs(tmp_path, "in/**") == ["a/x.answers.txt", "y.answers.txt"]
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        (["in/*.zip"], r"--shards .*in/\*\.zip: no file matches"),
        (["in"], r"--shards .*in: is a folder; '.*in/\*' takes its files"),
        (["in/gone"], "is a link that leads nowhere"),
        (["in/x.txt", "in/x"], r"in/x\.txt and .*in/x: the answers to both would go to .*out/x\.answers\.txt"),
        (["in/x", "out/z"], r"out/z: lies in the folder for the answers"),
        (["s3://bucket/*.gz"], "is a URL"),
    ],
)
def test_what_is_refused(tmp_path: Path, patterns: list[str], said: str):
    for name in ("in/x.txt", "in/x", "out/z"):
        write(tmp_path / name, b"1\n")
    (tmp_path / "in" / "gone").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=said):
        list_shards([p if "://" in p else str(tmp_path / p) for p in patterns], tmp_path / "out", FORM)
