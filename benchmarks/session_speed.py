"""What requests cost in TensorFlow's session: `python -m benchmarks.session_speed EXPORT [--as-it-is] …`.

By signature: seconds until the first answer, in which the session plans, and until the first to several and to more
than 256 strings after it; and by how many strings a request has, milliseconds of one caller, strings per second of one
caller and of four, and processor milliseconds per string. From these follow the warm-up requests of an export and the
batching parameters in docs/serving.md. With --as-it-is the session leaves graphs as they are, as by
docs/examples/session_config.txt. Words are CMUdict's test words, or the lines of a file (--words). A table goes to
stderr, a JSON object to the last line of stdout.
"""

import argparse
import itertools
import json
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.serving_stand_in import StandIn
from pipeline.pairs.reading import read_pairs
from pipeline.pairs.references import group_references

SIGNATURES = ("serving_default", "n_best", "explain")
SIZES = (1, 2, 4, 8, 16, 32, 64, 256)
FIRST = {"one string": 1, "four": 4, "three hundred": 300}
CALLERS = 4
Row = dict[str, float]


class Asking:
    """One signature and what it is asked."""

    def __init__(self, model: StandIn, signature: str, words: Sequence[str]) -> None:
        self.model, self.signature, self.words = model, signature, itertools.cycle(words)

    def seconds(self, size: int) -> float:
        """How long one request of so many strings takes."""
        strings = np.array([next(self.words).encode() for _ in range(size)], object)
        began = time.perf_counter()
        self.model.ask(self.signature, {"source": strings})
        return time.perf_counter() - began

    def first(self) -> Row:
        """Of requests as nobody sent them before, and how much less of the same when they are repeated."""
        found = {}
        for name, size in FIRST.items():
            new = self.seconds(size)
            found[name] = round(new, 2)
            found[f"{name} again"] = round(min(self.seconds(size) for _ in range(3)), 3)
        return found

    def steady(self, size: int, seconds: float) -> Row:
        """Medians of one caller, and what several make together."""
        processor, times, end = time.process_time(), list[float](), time.perf_counter() + seconds
        while time.perf_counter() < end:
            times.append(self.seconds(size))
        used = (time.process_time() - processor) / (len(times) * size)
        median = statistics.median(times)
        together = self._together(size, seconds)
        return {
            "ms": round(1000 * median, 1),
            "strings/s": round(size / median),
            f"of {CALLERS} callers": round(together),
            "processor ms/string": round(1000 * used, 2),
        }

    def _together(self, size: int, seconds: float) -> float:
        counts, began = [0] * CALLERS, time.perf_counter()

        def call(place: int) -> None:
            asking = Asking(self.model, self.signature, list(itertools.islice(self.words, 1000)))
            while time.perf_counter() < began + seconds:
                asking.seconds(size)
                counts[place] += size

        threads = [threading.Thread(target=call, args=(place,)) for place in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / (time.perf_counter() - began)


def measure(model: StandIn, words: Sequence[str], seconds: float) -> dict[str, dict[str, Row]]:
    """By signature, the first requests and those of every size."""
    results = {}
    for signature in SIGNATURES:
        asking = Asking(model, signature, words)
        first = asking.first()
        results[signature] = {"first": first, **{str(size): asking.steady(size, seconds) for size in SIZES}}
    return results


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.session_speed", description=__doc__)
    parser.add_argument("export", type=Path)
    parser.add_argument("--as-it-is", action="store_true")
    parser.add_argument("--words", type=Path)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args(argv)
    if arguments.words:
        words = arguments.words.read_text(encoding="utf-8").splitlines()
    else:
        words = list(group_references(itertools.islice(read_pairs("cmudict", "test"), 5000)))
    results = measure(StandIn(arguments.export, arguments.as_it_is), words, arguments.seconds)
    for signature, rows in results.items():
        for name, row in rows.items():
            print(signature, name, " ".join(f"{key} {value}" for key, value in row.items()), sep="\t", file=sys.stderr)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
