"""From a trained model or from nothing: `python -m benchmarks.fine_tuning PLACE RUNS --from LANGUAGE --to LANGUAGE`.

PLACE is as `benchmarks.corpora` has it. A model of the first language is trained as `train` trains it, then two models
on WORDS pairs of the second: one begins with its weights (`train.init_from`) and has its sizes, one begins at
random and has the sizes that `--config auto` gives so few words. Figures are the best dev WER of the epochs that had
ended after 30, 60 and 120 seconds of steps, compiling included, decoding not; the training of the first language is
not counted. A table goes to stderr, a JSON object to stdout. What is there already is not trained again.
"""

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.corpora import file_of

SECONDS = (30, 60, 120)
SEED = 1
"""Which words of the second language."""
EPOCH = 12_000
"""Target symbols of an epoch: some seconds."""


def train(run: Path, arguments: list[str]) -> None:
    """Train, unless it is trained; what it says goes into a file beside the run."""
    if (run / "result.json").exists():
        return
    command = [sys.executable, "-m", "pipeline", "train", "--run", str(run), *arguments]
    with open(f"{run}.log", "ab") as log:
        if subprocess.call(command, stdout=log, stderr=log):
            raise SystemExit(f"{run}.log: training failed")


def some_words(path: Path, words: int, place: Path) -> None:
    """A file of so many pairs of another, always the same: of a sorted file the first ones begin alike."""
    pairs = path.read_text(encoding="utf-8").splitlines(keepends=True)
    place.write_text("".join(random.Random(SEED).sample(pairs, words)), encoding="utf-8")


def dev_after(run: Path, seconds: tuple[int, ...] = SECONDS) -> dict[str, float | None]:
    """The best dev WER of the epochs that had ended after so many seconds; None before the first has."""
    epochs = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    found: dict[str, float | None] = {}
    for limit in seconds:
        passed, best = 0.0, None
        for epoch in epochs:
            passed += epoch["seconds"]
            if passed > limit:
                break
            best = epoch["val_wer"] if best is None else min(best, epoch["val_wer"])
        found[f"{limit} s"] = best
    return found


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Dev WER of both by seconds."""
    earlier, few = options.runs / options.earlier, options.runs / f"{options.to}-{options.words}.tsv"
    dev = file_of(options.place, "dev", options.to)
    some_words(file_of(options.place, "train", options.to), options.words, few)
    places = [f"--data.{split}={file_of(options.place, split, options.earlier)}" for split in ("train", "dev")]
    given = [f"--{setting}" for setting in options.set]
    train(earlier, places + given)
    rows: dict[str, Any] = {}
    for name, setting in (("from the model", f"--train.init_from={earlier}"), ("from nothing", "")):
        for seed in range(1, options.seeds + 1):
            run = options.runs / f"{options.to}-{name.split()[-1]}-{seed}"
            how = [f"--train.epochs={options.epochs}", "--train.schedule=constant", f"--train.min_epoch_tokens={EPOCH}"]
            how += ["--train.patience=null", f"--seed={seed}", *([setting] if setting else [])]
            train(run, [f"--data.train={few}", f"--data.dev={dev}", *how, *given])
            rows[f"{name}, seed {seed}"] = dev_after(run)
            print(f"{name}, seed {seed}", rows[f"{name}, seed {seed}"], sep="\t", file=sys.stderr, flush=True)
    return rows


def main() -> None:
    """Train, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fine_tuning", description=__doc__)
    parser.add_argument("place", type=Path)
    parser.add_argument("runs", type=Path, help="where the runs are kept, and found again")
    parser.add_argument("--from", dest="earlier", required=True, metavar="LANGUAGE")
    parser.add_argument("--to", required=True, metavar="LANGUAGE")
    parser.add_argument("--words", type=int, default=450)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=40, help=f"of {EPOCH:,} target symbols: enough for 120 s")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings of all, as of `train`")
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    print(json.dumps(measure(options)))


if __name__ == "__main__":
    main()
