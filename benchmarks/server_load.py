"""`serve` under load: `python -m benchmarks.server_load RUN [--requests 100000]`, of a run of CMUdict.

Eight clients in processes of their own ask over kept connections; every response is compared, byte by byte, with what
`predict --json` says of its strings. The machine should be quiet.

- load: requests of 1 to 32 words, each as soon as the last is answered; p50, p99,
  requests and strings a second, and the server's memory after the first tenth, in the middle and at the end.
- huge: small requests of 1 to 4 words at a steady pace, alone, and beside requests of as many strings as the server
  takes, one after the other; p99 of the small ones and its ratio.
- killed: the server is killed three times in the middle of requests and started again; clients ask again.
- session: the same requests by 8 threads of a C program on one session of TensorFlow's C++ runtime, with the SavedModel
  of the same run (`benchmarks/session_load.c`; gcc is needed).

Progress goes to stderr, a JSON object to the last line of stdout.
"""

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.load_clients import Client, Load, Seen, quantiles, run_clients

CLIENTS = 8
LEAST, MOST = 1, 32
SMALL = Load(0, 0, 1, 4, 1000, pace=0.08)
COMMAND = [sys.executable, "-m", "pipeline"]
START_SECONDS = 60
KILLS = 3
Row = dict[str, Any]


class Server:
    """A server in a process of its own.

    Args:
        folder: What it serves.
        options: Further ones of `serve`.
    """

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.command = [*COMMAND, "serve", str(folder), "--port", str(self.port), *options]
        self.start()

    def start(self) -> None:
        """Begin, until it is ready."""
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, args=[self.process.stderr], daemon=True).start()
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready").close()
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server does not start")
            time.sleep(0.02)

    @staticmethod
    def _read(stream: Any) -> None:
        for line in stream:
            print(f"server: {line}", end="", file=sys.stderr)

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it; returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGKILL)

    def memory(self) -> float:
        """MiB that it holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def processor_seconds(self) -> float:
        """That it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def beside(work: Callable[[], object], pause: float) -> Iterator[None]:
    """Do something again and again meanwhile."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(pause):
            work()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def read_words(count: int, file: Path | None) -> list[str]:
    """What is asked for: lines of a file, or CMUdict's test words."""
    if file:
        found = list(dict.fromkeys(line.strip() for line in file.read_text(encoding="utf-8").splitlines()))
        return [word for word in found if word][:count]
    from pipeline.pairs.reading import read_pairs
    from pipeline.pairs.references import group_references

    return list(group_references(itertools.islice(read_pairs("cmudict", "test"), 2 * count)))[:count]


def expect(folder: Path, words: Sequence[str]) -> dict[str, bytes]:
    """What `predict --json` says of each, without the attention, as the server says it."""
    command = [*COMMAND, "predict", str(folder), "--json"]
    said = subprocess.run(command, input="\n".join(words) + "\n", text=True, check=True, stdout=subprocess.PIPE)
    found = {}
    for word, line in zip(words, said.stdout.splitlines(), strict=True):
        answer = json.loads(line)
        del answer["attention"]
        answer.pop("attention_heads", None)
        found[word] = json.dumps(answer, ensure_ascii=False).encode()
    return found


def describe(seen: Seen, seconds: float) -> Row:
    """What the clients saw."""
    speeds = {"requests/s": len(seen.seconds) / seconds, "strings/s": seen.strings / seconds}
    counts = {"requests": len(seen.seconds), "strings": seen.strings, "seconds": round(seconds, 1)}
    wrong = {"wrong": seen.wrong, "retries": seen.retries}
    return {**counts, **quantiles(seen.seconds), **{name: round(value, 1) for name, value in speeds.items()}, **wrong}


