"""The benchmarks that kill: what they draw, that they see a difference, and the quick one itself."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks import checkpoint_faults
from benchmarks.kills import EPOCHS, EVERY, Kill, compare, draw_kills
from tests.tiny_task import TinyRun


@pytest.mark.parametrize("seed", range(5))
def test_kills_are_spread_over_steps_and_writes(seed: int):
    kills = draw_kills(50, 347, seed)
    assert kills == draw_kills(50, 347, seed) != draw_kills(50, 347, seed + 1)
    steps = [kill.step for kill in kills]
    assert steps == sorted(set(steps))
    assert 1 < steps[0] < steps[-1] < EPOCHS * 347
    within = [kill for kill in kills if kill.call is not None]
    assert len(within) == 15
    assert all(kill.step % EVERY == 0 or kill.step % 347 == 0 for kill in within)
    assert Kill(*json.loads(json.dumps(kills[0]))) == kills[0]


def test_a_difference_is_seen(tiny_run: TinyRun, tmp_path: Path):
    copy = Path(shutil.copytree(tiny_run.path, tmp_path / "run", ignore=shutil.ignore_patterns("export", "logs")))
    assert compare(tiny_run.path, copy) == []
    lines = (copy / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    rows[0]["seconds"] += 1
    rows[1]["val_loss"] *= 1.000001
    (copy / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert compare(tiny_run.path, copy) == ["figures of epoch 2"]
    newest = max((copy / "checkpoints").iterdir())
    shutil.rmtree(newest)
    different = compare(tiny_run.path, copy)
    assert different[0] == "state"
    assert any(name.startswith("weights/") for name in different)


@pytest.mark.slow
def test_killed_within_every_write(monkeypatch: pytest.MonkeyPatch, capsys: Any):
    monkeypatch.setattr("sys.argv", ["checkpoint_faults"])
    assert checkpoint_faults.main() == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["unusable"] == []
    assert result["deaths"] >= 50
    assert set(result["at"]) == {"mkdir", "write", "fsync", "rename", "unlink", "rmdir"}
