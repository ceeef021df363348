"""The same lines by every engine: `python -m benchmarks.engines MODEL FOLDER --beam PYTHON [--lines N] [--shards M]`.

MODEL is a run, FOLDER what `export --format litert` made of it; PYTHON is that of an environment with
`requirements-beam.txt` and Attentif. Lines are answered by `predict --shards`, by Ray Data and by Apache Beam with
DirectRunner, with as many processes as there are cores; Ray answers by the run, Beam by the folder, `predict --shards`
by either. For each: seconds from the start of the command to its end, and lines a second. What answers by one model has
to write the same bytes. A table goes to standard error, a JSON object is the last line of standard output; the exit
code is 1 if any byte differs. What is there in `--place` already is not answered again.

With `--kill` every engine's command is given once more, into another folder, and all of its processes are killed by
SIGKILL as it starts, with a third and with two thirds of the shards answered; then the same command does the rest.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.shards import answers, make_shards
from pipeline.process.environment import usable_cores
from pipeline.process.installation import own_command, own_environment

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
SILENT = subprocess.DEVNULL
STARTING = 3.0
"""Seconds after which a command is killed as it starts."""


def commands(options: argparse.Namespace, pattern: str) -> dict[str, list[str]]:
    """By what answers, with which model, the command but for the folder of its answers, which stands for `{out}`."""
    workers = str(options.workers)
    ours = [*own_command(), "predict"]
    shards = ["--shards", pattern, "--out", "{out}", "--workers", workers]
    ray = [sys.executable, str(EXAMPLES / "ray_shards.py"), str(options.model), "{out}", pattern, "--actors", workers]
    beam = [str(options.beam), str(EXAMPLES / "beam_shards.py"), str(options.folder), "{out}", pattern]
    beam += [f"--direct_num_workers={workers}", "--direct_running_mode=multi_processing"]
    found = {
        "predict --shards, run": [*ours, str(options.model), *shards],
        "Ray Data, run": ray,
        "predict --shards, folder": [*ours, str(options.folder), *shards],
        "Apache Beam, folder": beam,
    }
    return {name: command for name, command in found.items() if options.beam or "Beam" not in name}


def answer(command: list[str], out: Path) -> float:
    """The seconds of a command.

    Raises:
        SystemExit: It failed.
    """
    began = time.monotonic()
    words = _words(command, out)
    done = subprocess.run(words, env=own_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return time.monotonic() - began


def kill_and_go_on(command: list[str], out: Path, shards: int) -> dict[str, Any]:
    """Kill all processes of a command three times, and have it do the rest: shards that were answered each time."""
    words, left = _words(command, out), []
    for least in (0, shards // 3, 2 * shards // 3):
        with subprocess.Popen(words, env=own_environment(), stdout=SILENT, stderr=SILENT) as one:
            time.sleep(STARTING)
            while one.poll() is None and len(_answered(out)) < least:
                time.sleep(0.2)
            if one.poll() is not None:
                raise SystemExit(f"{' '.join(words)}: it ended before it could be killed")
            for process in (one.pid, *_children(one.pid)):
                with contextlib.suppress(ProcessLookupError):  # its parent's end was its own
                    os.kill(process, signal.SIGKILL)
        left.append(len(_answered(out)))
    answer(command, out)
    return {"answered when killed": left, "bytes": answers(out)}


def _words(command: list[str], out: Path) -> list[str]:
    return [str(out) if word == "{out}" else word for word in command]


def _answered(out: Path) -> list[Path]:
    return list(out.glob("[!.]*.gz"))


def _children(process: int) -> list[int]:
    """All processes below one."""
    done = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    parents = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    found = [process]
    for above in found:
        found += [pid for pid, parent in parents if parent == above]
    return found[1:]


def main() -> None:
    """Make, time, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--beam", type=Path, metavar="PYTHON", help="left out: Beam is")
    parser.add_argument("--lines", type=int, default=20_000, help="1000000 is what the table in docs/ has")
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--words", type=Path, help="lines to draw from")
    parser.add_argument("--kill", action="store_true", help="kill every engine three times, too")
    parser.add_argument("--place", type=Path, help="keeps lines, answers and seconds; left out: nothing is kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(options, options.place or Path(folder))
    for name, row in rows.items():
        print(f"{name}\t{row['seconds']} s\t{row['lines a second']:,} lines/s", file=sys.stderr)
    by_model: dict[str, set[str]] = {}
    for name, row in rows.items():
        by_model.setdefault(name.rpartition(", ")[2], set()).add(json.dumps(row.pop("bytes")))
    same = all(len(bytes_) == 1 for bytes_ in by_model.values())
    same = same and all(row.get("killed", {"same": True})["same"] for row in rows.values())
    print(json.dumps({"lines": options.lines, "workers": options.workers, "engines": rows, "same_bytes": same}))
    raise SystemExit(not same)


def measure(options: argparse.Namespace, place: Path) -> dict[str, dict[str, Any]]:
    """What every engine took, and the checksums of what it wrote."""
    words = options.words.read_text(encoding="utf-8").split() if options.words else []
    inputs = place / "in"
    if not inputs.is_dir():
        make_shards(inputs, options.lines, options.shards, words)
    rows = {}
    for number, (name, command) in enumerate(commands(options, str(inputs / "*.gz")).items()):
        out, kept = place / f"out-{number}", place / f"seconds-{number}"
        if not kept.exists():
            kept.write_text(f"{answer(command, out):.2f}")
        seconds = float(kept.read_text())
        found = {"seconds": seconds, "lines a second": round(options.lines / seconds), "bytes": answers(out)}
        if options.kill:
            found["killed"] = kill_and_go_on(command, place / f"killed-{number}", options.shards)
            found["killed"]["same"] = found["killed"].pop("bytes") == found["bytes"]
        rows[name] = found
        print(f"{name}: {seconds} s", file=sys.stderr, flush=True)
    return rows


if __name__ == "__main__":
    main()
