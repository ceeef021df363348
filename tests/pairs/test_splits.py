import dataclasses
import gzip
import os
from collections import Counter
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.pairs import locations
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import read_pairs
from pipeline.pairs.references import overlap
from pipeline.pairs.splits import open_splits
from pipeline.settings.data import DataConfiguration
from pipeline.settings.text import TextConfiguration


def write(path: Path, content: str | bytes) -> str:
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return str(path)


def write_words(path: Path, count: int) -> str:
    """A TSV of `count` sources, each on two lines far from one another."""
    return write(path, "".join(f"w{index}\tt{turn}\n" for turn in range(2) for index in range(count)))


@pytest.fixture
def built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(locations.BUILT_IN, "tiny", lambda role, bad: iter([Pair(f"own {role}", "x", 1)]))


@pytest.mark.parametrize("dev_size", [0.3, 7])
def test_held_out_splits_part_train_by_source(tmp_path: Path, dev_size: float):
    path = write_words(tmp_path / "a.tsv", 30)
    splits = open_splits(DataConfiguration(train=path, dev_size=dev_size), seed=1)
    assert list(splits) == ["train", "dev"]
    train, dev = list(splits["train"]()), list(splits["dev"]())
    assert sorted(train + dev, key=lambda pair: pair.line) == list(read_pairs(path, "train"))
    assert overlap(train, [dev]) == [0]
    assert set(Counter(pair.source for pair in dev).values()) == {2}
    if dev_size == 7:
        assert len(dev) == 14
    # Streams start anew, in any order.
    assert list(splits["dev"]()) == dev
    assert list(splits["train"]()) == train


