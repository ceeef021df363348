"""`predict --shards` timed, and killed in every phase: `python -m benchmarks.shards MODEL [--lines N] [--shards M]`.

Makes lines in shards, answers them once for each number of `--workers`, and compares the bytes. Then it answers them
again with SIGKILL in each of `PHASES` and afterwards by the same command without it, and compares once more. Lines are
drawn from `--words`, a file with one on each line, or made of letters. A table goes to standard error, a JSON object is
the last line of standard output; the exit code is 1 if any byte differs, or nothing was killed.
"""

import argparse
import gzip
import json
import os
import random
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.files.durable import checksum
from pipeline.process.environment import usable_cores
from pipeline.process.installation import own_command, own_environment
from pipeline.shards.listing import SUFFIX
from pipeline.shards.place import HIDDEN

WORD_LETTERS = (3, 12)


class Phase(NamedTuple):
    """When a process is killed: as it gives a file its name, every process of its own."""

    name: str
    where: str
    """"answers", "record", "note" or, of a note that tells of lines, "progress": whose name it is."""
    number: int
    """The how-manieth of the process."""


PHASES = (
    Phase("before the first line", "note", 1),
    Phase("in the middle of a shard", "progress", 1),
    Phase("before the first record", "record", 1),
    Phase("between the first record and the first name", "answers", 1),
    Phase("between a later record and its name", "answers", 2),
)
# Imported by every Python process that has it in PYTHONPATH.
DEADLY = f"""
import json, os, pathlib, signal
where, number = json.loads(os.environ["KILL_AT"])
real, seen = os.replace, [0]
def kind(path):
    if {HIDDEN!r} not in path.parts:
        return "answers" if {SUFFIX!r} in path.name else ""
    return {{".json": "record", ".claim": "note"}}.get(path.suffix, "") if {SUFFIX!r} in path.name else ""
def replace(source, target, *more, **options):
    found = kind(pathlib.Path(target))
    if found == "note" and json.loads(pathlib.Path(source).read_text())["lines"]:
        found = "progress"
    if found == where:
        seen[0] += 1
        if seen[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
    return real(source, target, *more, **options)
os.replace = replace
"""


def make_shards(folder: Path, lines: int, shards: int, words: Sequence[str], seed: int = 1) -> None:
    """Lines in gzip files of like size, one of them odd in each."""
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    for number in range(shards):
        count = lines // shards + (number < lines % shards)
        drawn = (chance.choice(words) if words else _word(chance) for _ in range(count - 1))
        with gzip.open(folder / f"part-{number:05}.txt.gz", "wt", encoding="utf-8") as file:
            file.writelines(f"{word}\n" for word in drawn)
            file.write("\n")


def _word(chance: random.Random) -> str:
    return "".join(chance.choices(string.ascii_lowercase, k=chance.randint(*WORD_LETTERS)))


def predict(model: Path, inputs: Path, out: Path, workers: int, kill: Phase | None = None) -> tuple[int, float, str]:
    """The command; its exit code, seconds, and what it said."""
    environment = own_environment()
    with tempfile.TemporaryDirectory() as place:
        if kill:
            Path(place, "sitecustomize.py").write_text(DEADLY, encoding="utf-8")
            environment["PYTHONPATH"] += f"{os.pathsep}{place}"
            environment["KILL_AT"] = json.dumps([kill.where, kill.number])
        options = ["--shards", str(inputs / "*.gz"), "--out", str(out), "--workers", str(workers)]
        began = time.monotonic()
        finished = subprocess.run(
            [*own_command(), "predict", str(model), *options], env=environment, capture_output=True, text=True
        )
        return finished.returncode, time.monotonic() - began, finished.stderr


def answers(out: Path) -> dict[str, str]:
    """SHA-256 of every file that is no note, by its name."""
    return {path.name: checksum(path) for path in sorted(out.iterdir()) if path.is_file()}


def measure(model: Path, inputs: Path, folder: Path, workers: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Each number of workers, from the start of the command to its end.

    Raises:
        SystemExit: It failed.
    """
    for count in workers:
        code, seconds, said = predict(model, inputs, folder / f"workers-{count}", count)
        if code:
            raise SystemExit(said)
        yield {"workers": count, "seconds": round(seconds, 2), "bytes": answers(folder / f"workers-{count}")}


def kill_and_go_on(model: Path, inputs: Path, out: Path, workers: int, phase: Phase) -> dict[str, Any]:
    """Kill it in a phase, look whether something half has a name, and have the same command do the rest."""
    killed, _, _ = predict(model, inputs, out, workers, phase)
    left = len(answers(out)) - len(list(out.glob(".*.unfinished")))
    code, _, said = predict(model, inputs, out, workers)
    found = {"phase": phase.name, "killed": killed != 0, "left": left, "code": code, "bytes": answers(out)}
    return found | ({"said": said} if code else {})


def survive(model: Path, inputs: Path, folder: Path, workers: int, expected: dict[str, str]) -> list[dict[str, Any]]:
    """All phases; each with whether it was killed there, and all is as if it had not been."""
    found = []
    for number, phase in enumerate(PHASES):
        one = kill_and_go_on(model, inputs, folder / f"killed-{number}", workers, phase)
        one["same"] = one.pop("bytes") == expected
        found.append(one)
    return found


def run(model: Path, inputs: Path, folder: Path, workers: Sequence[int], kill: bool) -> dict[str, Any]:
    """Times and deaths, and whether all bytes are the same."""
    timed = list(measure(model, inputs, folder, workers))
    same = all(one["bytes"] == timed[0]["bytes"] for one in timed)
    killed = survive(model, inputs, folder, workers[-1], timed[0]["bytes"]) if kill else []
    survived = all(one["same"] and one["killed"] and not one["code"] for one in killed)
    for one in timed:
        del one["bytes"]
    return {"timed": timed, "same_bytes": same, "killed": killed, "survived": survived}


def main() -> None:
    """Make, time, kill, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--lines", type=int, default=20_000, help="1000000 is what the tables in docs/ have")
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, usable_cores()])
    parser.add_argument("--words", type=Path, help="lines to draw from")
    parser.add_argument("--no-kills", action="store_true")
    arguments = parser.parse_args()
    words = arguments.words.read_text(encoding="utf-8").splitlines() if arguments.words else []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_shards(folder / "in", arguments.lines, arguments.shards, words)
        result = run(arguments.model.absolute(), folder / "in", folder, arguments.workers, not arguments.no_kills)
    for one in result["timed"]:
        pace = arguments.lines / one["seconds"]
        print(f"{one['workers']:3} workers  {one['seconds']:8.1f} s  {pace:9,.0f} lines/s", file=sys.stderr)
    for one in result["killed"]:
        end = "same bytes" if one["same"] else "OTHER BYTES"
        print(f"killed {one['phase']}: {one['left']} whole files left, then {end}", file=sys.stderr)
    print(json.dumps({"lines": arguments.lines, "shards": arguments.shards, **result}))
    sys.exit(not (result["same_bytes"] and result["survived"]))


if __name__ == "__main__":
    main()
