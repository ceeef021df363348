"""What a model says of pairs that it has not seen, and the order of those that it disbelieves."""

from pathlib import Path

from pipeline import load
from pipeline.pairs.pair_file import Pair
from pipeline.suspects.judgement import (
    Judgement,
    find_disbelieved,
    judge,
    keep_judgements,
    read_judgements,
)
from tests.tiny_task import TinyRun, capitals, make_sources


def test_wrong_targets_come_first(tiny_run: TinyRun):
    sources = make_sources(30, seed=3)
    pairs = [Pair(source, capitals(source), line) for line, source in enumerate(sources, 1)]
    pairs[4] = pairs[4]._replace(target="B B B B B B B")
    pairs[9] = pairs[9]._replace(target=f"{pairs[9].target} Q")  # which the model cannot write
    said = judge(load(tiny_run.path), pairs, "pairs")
    found = find_disbelieved([(str(pair.line), pair) for pair in pairs], said)
    assert {one.place for one in found[:2]} == {"5", "10"}
    assert [one.difference for one in found] == sorted((one.difference for one in found), reverse=True)
    assert all(one.difference > 0 for one in found)


def test_what_agrees_is_no_suspect():
    pair = ("7", Pair("a", "A", 7))
    assert find_disbelieved([pair], [Judgement("A", -3.0, -1.0, True)]) == []
    assert find_disbelieved([pair], [Judgement("B", -1.0, -3.0, False)]) == []
    [one] = find_disbelieved([pair], [Judgement("B\tC", -3.0, -1.0, False)])
    assert one.row() == "7\ta\tA\tB C\t-3.0000\t-1.0000\t2.0000"


def test_judgements_are_kept(tmp_path: Path):
    said = [Judgement("東", -1.25, float("-inf"), False)]
    keep_judgements(tmp_path / "scores.json", said)
    assert read_judgements(tmp_path / "scores.json") == said