def test_sources_that_the_model_cannot_tell_apart_stay_together(tmp_path: Path):
    lines = [f"{form}\tx\n" for n in range(40) for form in (f"caf\u00e9{n}", f"cafe\u0301{n}", f"CAF\u00c9{n}")]
    data = DataConfiguration(train=write(tmp_path / "a.tsv", "".join(lines)), dev_size=10)
    splits = open_splits(data, 1, TextConfiguration(lowercase=True))
    dev = Counter(pair.line // 3 if pair.line % 3 else pair.line // 3 - 1 for pair in splits["dev"]())
    assert len(dev) == 10
    assert set(dev.values()) == {3}
    assert overlap(splits["train"](), [splits["dev"]()], TextConfiguration(lowercase=True)) == [0]
    assert overlap([Pair("A", "x", 1)], [[Pair("a", "x", 1)]]) == [0]
    assert overlap([Pair("A", "x", 1)], [[Pair("a", "x", 1)]], TextConfiguration(lowercase=True)) == [1]


def test_given_splits_are_taken_whole(tmp_path: Path):
    paths = [write(tmp_path / name, f"{name}\tx\n") for name in ("a", "b", "c")]
    splits = open_splits(DataConfiguration(train=paths[0], dev=paths[1], test=paths[2]), seed=1)
    assert {role: [pair.source for pair in read()] for role, read in splits.items()} == {
        "train": ["a"],
        "dev": ["b"],
        "test": ["c"],
    }


def test_given_test_beside_a_held_out_dev(tmp_path: Path):
    train, test = write_words(tmp_path / "a", 5), write(tmp_path / "c", "c\tx\n")
    splits = open_splits(DataConfiguration(train=train, test=test), seed=1)
    assert list(splits["test"]()) == [Pair("c", "x", 1)]
    assert len(list(splits["train"]())) + len(list(splits["dev"]())) == 10


@pytest.mark.usefixtures("built_in")
@pytest.mark.parametrize("given", [(), ("dev",), ("test",), ("dev", "test")])
def test_built_in_corpus_fills_in_what_is_left_out(tmp_path: Path, given: tuple[str, ...]):
    path = write(tmp_path / "a", "given\tx\n")
    splits = open_splits(DataConfiguration(train="tiny", **dict.fromkeys(given, path)), seed=1)
    expected = {role: "given" if role in given else f"own {role}" for role in ("train", "dev", "test")}
    assert {role: next(read()).source for role, read in splits.items()} == expected


@pytest.mark.usefixtures("built_in")
def test_built_in_dev_of_other_training_data(tmp_path: Path):
    splits = open_splits(DataConfiguration(train=write_words(tmp_path / "a", 3), dev="tiny"), seed=1)
    assert {role: next(read()).source for role, read in splits.items()} == {"train": "w0", "dev": "own dev"}


@pytest.mark.parametrize("role", ["train", "dev", "test"])
def test_missing_split_is_found_before_training(tmp_path: Path, role: str):
    path = write_words(tmp_path / "a", 5)
    locations = {"train": path, "dev": path, "test": path, role: str(tmp_path / "none.tsv")}
    with pytest.raises(DataError, match=r"none\.tsv: no such file"):
        open_splits(DataConfiguration(**locations), seed=1)


def test_too_large_dev_size_is_found_before_training(tmp_path: Path):
    with pytest.raises(DataError, match="cannot hold out 5 of 5 distinct training sources"):
        open_splits(DataConfiguration(train=write_words(tmp_path / "a", 5), dev_size=5), seed=1)


def test_pipe_is_refused_instead_of_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe: is a pipe or device"):
        open_splits(DataConfiguration(train=str(tmp_path / "pipe")), seed=1)


def test_dev_is_held_out_from_all_corpora(tmp_path: Path):
    paths = [write_words(tmp_path / name, 40) for name in ("a.tsv", "b.tsv")]
    write(tmp_path / "c.tsv", "".join(f"v{index}\tx\n" for index in range(40)))
    data = DataConfiguration(train={paths[0]: 1, paths[1]: 0.1, str(tmp_path / "c.tsv"): 3}, dev_size=30)
    splits = open_splits(data, seed=1)
    train, dev = list(splits["train"]()), list(splits["dev"]())
    assert overlap(train, [dev]) == [0]
    assert len({pair.source for pair in dev}) == 30
    assert {pair.corpus for pair in train} == {pair.corpus for pair in dev} == {0, 1, 2}
    assert len(train) + len(dev) == 200
    for size, number in ((20, 20), (0.1, 5), (0.001, 1)):  # of 50 that are not held out
        splits = open_splits(dataclasses.replace(data, train_size=size), 1)
        assert len({pair.source for pair in splits["train"]()}) == number


def test_every_corpus_is_looked_at_before_training(tmp_path: Path):
    good = write_words(tmp_path / "a.tsv", 5)
    with pytest.raises(DataError, match=r"none\.tsv: no such file"):
        open_splits(DataConfiguration(train={good: 2, str(tmp_path / "none.tsv"): 1}, dev=good), seed=1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe: is a pipe or device"):
        open_splits(DataConfiguration(train={good: 2, str(tmp_path / "pipe"): 1}, dev=good), seed=1)


@pytest.mark.usefixtures("built_in")
def test_a_built_in_corpus_among_others_brings_no_dev(tmp_path: Path):
    path = write_words(tmp_path / "a", 30)
    splits = open_splits(DataConfiguration(train={"tiny": 1, path: 1}), seed=1)
    assert list(splits) == ["train", "dev"]
    assert "own dev" not in {pair.source for pair in splits["dev"]()}
    # Alone it is what it is without a weight.
    splits = open_splits(DataConfiguration(train={"tiny": 2}), seed=1)
    assert next(splits["dev"]()).source == "own dev"


def test_another_normal_form_holds_out_the_same_sources(tmp_path: Path):
    words = ["é", "e\u0301a", "각", "ﬁ", *map(chr, range(0xAC00, 0xAC40))]
    path = tmp_path / "train.tsv"
    path.write_text("".join(f"{word}\tx\n" for word in words), encoding="utf-8")
    data = DataConfiguration(train=str(path), dev_size=20)
    held_out = [
        {pair.source for pair in open_splits(data, 1, TextConfiguration(normalization=form))["dev"]()}  # type: ignore
        for form in ("none", "nfc", "nfd")
    ]
    assert held_out[0] == held_out[1] == held_out[2]


def test_a_small_split_is_read_once_where_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_words(tmp_path / "a", 5)
    split = open_splits(DataConfiguration(train=path, dev=path), seed=1)["train"]
    pairs, kept = list(split()), split.kept()
    assert next(kept()) == pairs[0]  # no whole stream: nothing is kept of it
    assert list(kept()) == pairs
    Path(path).unlink()
    assert [list(kept()), list(kept())] == [pairs, pairs]
    path = write_words(tmp_path / "b", 5)
    monkeypatch.setattr("pipeline.pairs.splits.MOST_KEPT", 100)
    large = open_splits(DataConfiguration(train=path, dev=path), seed=1)["train"].kept()
    assert [list(large()), list(large())] == [pairs, pairs]
    Path(path).unlink()
    with pytest.raises(DataError, match="no such file"):
        list(large())
