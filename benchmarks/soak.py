"""Many requests from several threads: `python -m benchmarks.soak EXPORT [--requests 100000] [--threads 4] [--seed 1]`.

One process serves an export as a server does, requests of random size and length from a pool whose answers were
computed before, by one thread. Every answer must be that one, and the memory after the last tenth of the requests
within 5 % of that after the first tenth. Progress goes to stderr, a JSON object to the last line of stdout; the exit
code is 1 if an answer was another or memory grew.
"""

import argparse
import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401, its operations are in the graph

from benchmarks.memory import memory_now

POOL = 300
LARGEST_BATCH = 8
LONGEST = 24
LETTERS = "abcdefghijklmnopqrstuvwxyz'-é東"
SIGNATURES = ("serving_default", "serving_default", "n_best", "explain")
MOST_GROWTH = 1.05
TOLERANCE = 1e-4


class Request(NamedTuple):
    """What is asked, and the answer of a single thread."""

    signature: str
    sources: tf.Tensor
    answer: dict[str, np.ndarray]


def make_pool(ask: Callable[[str, tf.Tensor], dict[str, np.ndarray]], size: int, seed: int) -> list[Request]:
    """Requests with their answers."""
    chance, pool = random.Random(seed), []
    for place in range(size):
        words = ["".join(chance.choices(LETTERS, k=chance.randint(0, LONGEST))) for _ in range(LARGEST_BATCH)]
        sources = tf.constant(words[: chance.randint(1, LARGEST_BATCH)])
        signature = SIGNATURES[place % len(SIGNATURES)]
        pool.append(Request(signature, sources, ask(signature, sources)))
    return pool


def is_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    """Strings and counts equal, numbers up to rounding."""

    def alike(first: np.ndarray, second: np.ndarray) -> bool:
        if first.dtype != np.float32:
            return bool(np.array_equal(first, second))
        return first.shape == second.shape and bool(np.allclose(first, second, rtol=TOLERANCE, atol=TOLERANCE))

    return found.keys() == expected.keys() and all(alike(found[name], expected[name]) for name in expected)


class Soak:
    """Threads that ask until as many requests are done.

    Args:
        ask: From signature and sources to the answer.
        pool: What is asked.
        requests: How many in all.
    """

    def __init__(
        self, ask: Callable[[str, tf.Tensor], dict[str, np.ndarray]], pool: list[Request], requests: int
    ) -> None:
        self.ask, self.pool, self.requests = ask, pool, requests
        self.lock = threading.Lock()
        self.done, self.different, self.errors = 0, 0, list[str]()
        self.memory: list[float] = []

    def run(self, threads: int, seed: int) -> float:
        """Ask; returns the seconds it took."""
        began = time.monotonic()
        workers = [threading.Thread(target=self._work, args=(seed + number, began)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        print(file=sys.stderr)
        return time.monotonic() - began

    def _work(self, seed: int, began: float) -> None:
        chance = random.Random(seed)
        while self._go_on():
            request = chance.choice(self.pool)
            try:
                same = is_same(self.ask(request.signature, request.sources), request.answer)
            except tf.errors.OpError as error:
                same = True
                self.errors.append(f"{request.signature}: {type(error).__name__}: {str(error)[:300]}")
            self._note(same, began)

    def _go_on(self) -> bool:
        with self.lock:
            return self.done < self.requests and not self.errors

    def _note(self, same: bool, began: float) -> None:
        with self.lock:
            self.done += 1
            self.different += not same
            if self.done % max(1, self.requests // 10) == 0 and len(self.memory) < 10:
                self.memory.append(memory_now() or 0.0)
            if self.done % max(1, self.requests // 200) == 0:
                speed = self.done / (time.monotonic() - began)
                left = max(0, self.requests - self.done) / speed
                shown = f"{self.done:,} of {self.requests:,}, {speed:,.0f}/s, {left:,.0f} s left"
                print(f"\r{shown}, {memory_now() or 0:,.0f} MiB  ", end="", file=sys.stderr, flush=True)


def soak(path: Path, requests: int, threads: int, seed: int, pool: int = POOL) -> dict[str, Any]:
    """Everything that is printed."""
    loaded = tf.saved_model.load(str(path))

    def ask(signature: str, sources: tf.Tensor) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in loaded.signatures[signature](source=sources).items()}

    soaking = Soak(ask, make_pool(ask, pool, seed), requests)
    seconds = soaking.run(threads, seed)
    first, last = soaking.memory[0], soaking.memory[-1]
    return {
        "requests": soaking.done,
        "threads": threads,
        "seconds": round(seconds, 1),
        "requests_per_second": round(soaking.done / seconds, 1),
        "memory_mib": [round(value) for value in soaking.memory],
        "growth": round(last / first, 4) if first else None,
        "different": soaking.different,
        "errors": soaking.errors,
    }


def main(argv: list[str] | None = None) -> None:
    """Soak and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("export", type=Path)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pool", type=int, default=POOL, help="distinct requests (%(default)s)")
    arguments = parser.parse_args(argv)
    result = soak(arguments.export, arguments.requests, arguments.threads, arguments.seed, arguments.pool)
    print(json.dumps(result))
    sys.exit(bool(result["different"] or result["errors"] or (result["growth"] or 0) > MOST_GROWTH))


if __name__ == "__main__":
    main()
