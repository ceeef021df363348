"""Splitting one file of pairs: nothing is lost, nothing stands in two parts."""

import gzip
import sys
from pathlib import Path

import pytest

from benchmarks import split_pairs

ROWS = [(f"source {number}", f"target {number % 40}") for number in range(100)]


def test_no_target_in_two_parts():
    parts = split_pairs.split(ROWS, share=0.1, seed=1)
    targets = {name: {target for _, target in rows} for name, rows in parts.items()}
    assert {name: len(found) for name, found in targets.items()} == {"test": 4, "dev": 4, "train": 32}
    assert len(set.union(*targets.values())) == 40
    assert sorted(row for rows in parts.values() for row in rows) == sorted(ROWS)


def test_the_seed_decides_and_the_order_of_lines_does_not():
    first = split_pairs.split(ROWS, share=0.1, seed=1)
    assert split_pairs.split(ROWS[::-1], share=0.1, seed=1) == {name: rows[::-1] for name, rows in first.items()}
    assert split_pairs.split(ROWS, share=0.1, seed=2) != first


def test_columns_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "pairs.tsv.gz"
    path.write_bytes(gzip.compress("".join(f"{target}\t{source}\tCC-BY\n" for source, target in ROWS).encode()))
    monkeypatch.setattr(sys, "argv", ["split_pairs", str(path), str(tmp_path / "split"), "--columns", "2", "1"])
    split_pairs.main()
    parts = split_pairs.split(ROWS, share=0.05, seed=1)
    assert capsys.readouterr().out == "".join(f"{name}: {len(rows)} pairs\n" for name, rows in parts.items())
    for name, rows in parts.items():
        found = (tmp_path / "split" / f"{name}.tsv").read_text(encoding="utf-8")
        assert found == "".join(f"{source}\t{target}\n" for source, target in rows)


def test_a_column_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "pairs.tsv"
    path.write_text("a\tb\nc\n", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["split_pairs", str(path), str(tmp_path / "split")])
    with pytest.raises(SystemExit):
        split_pairs.main()
    assert f"{path}:2: only 1 TAB-separated columns; give other --columns" in capsys.readouterr().err
    assert not (tmp_path / "split").exists()
