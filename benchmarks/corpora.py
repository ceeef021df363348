"""One recipe on many corpora: `python -m benchmarks.corpora PLACE RUNS [options]`.

PLACE holds `train`, `dev` and `test`, each with a TSV file of every corpus whose name begins with the corpus's, as
SIGMORPHON's tasks have them. Every corpus is trained by `python -m pipeline train` with the same settings, as many at a
time as there are cores, each on a core of its own; what is there already is not trained again. For every corpus: the
development error of the chosen epoch, with `--test` the test error, epochs, seconds, processor seconds; and the means.
A table goes to stderr, a JSON object to the last line of stdout. With `--seeds 1 2 3` every corpus is trained with each
of them, RUNS has a folder of each, and the figures of them together, which vote, come last.
"""

import argparse
import concurrent.futures
import json
import os
import queue
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SPLITS = ("train", "dev", "test")
FIGURES = {"val_wer": "dev WER", "wer": "test WER", "per": "test PER", "epochs": "epochs"}
Row = dict[str, float]


def find_corpora(place: Path, only: list[str]) -> list[str]:
    """The names: what stands before the first `_` or `-` of the files to train on."""
    names = {path.name.replace("-", "_").split("_")[0] for path in (place / "train").glob("*.tsv")}
    missing = sorted(set(only) - names)
    if missing or not names:
        raise SystemExit(f"{place / 'train'}: no file of {missing[0] if missing else 'any corpus'}")
    return sorted(only or names)


def file_of(place: Path, split: str, name: str) -> Path:
    """The only file of a corpus in a split."""
    [path] = [path for path in (place / split).glob("*.tsv") if path.name.replace("-", "_").startswith(f"{name}_")]
    return path


def train(name: str, core: int, options: argparse.Namespace) -> Row:
    """Train one corpus on one core, unless its run is complete; its figures."""
    run, figures = options.runs / name, options.runs / f"{name}.json"
    if figures.exists():
        found: Row = json.loads(figures.read_text(encoding="utf-8"))
        return found
    places = {split: file_of(options.place, split, name) for split in (SPLITS if options.test else SPLITS[:2])}
    arguments = [f"--data.{split}={place}" for split, place in places.items()]
    arguments += [f"--config={options.config}"] if options.config else []
    result, row = train_on(core, run, [*arguments, *(f"--{setting}" for setting in options.set)])
    found = {shown: result[key] for key, shown in FIGURES.items() if key in result}
    row = {key: value for key, value in found.items() if options.test or not key.startswith("test")} | row
    figures.write_text(json.dumps(row), encoding="utf-8")
    return row


def train_on(core: int, run: Path, arguments: list[str]) -> tuple[dict[str, Any], Row]:
    """Train on one core: what the run's result.json holds, and the seconds it took."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "pipeline", "train", "--run", str(run), *arguments]
    status, used = finish_on({core}, command, Path(f"{run}.log"))
    if status:
        raise SystemExit(f"{run}.log: training failed")
    result: dict[str, Any] = json.loads((run / "result.json").read_text(encoding="utf-8"))
    took = {"seconds": time.perf_counter() - began, "processor seconds": used}
    return result, {name: round(seconds, 1) for name, seconds in took.items()}


def finish_on(cores: set[int], command: list[str], log: Path, **variables: str) -> tuple[int, float]:
    """Run a command on some cores to its end: its status, and its seconds of processor time.

    Args:
        cores: Which.
        command: It, and its arguments.
        log: Takes what it says.
        variables: Of its environment, besides those that there are.
    """
    with log.open("ab") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            env=os.environ | variables,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
        _, status, used = os.wait4(process.pid, 0)
    return status, used.ru_utime + used.ru_stime


def vote(name: str, core: int, options: argparse.Namespace) -> Row:
    """The figures of all seeds of one corpus together."""
    runs = ",".join(str(options.runs / f"seed-{seed}" / name) for seed in options.seeds)
    row: Row = {}
    for split in SPLITS[1 : 3 if options.test else 2]:
        command = [sys.executable, "-m", "pipeline", "evaluate", runs, split]
        done = subprocess.run(
            command, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {core})
        )
        if done.returncode:
            raise SystemExit(f"{runs}: {done.stderr}")
        found = json.loads(done.stdout.splitlines()[-1])
        row |= {f"{split} {metric.upper()}": found[metric] for metric in ("wer", "per")}
    return row


def measure(options: argparse.Namespace, work: Callable[[str, int, argparse.Namespace], Row] = train) -> dict[str, Row]:
    """Every corpus, and the means."""
    names, cores = find_corpora(options.place, options.only), sorted(os.sched_getaffinity(0))
    free: queue.Queue[int] = queue.Queue()
    for core in cores:
        free.put(core)

    def on_a_core(name: str) -> Row:
        core = free.get()
        try:
            row = work(name, core, options)
        finally:
            free.put(core)
        print(show(name, row), file=sys.stderr, flush=True)
        return row

    with concurrent.futures.ThreadPoolExecutor(len(cores)) as pool:
        return with_mean(dict(zip(names, pool.map(on_a_core, names), strict=True)))


def with_mean(rows: dict[str, Row]) -> dict[str, Row]:
    """The rows and their mean."""
    keys = next(iter(rows.values()))
    return rows | {"mean": {key: round(statistics.mean(row[key] for row in rows.values()), 2) for key in keys}}


def show(name: str, row: Row) -> str:
    """A line of the table."""
    return "\t".join([name, *(f"{key} {value:g}" for key, value in row.items())])


def main() -> None:
    """Train, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpora", description=__doc__)
    parser.add_argument("place", type=Path)
    parser.add_argument("runs", type=Path, help="where the runs are kept, and found again")
    parser.add_argument("--config", help="a preset or a file")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings, as of `train`")
    parser.add_argument("--only", nargs="*", default=[], metavar="CORPUS")
    parser.add_argument("--test", action="store_true", help="measure the test sets, too")
    parser.add_argument("--seeds", nargs="*", type=int, default=[], help="train with each of them, and let them vote")
    options = parser.parse_args()
    rows = {}
    for seed in options.seeds or [None]:
        named = (
            {} if seed is None else {"runs": options.runs / f"seed-{seed}", "set": [*options.set, f"train.seed={seed}"]}
        )
        one = argparse.Namespace(**{**vars(options), **named})
        one.runs.mkdir(parents=True, exist_ok=True)
        rows["alone" if seed is None else f"seed {seed}"] = measure(one)
    if options.seeds:
        rows["together"] = measure(options, vote)
    for name, found in rows.items():
        print(show(f"mean, {name}", found["mean"]), file=sys.stderr)
    print(json.dumps(rows if options.seeds else rows["alone"]))


if __name__ == "__main__":
    main()
