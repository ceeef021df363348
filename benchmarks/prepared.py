"""Many pairs, prepared and trained on: `python -m benchmarks.prepared FOLDER --pairs N [M …] --shards N`.

For every number of pairs: generates words and the same spelt backwards, prepares them by as many processes as there are
cores,
begins a training by one worker and by two, ends it by SIGTERM after a few steps, and starts it again. A JSON object is
the last line of standard output:

- of `prepare`: seconds, pairs a second, the most memory of any of its processes, and seconds of the same command again,
  which hashes every byte;
- of each training: seconds from the command to its first checkpoint after `--steps` steps, pairs a second between later
  ones, seconds from the command to the first step after the restart, checkpoint included, and the most memory of each
  worker;
- of the batches alone, for the last worker of each number, in a process that trains nothing: seconds to open the corpus
  and to make the first batch, pairs a second, and what opening it and making batches added to the memory.

Memory is RssAnon of /proc: what a process has for itself, without the pages of files that it maps, which the system may
take back at any moment. With several numbers of pairs, `bytes_a_pair` is what a worker takes more for each pair more of
its share. What is generated and prepared already stays.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.process.environment import usable_cores

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LENGTHS = 3, 12
DEV = 200
BATCHES = 1000
SETTINGS: dict[str, Any] = {
    "model.units": 64,
    "model.embedding_units": 32,
    "data.batch_tokens": 4096,
    "data.buckets": 3,
    "train.epochs": 1000,
    "train.patience": "null",
    "train.min_epoch_tokens": 1,
    "train.attention_samples": 0,
    "train.checkpoint_minutes": "null",
}
POLL_SECONDS = 0.05


def main() -> None:
    """Generate, prepare, train, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prepared", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, nargs="+", default=[200_000])
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--share", type=int, metavar="WORKERS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.share:
        print(json.dumps(make_batches(options.folder, options.share)))
        return
    found: dict[str, Any] = {"memory": "RssAnon"}
    for pairs in options.pairs:
        place = options.folder / str(pairs)
        generate(place, pairs, options.shards)
        row: dict[str, Any] = {"prepare": prepare(place)}
        for workers in options.workers:
            row[f"{workers} workers"] = {**train(place, workers, options.steps), "batches": batches(place, workers)}
        found[str(pairs)] = row
        print(pairs, row, file=sys.stderr, flush=True)
    if len(options.pairs) > 1:
        found["bytes_a_pair"] = {
            f"{workers} workers": compare(found, options.pairs, workers) for workers in options.workers
        }
    print(json.dumps(found))


