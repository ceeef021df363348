"""Words that are cut otherwise in every pass: the same strings, in time for their batch, from seed and pass alone."""

import dataclasses
import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.batches import TrainingOrder, fill_batch, training_batches
from pipeline.data.planning.buckets import assign_buckets
from pipeline.data.preparation import TrainingData, open_run
from pipeline.data.subword_sampling import Rows, SampledSide
from pipeline.errors import UsageError
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import TextConfiguration
from pipeline.text.processor import make_texts
from pipeline.text.sampled_cuts import Word
from pipeline.text.symbols import END
from tests.tiny_task import tiny_configuration

NOUNS = ["the cat", "a dog", "the station", "all cats", "that house"]
LINES = [f"{noun} sat{' down' * number} on the mat" for noun, number in itertools.product(NOUNS, range(6))]


def by_hand(word: Word, count: int, chance: random.Random) -> list[Word]:
    """Cuts 10 as itself or as 11, 12; the others stay."""
    assert word[0] >= 10
    return [chance.choice([word, (11, 12)]) if word == (10,) else word for _ in range(count)]


def sides(rows: list[list[int]], seed: int = 1, turned: bool = False) -> SampledSide:
    """Words begin with 10, 11 and 13."""
    lengths = np.array([len(row) + 1 for row in rows])
    ids = np.array([number for row in rows for number in [*row[:: -1 if turned else 1], END]])
    starts = [number in (10, 11, 13) for number in range(20)]
    return SampledSide(Rows(ids, np.cumsum(lengths) - lengths, lengths), starts, by_hand, [seed, 0], turned)


def taken(rows: Rows) -> list[list[int]]:
    pairs = zip(rows.offsets, rows.lengths, strict=True)
    return [rows.ids[first : first + length].tolist() for first, length in pairs]


@pytest.mark.parametrize("turned", [False, True])
def test_rows_by_hand(turned: bool):
    given = [[10, 13, 14, 10], [13, 15], [], [10]]
    side, order = sides(given, turned=turned), -1 if turned else 1
    seen = set()
    for number in range(40):
        first, second, third, last = taken(side.rows(number, np.array([0, 1, 2, 3]), 99))
        assert (second, third) == ([*[13, 15][::order], END], [END])
        assert last in ([10, END], [*[11, 12][::order], END])
        cut = first[:-1][::order]
        assert cut in ([10, 13, 14, 10], [11, 12, 13, 14, 10], [10, 13, 14, 11, 12], [11, 12, 13, 14, 11, 12])
        seen.add(tuple(cut))
        # The same again, in any order, and where the row stands twice.
        assert taken(side.rows(number, np.array([3, 0, 0]), 99)) == [last, first, first]
        # Where there is no room for more, it is cut as ever.
        [narrow] = taken(side.rows(number, np.array([0]), 5))
        assert narrow == [*given[0][::order], END]
    assert len(seen) == 4
    assert side.lengths.tolist()[1:3] == [3, 1]
    assert side.lengths[0] >= 5


def test_seed_and_pass_alone_decide():
    rows = [[10, 10, 10, 10, 10, 10, 10, 10]]
    one, same, other = sides(rows), sides(rows), sides(rows, seed=2)
    passes = [taken(one.rows(number, np.array([0]), 99)) for number in range(9)]
    assert [taken(same.rows(number, np.array([0]), 99)) for number in reversed(range(9))] == passes[::-1]
    assert [taken(other.rows(number, np.array([0]), 99)) for number in range(9)] != passes
    assert len({str(rows) for rows in passes}) > 5


def prepare(folder: Path, text: dict[str, Any]) -> tuple[Configuration, TrainingData]:
    (folder / "pairs.tsv").write_text("".join(f"{line}\t{line.upper()}\n" for line in LINES), encoding="utf-8")
    data = {"max_length": 60, "dev": str(folder / "pairs.tsv")}
    configuration = tiny_configuration({"train": str(folder / "pairs.tsv")}, data=data, text=text)
    return configuration, open_run(configuration, RunDirectory(folder / "run"))


@pytest.mark.parametrize(
    "text",
    [
        {"source_tokenizer": "bpe", "target_tokenizer": "unigram"},
        {"source_tokenizer": "char", "target_tokenizer": "bpe", "direction": "right_to_left"},
    ],
    ids=["both", "right to left"],
)
def test_batches_have_the_same_strings_cut_otherwise(text: dict[str, Any], tmp_path: Path):
    configuration, data = prepare(tmp_path, {**text, "vocabulary_size": 320, "sampling": 0.5})
    assert set(data.train.sampled) == {
        side for side in ("source", "target") if text[f"{side}_tokenizer"] in ("bpe", "unigram")
    }
    order = TrainingOrder(data.train, data.buckets, 1)
    texts = make_texts(configuration.text, data.source_vocabulary, data.target_vocabulary)
    seen: list[set[Any]] = [set(), set()]
    batches = list(itertools.islice(order.batches(), 4 * order.steps))
    for batch in batches:
        (source, _), targets = fill_batch(data.train, batch)
        for side, ids in enumerate((source, targets)):
            read = [text.decode() for text in texts[side].decode(texts[side].turn(ids, ids)).numpy()]
            wanted = [LINES[index].upper() if side else LINES[index] for index in batch.indices]
            assert read[: len(batch.indices)] == wanted
            seen[side].update(zip(batch.indices.tolist(), map(bytes, ids[: len(wanted)]), strict=True))
    for side, name in enumerate(("source", "target")):
        assert (len(seen[side]) > len(LINES)) == (name in data.train.sampled)
    # A run that goes on has the rest of the same batches; dev is never sampled.
    _, again = prepare(tmp_path, {**text, "vocabulary_size": 320, "sampling": 0.5})
    rest = training_batches(TrainingOrder(again.train, again.buckets, 1), epoch=1, step=1).as_numpy_iterator()
    for batch, ((source, _), targets) in zip(batches[order.steps + 1 :], rest, strict=False):
        (expected, _), expected_targets = fill_batch(data.train, batch)
        assert (source == expected).all()
        assert (targets == expected_targets).all()
    assert not data.dev.sampled
    assert (assign_buckets(data.train, data.buckets) < len(data.buckets)).all()


def test_without_subwords_it_is_refused():
    with pytest.raises(UsageError, match=r"text\.sampling: 0\.1 is impossible, it must be 0 where no tokenizer is bpe"):
        TextConfiguration("char", "wordpiece", sampling=0.1)
    assert dataclasses.replace(TextConfiguration("char", "bpe"), sampling=0.1).sampling == 0.1
