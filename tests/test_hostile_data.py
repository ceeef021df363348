"""The benchmark of hostile data, with few inputs; and whether it would find what it looks for."""

import json
import random
import time
from pathlib import Path

import pytest

from benchmarks import hostile_data
from benchmarks.hostile_data import Slow, limit, main, measure
from benchmarks.hostile_files import FORMATS, LONGEST_LINE, MOST_MARKS, make_input
from pipeline import pair_file, text_file
from pipeline.corpus import Pair

FEW = 36


def test_the_oracle_knows_the_documented_limits():
    assert (LONGEST_LINE, MOST_MARKS) == (text_file.LONGEST_LINE, text_file.MOST_MARKS)


def test_nothing_is_found(capsys: pytest.CaptureFixture[str]):
    assert main(["--inputs", str(FEW), "--seed", "5"]) == 0
    out, err = capsys.readouterr()
    figures = json.loads(out.splitlines()[-1])["hostile_data"]
    assert (figures["inputs"], figures["runs"], figures["findings"]) == (FEW, 2 * FEW, 0)
    assert all(sum(found.values()) == FEW / 6 for kind in figures["formats"].values() for found in kind.values())
    assert figures["refused"] > 10
    assert f"{FEW} inputs, {2 * FEW} runs" in err


def test_every_format_is_made_with_good_and_bad_lines(tmp_path: Path):
    made = [make_input(tmp_path, number, random.Random(number)) for number in range(300)]
    for kind in FORMATS:
        expected = [right for hostile, right in made if hostile.format == kind]
        assert any(right.pairs and right.bad_pairs for right in expected)
        assert any(right.pairs and not right.refusal(False) for right in expected)
        assert any(right.damaged for right in expected)


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
