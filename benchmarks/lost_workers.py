"""What a training does when a worker is lost: `python -m benchmarks.lost_workers FOLDER [--workers N] [--epochs N]`.

A small training runs once without a break. Then it is begun again for every event: SIGKILL of every worker, SIGSTOP of
the last, SIGTERM to it and to the leader. For each: the seconds until the others have ended, their exit codes, and,
after the same command went on to the end (with as many workers, or with one where the event says so), the largest
difference of any number that the next step would depend on from the unbroken training's, relative to the largest of its
variable. Everything lies in FOLDER; a JSON object is the last line of stdout.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load_file

from pipeline.cluster.local_workers import free_ports, worker_environment

SETTINGS = {
    "text.target_tokenizer": "space",
    "model.units": 16,
    "model.embedding_units": 8,
    "model.dropout": 0.3,
    "model.fast": "false",
    "data.buckets": 1,
    "data.batch_tokens": 512,
    "train.min_epoch_tokens": 4000,
    "train.ema_momentum": 0.99,
    "train.patience": "null",
    "train.keep_checkpoints": 2,
}
AT = 2
"""Epochs after which an event comes."""


class Event(NamedTuple):
    """A signal to one of the workers, and how many workers go on."""

    name: str
    number: int
    rank: int
    then: int


def events(workers: int) -> list[Event]:
    """All that may happen to one of so many; the leader is worker 0."""
    last = workers - 1
    return [
        *(Event(f"SIGKILL of worker {rank}", signal.SIGKILL, rank, workers) for rank in range(workers)),
        Event(f"SIGSTOP of worker {last}", signal.SIGSTOP, last, workers),
        Event(f"SIGTERM to worker {last}", signal.SIGTERM, last, workers),
        Event("SIGTERM to worker 0, then one worker", signal.SIGTERM, 0, 1),
    ]


def main() -> None:
    """Train, break, go on, compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lost_workers", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    pairs = write_pairs(options.folder)
    unbroken = options.folder / "unbroken"
    finish(start(unbroken, pairs, options.epochs, options.workers))
    rows = {}
    for number, event in enumerate(events(options.workers)):
        run = options.folder / f"event-{number}"
        processes = start(run, pairs, options.epochs, options.workers)
        rows[event.name] = lose(processes, run, event)
        finish(start(run, pairs, options.epochs, event.then))
        rows[event.name]["difference"] = difference(unbroken, run, options.epochs)
        print(event.name, rows[event.name], file=sys.stderr, flush=True)
    print(json.dumps(rows))


def write_pairs(folder: Path) -> Path:
    """Words and the same spelt backwards."""
    drawn, path = random.Random(1), folder / "pairs.tsv"
    words = dict.fromkeys("".join(drawn.choices("abcdefgh", k=drawn.randint(2, 9))) for _ in range(600))
    path.write_text("".join(f"{word}\t{' '.join(word[::-1])}\n" for word in words), encoding="utf-8")
    return path


def start(run: Path, pairs: Path, epochs: int, workers: int) -> list["subprocess.Popen[bytes]"]:
    """The processes of a training, as software of a cluster would start them."""
    settings = {**SETTINGS, "data.train": pairs, "train.epochs": epochs}
    command = [sys.executable, "-m", "pipeline", "train", "--config", "cmudict", "--run", str(run)]
    command += [f"--{key}={value}" for key, value in settings.items()]
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    processes = []
    for rank in range(workers):
        with open(f"{run}-{rank}.log", "ab") as log:
            environment = {**os.environ, **threads, **worker_environment(addresses, rank)}
            processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
    return processes


def finish(processes: list["subprocess.Popen[bytes]"]) -> None:
    """Wait for their good end."""
    if [process.wait() for process in processes] != [0] * len(processes):
        raise SystemExit(f"a training failed, see its log: {processes[0].args!r}")


def lose(processes: list["subprocess.Popen[bytes]"], run: Path, event: Event) -> dict[str, Any]:
    """One event, until all processes have ended."""
    while not (run / "checkpoints" / f"epoch-{AT:04d}").is_dir():
        if any(process.poll() is not None for process in processes):
            raise SystemExit(f"{run}: ended before the event, see its log")
        time.sleep(0.05)
    began = time.monotonic()
    processes[event.rank].send_signal(event.number)
    stopped = [processes[event.rank]] if event.number == signal.SIGSTOP else []
    codes = [process.wait(timeout=120) for process in processes if process not in stopped]
    seconds = round(time.monotonic() - began, 1)
    for process in stopped:
        process.kill()
        process.wait()
    return {"seconds": seconds, "codes": codes}


def difference(one: Path, other: Path, epochs: int) -> float:
    """The largest one of any number that the next step would depend on, relative to the largest of its variable."""
    name = f"checkpoints/epoch-{epochs:04d}/variables.safetensors"
    first, second = load_file(one / name), load_file(other / name)
    found = 0.0
    for key, values in first.items():
        with contextlib.suppress(ValueError):
            apart = np.abs(values.astype(np.float64) - second[key].astype(np.float64)).max()
            found = max(found, float(apart / max(np.abs(values).max(), 1e-30)))
    return found


if __name__ == "__main__":
    main()
