"""Start-up of the commands themselves: `python -m benchmarks.command_start`; `benchmarks.start_up` shows it too.

`train` (what `make train` runs) from its start to the end of its first step, with nothing kept of what XLA compiled and
with all; `predict RUN` from its start to the end, of one word, with a run of the default network. All in turns, wall
time and processor time. A table goes to stderr, a JSON object to the last line of stdout.
"""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

WORD = "attention"
PAIRS = 400
# Where the bar of a training stands after its first step.
FIRST_STEP = re.compile(rb"\| 1/\d+ ")
COMMAND = [sys.executable, "-m", "pipeline"]
Seconds = dict[str, float]


def train(scratch: Path, cache: Path) -> Seconds:
    """Start a training, and end it after its first step."""
    run, environment = scratch / "run", {**os.environ, "ATTENTIF_XLA_CACHE": str(cache), "TQDM_MININTERVAL": "0"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [*COMMAND, "train", "--run", str(run)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = b""
    while not FIRST_STEP.search(said):
        part = os.read(process.stderr.fileno(), 1 << 16)
        if not part:
            raise RuntimeError("the training ended before its first step: " + said.decode(errors="replace")[-500:])
        said += part
    found = {"seconds": time.perf_counter() - began, "processor_seconds": _processor_seconds(process.pid)}
    process.send_signal(signal.SIGTERM)
    process.communicate()
    shutil.rmtree(run)
    return found


def predict(run: Path) -> Seconds:
    """Have one word answered."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*COMMAND, "predict", str(run)], input=WORD + "\n", text=True, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": time.perf_counter() - began, "processor_seconds": used}


def make_run(scratch: Path) -> Path:
    """A run of the default network, with few pairs and one epoch."""
    from pipeline.pairs.reading import read_pairs

    data = scratch / "pairs.tsv"
    pairs = islice(read_pairs("cmudict", "train"), 0, 100 * PAIRS, 100)
    data.write_text("".join(f"{pair.source}\t{pair.target}\n" for pair in pairs), encoding="utf-8")
    options = ["--data.train", str(data), "--data.dev_size", "30", "--train.epochs", "1", "--train.min_epoch_tokens"]
    run = scratch / "trained"
    subprocess.run([*COMMAND, "train", "--run", str(run), *options, "1"], check=True, capture_output=True)
    return run


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(repeats: int) -> dict[str, Any]:
    """Medians over `repeats` processes of each, in turns."""
    from benchmarks.turns import quartiles

    found: dict[str, list[Seconds]] = {"train cold": [], "train warm": [], "predict": []}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        run, cache = make_run(scratch), scratch / "cache"
        train(scratch, cache)
        for turn in range(repeats):
            found["train cold"].append(train(scratch, scratch / f"none-{turn}"))
            found["train warm"].append(train(scratch, cache))
            found["predict"].append(predict(run))
    return {
        f"{name} command": {key: quartiles([each[key] for each in every], 2) for key in every[0]}
        for name, every in found.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    from benchmarks.start_up import table

    parser = argparse.ArgumentParser(prog="python -m benchmarks.command_start", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    result = measure(parser.parse_args(arguments).repeats)
    print(table(result), file=sys.stderr)
    print(json.dumps({"command_start": result}))


if __name__ == "__main__":
    main()