def generate(place: Path, pairs: int, shards: int) -> None:
    """Write the files, if they are not there."""
    (place / "in").mkdir(parents=True, exist_ok=True)
    sizes = [pairs // shards + (number < pairs % shards) for number in range(shards)]
    tasks = [(place / "in" / f"part-{number:03d}.tsv", size, number) for number, size in enumerate(sizes)]
    tasks.append((place / "dev.tsv", DEV, shards))
    with multiprocessing.get_context("spawn").Pool(usable_cores()) as pool:
        pool.starmap(write_file, [task for task in tasks if not task[0].exists()])


def write_file(path: Path, pairs: int, seed: int) -> None:
    """Words and the same spelt backwards."""
    chance = random.Random(seed)
    unfinished = path.with_suffix(".unfinished")
    with open(unfinished, "w", encoding="utf-8") as file:
        for _ in range(pairs):
            word = "".join(chance.choices(LETTERS, k=chance.randint(*LENGTHS)))
            file.write(f"{word}\t{' '.join(word[::-1])}\n")
    unfinished.replace(path)


def prepare(place: Path) -> dict[str, Any]:
    """The figures of `prepare`, and of the same command again."""
    command = [sys.executable, "-m", "pipeline", "prepare", str(place / "in" / "*.tsv"), "--out", str(place / "corpus")]
    command += ["--config", "cmudict", "--data.dev", str(place / "dev.tsv")]
    figures = place / "prepare.json"
    if not figures.exists():
        shutil.rmtree(place / "corpus", ignore_errors=True)
        began = time.monotonic()
        with start(command, place / "prepare.log") as process:
            most = watch(process, lambda: process.poll() is not None)
        require_success(process, place / "prepare.log")
        seconds = time.monotonic() - began
        told = json.loads((place / "prepare.out").read_text().splitlines()[-1])
        row = {"seconds": round(seconds, 1), "pairs_a_second": round(told["pairs"] / seconds), "pairs": told["pairs"]}
        row |= {"bytes": told["bytes"], "most_memory": max(most.values(), default=0)}
        figures.write_text(json.dumps(row))
    began = time.monotonic()
    with start(command, place / "again.log") as process:
        process.wait()
    require_success(process, place / "again.log")
    return {**json.loads(figures.read_text()), "seconds_again": round(time.monotonic() - began, 1)}


def train(place: Path, workers: int, steps: int) -> dict[str, Any]:
    """The figures of a training that is broken off and started again."""
    run = place / f"run-{workers}"
    shutil.rmtree(run, ignore_errors=True)
    command = [sys.executable, "-m", "pipeline", "train", str(place / "corpus"), "--config", "cmudict"]
    command += ["--run", str(run), "--workers", str(workers), f"--data.dev={place / 'dev.tsv'}", "--data.test=null"]
    command += [f"--{key}={value}" for key, value in SETTINGS.items()]
    log, times = place / f"train-{workers}.log", dict[str, float]()

    def checkpoints() -> set[str]:
        return {path.name for path in (run / "checkpoints").glob("*") if not path.name.startswith((".", "unfinished"))}

    def saved(number: int) -> bool:
        for name in checkpoints():
            times.setdefault(name, time.monotonic())
        return len(times) >= number

    began = time.monotonic()
    with start([*command, f"--train.checkpoint_steps={steps}"], log) as process:
        watch(process, lambda: saved(3) or process.poll() is not None)
        require_running(process, log)
        process.send_signal(signal.SIGTERM)
        process.wait()
    moments = sorted(times.values())
    known, restarted = checkpoints(), time.monotonic()
    with start([*command, "--train.checkpoint_steps=1"], log) as process:
        watch(process, lambda: bool(checkpoints() - known) or process.poll() is not None)
        require_running(process, log)
        first_step = time.monotonic() - restarted
        process.send_signal(signal.SIGTERM)
        process.wait()
    with start([*command, "--train.checkpoint_steps=1000000"], log) as process:
        until = time.monotonic() + first_step + 20
        most = watch(process, lambda: time.monotonic() > until or process.poll() is not None)
        require_running(process, log)
        process.send_signal(signal.SIGTERM)
        process.wait()
    return {
        "seconds_to_first_checkpoint": round(moments[0] - began, 1),
        "pairs_a_second": round(steps * pairs_of_a_step(place) / (moments[2] - moments[1])),
        "seconds_to_first_step_after_restart": round(first_step, 1),
        "most_memory": sorted(most.values(), reverse=True)[:workers],
    }


def batches(place: Path, workers: int) -> dict[str, Any]:
    """The figures of `make_batches`, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.prepared", str(place), "--share", str(workers)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def make_batches(place: Path, workers: int) -> dict[str, Any]:
    """Those of the last of so many workers, as a training would ask for them."""
    from pipeline.cluster.cluster import Cluster
    from pipeline.data.prepared.corpus import open_prepared
    from pipeline.data.prepared.lane_order import LaneOrder, plan_for_lanes

    cluster = Cluster()
    cluster.rank, cluster.size = workers - 1, workers
    before, began = own_memory(os.getpid()), time.monotonic()
    corpus = open_prepared(place / "corpus")
    shapes = plan_for_lanes(corpus, int(SETTINGS["data.buckets"]), int(SETTINGS["data.batch_tokens"]))
    order = LaneOrder(corpus, shapes, seed=1)
    # Somewhere in the middle, as after an interruption.
    filled = order.fill(3, order.steps // 2, cluster)
    next(filled)
    opened, pairs = time.monotonic(), 0
    for _, (_, targets) in zip(range(BATCHES), filled, strict=False):
        pairs += int((targets[:, 0] != 0).sum())
    seconds, more = time.monotonic() - opened, own_memory(os.getpid()) - before
    return {
        "seconds_to_first_batch": round(opened - began, 3),
        "pairs_a_second": round(pairs / seconds),
        "milliseconds_a_batch": round(1000 * seconds / BATCHES, 2),
        "memory": more,
        "bytes_a_pair": round(more / (len(corpus) / workers), 2),
    }


def pairs_of_a_step(place: Path) -> float:
    """On the average."""
    from pipeline.data.prepared.corpus import open_prepared
    from pipeline.data.prepared.lane_order import LaneOrder, plan_for_lanes

    corpus = open_prepared(place / "corpus")
    shapes = plan_for_lanes(corpus, int(SETTINGS["data.buckets"]), int(SETTINGS["data.batch_tokens"]))
    return len(corpus) / LaneOrder(corpus, shapes, seed=1).steps


def compare(found: dict[str, Any], numbers: list[int], workers: int) -> float:
    """Bytes that the largest worker takes more for each pair more of its share."""
    small, large = (found[str(number)] for number in (min(numbers), max(numbers)))
    more = large[f"{workers} workers"]["most_memory"][0] - small[f"{workers} workers"]["most_memory"][0]
    return round(more / ((large["prepare"]["pairs"] - small["prepare"]["pairs"]) / workers), 2)


def start(command: list[str], log: Path) -> "subprocess.Popen[bytes]":
    """A command, what it says appended to a file, its results written to one beside it."""
    with open(log, "ab") as said, open(log.with_suffix(".out"), "wb") as results:
        return subprocess.Popen(command, stdout=results, stderr=said)


def require_success(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """End where a command failed."""
    if process.returncode:
        raise SystemExit(f"{process.args!r} ended with {process.returncode}, see {log}")


def require_running(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """End where a command has ended by itself."""
    if process.poll() is not None:
        raise SystemExit(f"{process.args!r} ended with {process.returncode} too early, see {log}")


def watch(process: "subprocess.Popen[bytes]", is_over: Callable[[], bool]) -> dict[int, int]:
    """The most memory of a process and of each of its children until something is over."""
    most: dict[int, int] = {}
    while not is_over():
        for number in (process.pid, *children_of(process.pid)):
            with contextlib.suppress(OSError, ValueError):
                most[number] = max(most.get(number, 0), own_memory(number))
        time.sleep(POLL_SECONDS)
    return most


def children_of(process: int) -> list[int]:
    """Those that it has started, of all its threads."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):
            found += map(int, Path(f"/proc/{process}/task/{thread}/children").read_text().split())
    return found


def own_memory(process: int) -> int:
    """Bytes, without pages of mapped files."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise ValueError(process)


if __name__ == "__main__":
    main()
