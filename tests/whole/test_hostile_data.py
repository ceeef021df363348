"""The benchmark of hostile data, with few inputs; and whether it would find what it looks for."""

import json
import random
import time
from pathlib import Path

import pytest

from benchmarks import hostile_data, hostile_kinds
from benchmarks.hostile_data import Slow, limit, main, measure
from benchmarks.hostile_files import FORMATS, make_input
from benchmarks.hostile_kinds import KINDS, make_kind
from benchmarks.hostile_oracle import LONGEST_LINE, MOST_MARKS
from pipeline.files import lines as text_file
from pipeline.pairs import pair_file, reading
from pipeline.pairs.file_shape import Finding, Shape
from pipeline.pairs.pair_file import Pair

FEW = 42


def test_the_oracle_knows_the_documented_limits():
    assert (LONGEST_LINE, MOST_MARKS) == (text_file.LONGEST_LINE, text_file.MOST_MARKS)


def test_nothing_is_found(capsys: pytest.CaptureFixture[str]):
    assert main(["--inputs", str(FEW), "--seed", "5"]) == 0
    out, err = capsys.readouterr()
    figures = json.loads(out.splitlines()[-1])["hostile_data"]
    assert (figures["inputs"], figures["runs"], figures["findings"]) == (FEW, 2 * FEW, 0)
    formats = figures["formats"]
    assert sum(sum(found.values()) for kind in formats.values() for found in kind.values()) == 2 * FEW
    assert sum(formats["kinds"]["strict"].values()) == FEW / 7
    assert figures["refused"] > 10
    assert f"{FEW} inputs, {2 * FEW} runs" in err


def test_every_format_is_made_with_good_and_bad_lines(tmp_path: Path):
    made = [make_input(tmp_path, number, random.Random(number)) for number in range(300)]
    for kind in FORMATS:
        expected = [right for hostile, right in made if hostile.format == kind]
        assert any(right.pairs and right.bad_pairs for right in expected)
        assert any(right.pairs and not right.refusal(False) for right in expected)
        assert any(right.damaged for right in expected)


def test_every_kind_is_made(tmp_path: Path):
    made = [make_kind(tmp_path, number, random.Random(number))[1] for number in range(400)]
    assert {expected.kind for expected in made} == {kind.name for kind in KINDS}
    assert all(expected.damaged or expected.pairs for expected in made)
    assert {expected.is_quiet for expected in made} == {True, False}


@pytest.mark.parametrize("what", ["refusals", "warnings", "false alarms"])
def test_kinds_that_are_not_told_are_found(monkeypatch: pytest.MonkeyPatch, what: str):
    def judge(shape: Shape) -> list[Finding]:
        return [Finding(shape.path, "something", "mend it")] if what == "false alarms" else []

    kinds = {"refusals": "commas", "warnings": "in quotes", "false alarms": ""}
    monkeypatch.setattr(hostile_kinds, "KINDS", [kind for kind in KINDS if kind.name == kinds[what]])
    monkeypatch.setattr(reading, "judge_table", judge)
    figures, found = measure(14, seed=5)
    assert figures["formats"]["kinds"]["strict"]["findings"] == 2
    assert any("(kinds, skipping): Finding: " in finding for finding in found)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("crash", "ZeroDivisionError"),
        ("lost pair", "the oracle has"),
        ("other line", "the oracle has"),
        ("no place", "names none of"),
    ],
)
def test_faults_are_found(monkeypatch: pytest.MonkeyPatch, what: str, message: str):
    join, fault = pair_file._join_sides, pair_file.Fault

    def broken(source: object, target: object, number: int) -> object:
        if what == "crash" and number == 3:
            raise ZeroDivisionError
        found = join(source, target, number)
        if isinstance(found, Pair) and number == 2:
            return {"lost pair": Pair("other", "pair", 2), "other line": found._replace(line=3)}.get(what, found)
        if isinstance(found, list) and what == "no place":
            return [fault("nowhere", 0, "wrong", "mend it")]
        return found

    monkeypatch.setattr(pair_file, "_join_sides", broken)
    figures, found = measure(FEW, seed=5)
    assert figures["findings"] == len(found) > 0
    assert any(message in finding for finding in found)


def test_what_hangs_is_stopped():
    began = time.monotonic()
    with pytest.raises(Slow), limit(0.05):
        time.sleep(5)
    assert time.monotonic() - began < 4
    assert hostile_data.SECONDS > 1
