"""What a network costs workers: `python -m benchmarks.network [--rates 100mbit 1gbit none] [--repeats N] [--steps N]`.

Two network namespaces with a cable between them, whose rate `tc` limits, take one worker each, pinned to a core of its
own; both train on CMUdict. Measured after steps that compile: seconds and processor seconds a step, and the bytes that
went through the cable. Beside it one worker alone on one core trains the same batches; efficiency is its processor
seconds divided by those of both workers together. Settings are taken in turns, medians are printed with the least and
the most. What was made of the network is removed in the end. Needs root and iproute2; where that is not so, it says so
and does nothing.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.cluster.local_workers import worker_environment

ADDRESSES = ("10.213.77.1", "10.213.77.2")
EXCHANGES = ("float32", "bfloat16")
WARM_STEPS = 12


class NotPermittedError(Exception):
    """No network can be made here."""


def main() -> None:
    """Measure in turns, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.network", description=__doc__)
    parser.add_argument("--rates", nargs="*", default=["100mbit", "1gbit", "none"])
    parser.add_argument("--exchanges", nargs="*", choices=EXCHANGES, default=list(EXCHANGES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings, as of `train`")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--exchange", default="float32", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options)
        return
    try:
        rows = measure(options)
    except NotPermittedError as error:
        print(f"skipped: {error}", file=sys.stderr)
        print(json.dumps({"skipped": str(error)}))
        return
    for name, row in rows.items():
        shown = (f"{figure} {values[0]:g} ({values[1]:g} to {values[2]:g})" for figure, values in row.items())
        print("\t".join([name, *shown]), file=sys.stderr)
    print(json.dumps(rows))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Medians, least and most of every figure, by setting."""
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, cable() as spaces:
        for _ in range(options.repeats):
            found.setdefault("one worker", []).append(train(options, Path(folder), "float32", []))
            for rate in options.rates:
                limit(spaces, rate)
                for exchange in options.exchanges:
                    found.setdefault(f"{rate}, {exchange}", []).append(train(options, Path(folder), exchange, spaces))
    alone = statistics.median(row["processor s a step"] for row in found["one worker"])
    for rows in found.values():
        for row in rows:
            row["efficiency"] = alone / row["processor s a step"]
    return {
        name: {figure: _spread([row[figure] for row in rows]) for figure in rows[0]} for name, rows in found.items()
    }


def _spread(values: list[float]) -> list[float]:
    return [round(value, 4) for value in (statistics.median(values), min(values), max(values))]


@contextlib.contextmanager
def cable() -> Iterator[list[str]]:
    """Two namespaces that see each other and nothing else.

    Raises:
        NotPermittedError: None can be made.
    """
    if not all(map(shutil.which, ("ip", "tc"))):
        raise NotPermittedError("ip and tc are not installed (iproute2)")
    spaces = [f"attentif-{os.getpid()}-{number}" for number in range(2)]
    try:
        for space in spaces:
            _ip("netns", "add", space)
        _ip("link", "add", "cable0", "netns", spaces[0], "type", "veth", "peer", "name", "cable1", "netns", spaces[1])
        for number, space in enumerate(spaces):
            _ip("-n", space, "address", "add", f"{ADDRESSES[number]}/30", "dev", f"cable{number}")
            for device in ("lo", f"cable{number}"):
                _ip("-n", space, "link", "set", device, "up")
        yield spaces
    finally:
        for space in spaces:
            subprocess.run(["ip", "netns", "delete", space], capture_output=True, check=False)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotPermittedError(f"no network namespaces here: ip {' '.join(words)}: {done.stderr.strip()}")


def limit(spaces: list[str], rate: str) -> None:
    """Let the cable carry so much each way.

    Raises:
        NotPermittedError: It cannot be limited.
    """
    for number, space in enumerate(spaces):
        start = ["ip", "netns", "exec", space, "tc", "qdisc"]
        subprocess.run([*start, "delete", "dev", f"cable{number}", "root"], capture_output=True, check=False)
        if rate != "none":
            how = ["root", "tbf", "rate", rate, "burst", "256kb", "latency", "100ms"]
            done = subprocess.run([*start, "add", "dev", f"cable{number}", *how], capture_output=True, check=False)
            if done.returncode:
                raise NotPermittedError(f"tc cannot limit a rate here: {done.stderr.decode().strip()}")


def train(options: argparse.Namespace, folder: Path, exchange: str, spaces: list[str]) -> dict[str, float]:
    """One measurement: by a worker in each namespace, or by one alone."""
    command = [sys.executable, "-m", "benchmarks.network", "--worker", str(folder), "--exchange", exchange]
    command += ["--steps", str(options.steps), "--set", *options.set]
    number = max(1, len(spaces))
    addresses = [f"{address}:20717" for address in ADDRESSES[:number]]
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "2"}
    processes = []
    for rank in range(number):
        place = ["ip", "netns", "exec", spaces[rank]] if spaces else []
        environment = {**os.environ, **threads, **(worker_environment(addresses, rank) if spaces else {})}
        pinned = ["taskset", "--cpu-list", str(rank)]
        processes.append(
            subprocess.Popen([*place, *pinned, *command], env=environment, stdout=subprocess.PIPE, text=True)
        )
    said = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit("a worker failed")
    rows = [json.loads(text.splitlines()[-1]) for text in said]
    return {
        "s a step": rows[0]["seconds"],
        "processor s a step": sum(row["processor"] for row in rows),
        "MB a step": sum(row["sent"] for row in rows) / 1e6,
    }


def work(options: argparse.Namespace) -> None:
    """One of the workers: prints its figures of a step."""
    from pipeline.process.quiet_tensorflow import import_tensorflow

    import_tensorflow()
    from pipeline import configure
    from pipeline.cluster.joining import join_cluster
    from pipeline.data.batches import training_batches
    from pipeline.data.prepared.orders import make_order
    from pipeline.training.workbench import prepare

    cluster = join_cluster()
    changes = {"data.buckets": 1, "train.exchange": options.exchange}
    changes |= dict(setting.split("=", 1) for setting in options.set)
    bench = prepare(configure("cmudict", changes=changes))
    bench.model.set_cluster(cluster, options.exchange)
    batches = iter(training_batches(make_order(bench.data.train, bench.data.buckets, 1), cluster=cluster))
    bench.model.make_train_function()
    step = bench.model.train_function
    for _ in range(WARM_STEPS):
        step(batches)
    cluster.agree()
    began, processor, sent = time.perf_counter(), time.process_time(), _sent()
    for _ in range(options.steps):
        step(batches)
    figures = {
        "seconds": (time.perf_counter() - began) / options.steps,
        "processor": (time.process_time() - processor) / options.steps,
        "sent": (_sent() - sent) / options.steps,
    }
    cluster.agree()
    print(json.dumps(figures))


def _sent() -> int:
    """Bytes that went into the cable from this side."""
    devices = Path("/sys/class/net").glob("cable*")
    return sum(int((device / "statistics" / "tx_bytes").read_text()) for device in devices)


if __name__ == "__main__":
    main()
