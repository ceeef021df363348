"""What a model says of pairs that it has not seen, and the order of those that it disbelieves."""

from pathlib import Path

from pipeline import load
from pipeline.pairs.pair_file import Pair
from pipeline.settings.text import TextConfiguration
from pipeline.suspects.judgement import (
    Judgement,
    find_disbelieved,
    judge,
    keep_judgements,
    read_judgements,
)
from tests.tiny_task import TinyRun, capitals, make_sources

SPACED = TextConfiguration(target_tokenizer="space")


def test_wrong_targets_come_first(tiny_run: TinyRun):
    sources = make_sources(30, seed=3)
    pairs = [Pair(source, capitals(source), line) for line, source in enumerate(sources, 1)]
    pairs[4] = pairs[4]._replace(target="B B B B B B B")
    pairs[9] = pairs[9]._replace(target=f"{pairs[9].target} Q")  # which the model cannot write
    said = judge(load(tiny_run.path), pairs, "pairs")
    found = find_disbelieved([(str(pair.line), pair) for pair in pairs], said, tiny_run.configuration.text)
    assert {one.place for one in found[:2]} == {"5", "10"}
    assert [one.doubt for one in found] == sorted((one.doubt for one in found), reverse=True)
    assert all(one.difference > 0 for one in found)


def test_what_agrees_is_no_suspect():
    pair = ("7", Pair("a", "A", 7))
    assert find_disbelieved([pair], [Judgement("A", -3.0, -1.0, True)], SPACED) == []
    assert find_disbelieved([pair], [Judgement("B", -1.0, -3.0, False)], SPACED) == []
    [one] = find_disbelieved([pair], [Judgement("B\tC", -3.0, -1.0, False)], SPACED)
    assert one.row() == "7\ta\tA\tB C\t-3.0000\t-1.0000\t2.0000\t2"


def test_one_wrong_symbol_counts_more_than_as_much_over_many():
    """4 nats at one place, and 6 over four of them: 4 / √1 > 6 / √4."""
    pairs = [("1", Pair("x", "A B C", 1)), ("2", Pair("y", "A B C D", 2))]
    said = [Judgement("A Q C", -5.0, -1.0, False), Judgement("E F G H", -7.0, -1.0, False)]
    assert [(one.place, one.edits, one.doubt) for one in find_disbelieved(pairs, said, SPACED)] == [
        ("1", 1, 4.0),
        ("2", 4, 3.0),
    ]


def test_judgements_are_kept(tmp_path: Path):
    said = [Judgement("東", -1.25, float("-inf"), False)]
    keep_judgements(tmp_path / "scores.json", said)
    assert read_judgements(tmp_path / "scores.json") == said
