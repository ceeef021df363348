"""Which runs a path names, and runs that cannot vote together; each refusal says which run differs in what."""

import dataclasses
import re
from pathlib import Path

import pytest

from pipeline.errors import DataError, UsageError
from pipeline.runs.checkpoints import Checkpoints, TrainingState
from pipeline.runs.directory import RunDirectory
from pipeline.saved_models.ensemble_runs import find_runs, read_members, read_voters
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import TextConfiguration
from pipeline.text.vocabulary import Vocabulary


def begin(path: Path, vocabularies: tuple[Vocabulary, Vocabulary] | None = None, **text: object) -> RunDirectory:
    """A run as it is after an epoch, but for what is in the weights."""
    run = RunDirectory(path)
    run.begin(dataclasses.replace(Configuration(), text=TextConfiguration(**text)))  # type: ignore[arg-type]
    run.vocabulary.mkdir()
    for name, vocabulary in zip(("source", "target"), vocabularies or [Vocabulary("ab")] * 2, strict=True):
        vocabulary.save(run.vocabulary / f"{name}.txt")
    run.record_vocabulary()
    Checkpoints(run.checkpoints).save(TrainingState(epoch=1, best_epoch=1), lambda path: path.touch())
    return run


def test_a_run_with_a_comma_in_its_name(tmp_path: Path):
    run = begin(tmp_path / "a,b")
    [found] = find_runs(run.path) or []
    assert found.path == run.path


def test_what_a_path_names(tmp_path: Path):
    first, second = begin(tmp_path / "first").path, begin(tmp_path / "second").path
    assert [run.path for run in find_runs(first) or []] == [first]
    assert [run.path for run in find_runs(Path(f"{first},{second},{first}")) or []] == [first, second, first]
    assert find_runs(tmp_path) is None
    assert find_runs(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "nowhere: no such run; every member of an ensemble must be what `train --run` wrote"),
        ("empty", "empty: is not a run directory; every member"),
        ("export", "export: an export cannot be a member of an ensemble; give the run it was made from"),
    ],
)
def test_what_cannot_be_a_member(tmp_path: Path, name: str, words: str):
    run = begin(tmp_path / "run").path
    (tmp_path / "empty").mkdir()
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "saved_model.pb").touch()
    with pytest.raises(UsageError, match=words):
        find_runs(Path(f"{run},{tmp_path / name}"))


def test_members_that_are_alike(tmp_path: Path):
    members = read_members([begin(tmp_path / name) for name in ("first", "second")])
    assert [member.best.parent.name for member in members] == ["epoch-0001"] * 2
    assert members[1].target_vocabulary.symbols[4:] == ["a", "b"]


@pytest.mark.parametrize(
    ("vocabularies", "text", "words"),
    [
        (None, {"lowercase": True}, "text.lowercase is True, not False"),
        ((Vocabulary("abc"), Vocabulary("ab")), {}, "its source vocabulary differs (3 symbols, not 2)"),
        ((Vocabulary("ab"), Vocabulary("ax")), {}, "its target vocabulary differs (line 6 is 'x', not 'b')"),
        ((Vocabulary("ab"), Vocabulary("ab", b"m")), {}, "its target vocabulary has another SentencePiece model"),
        (
            (Vocabulary("ba"), Vocabulary("ab")),
            {"normalization": "nfkc", "min_count": 2},
            "text.normalization is 'nfkc', not 'nfc'; text.min_count is 2, not 1; its source vocabulary",
        ),
    ],
)
def test_members_that_differ(
    tmp_path: Path,
    vocabularies: tuple[Vocabulary, Vocabulary] | None,
    text: dict[str, object],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
):
    # A made-up SentencePiece model is as good as any here.
    monkeypatch.setattr(
        "pipeline.text.vocabulary._load_pieces", lambda path: path.read_bytes() if path.is_file() else None
    )
    first, same, other = begin(tmp_path / "1"), begin(tmp_path / "2"), begin(tmp_path / "3", vocabularies, **text)
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        read_members([first, same, other])
    assert str(caught.value).startswith(f"{other.path}: cannot be one model with {first.path}: ")


def test_members_that_vote(tmp_path: Path):
    others = Vocabulary("ba"), Vocabulary("ab")
    runs = [
        begin(tmp_path / "1"),
        begin(tmp_path / "2", direction="right_to_left"),
        begin(tmp_path / "3", others),
        begin(tmp_path / "4"),
    ]
    names = [[member.run.path.name for member in group] for group in read_voters(runs)]
    assert names == [["1", "4"], ["2"], ["3"]]
    assert [len(group) for group in read_voters(runs, apart=True)] == [1] * 4
    lower = begin(tmp_path / "5", lowercase=True)
    with pytest.raises(UsageError, match=r"5: cannot vote with .*1: text\.lowercase compares outputs as True"):
        read_voters([*runs, lower])
    # How sources are read is each member's own matter.
    assert len(read_voters([runs[0], begin(tmp_path / "6", normalization="nfkd", target_normalization="nfc")])) == 2
    other = begin(tmp_path / "7", target_normalization="nfkd")
    with pytest.raises(UsageError, match=r"text\.normalization compares outputs as 'nfkc', not 'nfc'"):
        read_voters([runs[0], other])
    joined = begin(tmp_path / "8", target_tokenizer="space", target_separator="-")
    with pytest.raises(UsageError, match=r"text\.target_separator compares outputs as '-', not None"):
        read_voters([runs[0], joined])


def test_a_member_without_a_checkpoint(tmp_path: Path):
    first, second = begin(tmp_path / "first"), RunDirectory(tmp_path / "second")
    second.begin(Configuration())
    with pytest.raises(DataError, match="second: no epoch has ended yet"):
        read_members([first, second])
