"""What a lexicon costs one string: `python -m benchmarks.lexicon_speed RUN [--entries N] [--rounds N]`.

Exports a run with a lexicon of so many entries and without one, and asks both for one string at a time, by turns, in
TensorFlow's session as a server does: strings that the lexicon lacks, and such as it has. Prints the medians in
milliseconds and how much the look-up adds in percent to a table on stderr, and a JSON object to stdout.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.serving_stand_in import StandIn
from pipeline.saved_models.export import export_run

SIGNATURES = ("serving_default", "n_best", "explain")


def write_lexicon(path: Path, entries: int) -> list[str]:
    """Made-up words and what they stand for; returns the words."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(letters[number // 26**place % 26] for place in range(5)) for number in range(entries)]
    path.write_text("".join(f"{word}\t{word.upper()}\n" for word in words), encoding="utf-8")
    return words


def seconds(model: StandIn, signature: str, word: str) -> float:
    """How long one string takes."""
    began = time.perf_counter()
    model.ask(signature, {"source": np.array([word.encode()], object)})
    return time.perf_counter() - began


def measure(run: Path, entries: int, rounds: int) -> dict[str, dict[str, float]]:
    """Medians by signature."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = write_lexicon(folder / "lexicon.tsv", entries)[:: max(1, entries // 50)]
        export_run(run, folder / "without")
        export_run(run, folder / "with", lexicon=folder / "lexicon.tsv")
        models = {kind: StandIn(folder / kind) for kind in ("without", "with")}
        # Of the same length; the last letter of an entry is never z, for that changes last.
        others = [f"{word[:4]}z" for word in known]
        found = {}
        for signature in SIGNATURES:
            times: dict[str, list[float]] = {"without": [], "with": [], "in the lexicon": []}
            for place in range(-20, rounds):
                word, ours = others[place % len(others)], known[place % len(known)]
                row = {kind: seconds(models[kind], signature, word) for kind in models}
                row["in the lexicon"] = seconds(models["with"], signature, ours)
                for kind, took in row.items():
                    times[kind] += [took] if place >= 0 else []
            medians = {kind: statistics.median(of) for kind, of in times.items()}
            found[signature] = {f"{kind}, ms": round(1000 * took, 3) for kind, took in medians.items()}
            found[signature]["adds, %"] = round(100 * (medians["with"] / medians["without"] - 1), 1)
            print(signature, found[signature], file=sys.stderr, flush=True)
        return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lexicon_speed", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1000)
    options = parser.parse_args()
    print(json.dumps(measure(options.run, options.entries, options.rounds)))


if __name__ == "__main__":
    main()