def measure_load(folder: Path, answers: dict[str, bytes], requests: int) -> Row:
    """Many requests, and the server's memory meanwhile."""
    done = multiprocessing.get_context("spawn").Value("q", 0)
    with Server(folder) as server:
        memory: list[tuple[float, float]] = [(0.0, server.memory())]

        def note() -> None:
            memory.append((done.value / requests, server.memory()))
            if sys.stderr.isatty():
                print(
                    f"\r{done.value:,} of {requests:,}, {memory[-1][1]:.1f} MiB ", end="", file=sys.stderr, flush=True
                )

        began, used = time.perf_counter(), server.processor_seconds()
        with beside(note, 1.0):
            seen = run_clients(CLIENTS, Load(server.port, requests // CLIENTS, LEAST, MOST, 0), answers, done)
        found = describe(seen, time.perf_counter() - began)
        note()
        at = {f"{part:.0%}": next(mib for share, mib in memory if share >= part) for part in (0.0, 0.1, 0.5)}
        at["end"] = memory[-1][1]
        found["server ms/string"] = round(1000 * (server.processor_seconds() - used) / max(1, seen.strings), 3)
        found["MiB"] = {part: round(mib, 1) for part, mib in at.items()}
        found["growth after 10%"] = round(at["end"] / at["10%"] - 1, 4)
        found["exit code"] = server.end()
        return found


def measure_huge(folder: Path, answers: dict[str, bytes], seconds: float, strings: int) -> Row:
    """Small requests alone, and beside huge ones."""
    done = multiprocessing.get_context("spawn").Value("q", 0)
    with Server(folder) as server:
        small = SMALL._replace(port=server.port, seconds=seconds)
        found: Row = {"alone": quantiles(run_clients(CLIENTS, small, answers, done).seconds)}
        huge = list(itertools.islice(itertools.cycle(answers), strings))
        whole = b'{"predictions": [' + b", ".join([answers[word] for word in huge]) + b"]}"
        client, taken, wrong = Client(server.port), list[float](), list[bool]()

        def ask() -> None:
            began = time.perf_counter()
            wrong.append(client.ask(huge) != whole)
            taken.append(round(time.perf_counter() - began, 2))

        with beside(ask, 0.001):
            time.sleep(0.5)
            seen = run_clients(CLIENTS, small, answers, done)
        found |= {"beside": quantiles(seen.seconds), "small requests": len(seen.seconds), "huge seconds": taken}
        found |= {"wrong": seen.wrong + sum(wrong), "exit code": server.end()}
        found["p99 ratio"] = round(found["beside"]["p99 ms"] / found["alone"]["p99 ms"], 2)
        return found


def measure_killed(folder: Path, answers: dict[str, bytes], requests: int) -> Row:
    """The server dies under load, and comes again."""
    done = multiprocessing.get_context("spawn").Value("q", 0)
    with Server(folder) as server:
        kills, reached = [requests * number // (KILLS + 1) for number in range(1, KILLS + 1)], list[int]()

        def kill() -> None:
            if kills and done.value >= kills[0]:
                reached.append(kills.pop(0))
                server.end(signal.SIGKILL)
                time.sleep(0.2)
                server.start()

        began = time.perf_counter()
        with beside(kill, 0.02):
            seen = run_clients(
                CLIENTS, Load(server.port, requests // CLIENTS, LEAST, MOST, 50, retry=True), answers, done
            )
        found = describe(seen, time.perf_counter() - began)
        return {**found, "kills": len(reached), "exit code": server.end()}


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server_load", description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", default=Path("runs/cmudict"))
    parser.add_argument("--format", choices=("litert", "onnx"), default="litert")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--killed-requests", type=int, default=4000)
    parser.add_argument("--session-requests", type=int, default=None, help="If not as many as --requests.")
    parser.add_argument("--seconds", type=float, default=30.0, help="For small requests, alone and beside huge ones.")
    parser.add_argument("--huge", type=int, default=10_000, help="Strings of a huge request.")
    parser.add_argument("--words", type=int, default=5000, help="Different strings.")
    parser.add_argument("--file", type=Path, help="A string a line; left out: CMUdict's test words.")
    parser.add_argument("--parts", nargs="*", default=["load", "huge", "killed", "session"])
    arguments = parser.parse_args(argv)
    results: Row = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "folder"
        export = [*COMMAND, "export", str(arguments.run), str(folder), "--format", arguments.format]
        subprocess.run(export, check=True, capture_output=True)
        answers = expect(folder, read_words(arguments.words, arguments.file))
        if "load" in arguments.parts:
            results["load"] = measure_load(folder, answers, arguments.requests)
        if "huge" in arguments.parts:
            results["huge"] = measure_huge(folder, answers, arguments.seconds, arguments.huge)
        if "killed" in arguments.parts:
            results["killed"] = measure_killed(folder, answers, arguments.killed_requests)
        if "session" in arguments.parts:
            from benchmarks.session_load import measure_session

            each = (arguments.session_requests or arguments.requests) // CLIENTS
            loads = [Load(0, each, LEAST, MOST, number) for number in range(CLIENTS)]
            results["session"] = measure_session(arguments.run, answers, loads, Path(scratch))
    for part, row in results.items():
        print(part, json.dumps(row), sep="\t", file=sys.stderr)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
