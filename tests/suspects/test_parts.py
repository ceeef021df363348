"""Parts of the training pairs, and the files of the pairs that are not in one."""

from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import read_pairs
from pipeline.settings.text import TextConfiguration
from pipeline.suspects.directory import Part
from pipeline.suspects.parts import assign, read_training_pairs, write_others
from tests.tiny_task import tiny_configuration, write_pairs


def make_pairs(count: int) -> list[Pair]:
    return [Pair(f"w{line // 2}", f"T {line}", line + 1) for line in range(count)]


def test_pairs_of_one_source_are_in_one_part_and_parts_are_even():
    pairs = [*make_pairs(60), Pair("W3", "other", 61)]
    found = assign(pairs, 3, 1, TextConfiguration(lowercase=True))
    by_source: dict[str, set[int]] = {}
    for pair, part in zip(pairs, found, strict=True):
        by_source.setdefault(pair.source.lower(), set()).add(part)
    assert {len(parts) for parts in by_source.values()} == {1}
    assert [sum(parts == {part} for parts in by_source.values()) for part in range(3)] == [10, 10, 10]
    assert found == assign(pairs, 3, 1, TextConfiguration(lowercase=True))


def test_too_few_sources_are_refused():
    with pytest.raises(DataError, match="cannot be in 4 parts"):
        assign(make_pairs(6), 4, 1, TextConfiguration())


def test_the_others_come_back_from_their_files_with_their_weights(tmp_path: Path):
    first = write_pairs(tmp_path / "a,1.tsv", [("a b", "A"), ("c", "C")])
    second = write_pairs(tmp_path / "b.tsv", [("d", "D")])
    for train in (first, {first: 2.0, second: 1.0}):
        configuration = tiny_configuration({"train": train, "dev": second, "test": second})
        pairs = read_training_pairs(configuration)
        changed = write_others(Part("part-1", tmp_path / str(len(pairs))), pairs[1:], configuration)
        assert [pair[:2] for pair in read_pairs(changed.data.train, "train")] == [pair[:2] for pair in pairs[1:]]
        assert (changed.data.dev, changed.data.test) == (second, None)
    assert sorted(changed.data.train.values()) == [1.0, 2.0]


def test_a_built_in_corpus_keeps_its_dev(tmp_path: Path):
    configuration = tiny_configuration({"train": "cmudict"})
    changed = write_others(Part("part-1", tmp_path), [Pair("a", "AH", 1)], configuration)
    assert changed.data.dev == "cmudict"
