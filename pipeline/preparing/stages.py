"""The stages that go over all shards, and how one process does its part of one."""

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.files.durable import write_atomically
from pipeline.preparing.plan import Plan, read_plan
from pipeline.preparing.shard_writing import read_shard_record, tokenize_shard
from pipeline.preparing.survey import Tell, hold_out_survey, survey

HOLD_OUT, SURVEY, TOKENIZE = "hold_out", "survey", "tokenize"
NAMES = {HOLD_OUT: "hashing sources", SURVEY: "counting symbols", TOKENIZE: "tokenising"}
"""What is done, for the bar."""
NOTE_SECONDS = 0.5
_READS: dict[str, Callable[[Plan, int, Tell], dict[str, Any]]] = {HOLD_OUT: hold_out_survey, SURVEY: survey}


def is_done(plan: Plan, stage: str, shard: int) -> bool:
    """Whether a stage has done a shard."""
    if stage == TOKENIZE:
        return read_shard_record(plan.out, shard) is not None
    return plan.record(stage, shard).is_file()


def work(out: Path, stage: str, token: str, tell: Callable[[int, int], object] | None = None) -> None:
    """Do shards of a stage until none is left that nobody has begun, the largest first.

    Args:
        out: The folder of the corpus.
        stage: Which.
        token: Names the command: one of its workers does a shard.
        tell: Called with a shard and its pairs that are done; None leaves notes for who started this process.

    Raises:
        DataError: A file cannot be used.
        OSError: The folder cannot be written.
    """
    plan = read_plan(out)
    note = tell or _Notes(plan, stage).write
    for shard in sorted(range(len(plan.shards)), key=lambda number: (-plan.size(number), number)):
        if is_done(plan, stage, shard) or not _claim(plan, f"{token}-{stage}-{shard}"):
            continue

        def told(pairs: int, shard: int = shard) -> None:
            note(shard, pairs)

        if stage == TOKENIZE:
            tokenize_shard(plan, shard, told)
        else:
            found = _READS[stage](plan, shard, told)
            plan.record(stage, shard).parent.mkdir(exist_ok=True)
            write_atomically(plan.record(stage, shard), json.dumps(found))


def _claim(plan: Plan, name: str) -> bool:
    """Whether this process is the first to ask for it."""
    claims = plan.work / "claims"
    claims.mkdir(exist_ok=True)
    try:
        os.close(os.open(claims / name, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


class _Notes:
    """How far the shards are, for the process that shows it.

    Args:
        plan: What is prepared.
        stage: Which stage it is at.
    """

    def __init__(self, plan: Plan, stage: str) -> None:
        self._plan, self._stage, self._written = plan, stage, 0.0

    def write(self, shard: int, pairs: int) -> None:
        """Say it, at most twice a second."""
        if time.monotonic() - self._written < NOTE_SECONDS:
            return
        self._written = time.monotonic()
        # That it cannot be said is no reason to stop.
        with contextlib.suppress(OSError):
            place = note_path(self._plan, self._stage, shard)
            beside = place.with_name(f"{place.name}.{os.getpid()}")
            beside.write_text(str(pairs))
            os.replace(beside, place)


def note_path(plan: Plan, stage: str, shard: int) -> Path:
    """Where it stands how many pairs of a shard are done."""
    return plan.work / "claims" / f"{stage}-{shard}.note"


def read_note(plan: Plan, stage: str, shard: int) -> int:
    """How many pairs of a shard are done; 0 where nobody has said it."""
    try:
        return int(note_path(plan, stage, shard).read_text())
    except (OSError, ValueError):
        return 0
