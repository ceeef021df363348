"""Whether several workers train what one does: `python -m benchmarks.workers [--workers 2 4] [--only NAME …]`.

Small models of every kind, with dropout, a clipped gradient and a moving average, take the same steps by one process
and by several, which exchange gradients over the loopback. For every kind and number of workers two differences: of all
weights together, |w - w'| / |w|, and the largest one of any weight, relative to the largest of its variable. A JSON
object is the last line of stdout. The processes are this module again, with `--worker FOLDER`.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cluster.local_workers import free_ports, worker_environment

KINDS: dict[str, dict[str, Any]] = {
    "gru, compiled": {"model.fast": True},
    **{cell: {"model.cell": cell} for cell in ("gru", "lstm", "layer_norm_gru", "layer_norm_lstm", "conditional_gru")},
    "two layers": {"model.encoder_layers": 2, "model.decoder_layers": 2, "model.cell": "lstm"},
    "none": {"model.attention": "none"},
    "luong": {"model.attention": "luong_general", "model.input_feeding": True},
    "multi-head": {"model.attention": "multi_head_bahdanau"},
    "monotonic": {"model.attention": "monotonic"},
    "tied": {"model.tied_embeddings": True},
    "copy": {"model.copy": True, "text.target_tokenizer": "char"},
    "symbol dropout": {"model.symbol_dropout": 0.2},
    "r-drop": {"train.r_drop": 0.5},
    "label smoothing": {"train.label_smoothing": 0.1, "model.coverage": True},
    "weighted": {"data.train": None},
    "bfloat16 sent": {"train.exchange": "bfloat16"},
}
"""By name, what is not the default."""
PRECISIONS = ("float64", "float32")


def main() -> None:
    """Train, compare, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    parser.add_argument("--workers", type=int, nargs="*", default=[2, 4])
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--only", nargs="*", choices=KINDS, metavar="NAME", default=list(KINDS))
    parser.add_argument("--precisions", nargs="*", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_pairs(Path(folder))
        found = {number: run(number, Path(folder), sys.argv[1:]) for number in (1, *options.workers)}
        table = {
            f"{name} {precision}": {
                number: differences(Path(folder), f"{name} {precision}", number) for number in options.workers
            }
            for name in options.only
            for precision in options.precisions
        }
    for name, row in table.items():
        cells = [f"{number} workers {of['all']:.1e}, at most {of['largest']:.1e}" for number, of in row.items()]
        print("\t".join([name, *cells]), file=sys.stderr)
    print(json.dumps({"seconds": found, "differences": table}))


def write_pairs(folder: Path) -> None:
    """Two small files of words and the same spelt backwards."""
    drawn = random.Random(1)
    words = list(dict.fromkeys("".join(drawn.choices("abcdefgh", k=drawn.randint(2, 9))) for _ in range(400)))
    for name, part in {"a.tsv": words[:200], "b.tsv": words[200:]}.items():
        (folder / name).write_text("".join(f"{word}\t{' '.join(word[::-1])}\n" for word in part), encoding="utf-8")


def run(number: int, folder: Path, options: list[str]) -> float:
    """So many processes, to their end."""
    began = time.perf_counter()
    addresses = [f"127.0.0.1:{port}" for port in free_ports(number)]
    command = [sys.executable, "-m", "benchmarks.workers", "--worker", str(folder), *options]
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    processes = [
        subprocess.Popen(command, env={**environment, **worker_environment(addresses, rank)}) for rank in range(number)
    ]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit(f"{number} workers: one failed")
    return round(time.perf_counter() - began, 1)


def work(options: argparse.Namespace) -> None:
    """One of the processes."""
    from pipeline.process.quiet_tensorflow import import_tensorflow

    import_tensorflow()
    from pipeline.cluster.joining import join_cluster

    cluster = join_cluster()
    for name in options.only:
        for precision in options.precisions:
            variables = train(KINDS[name], precision, options.worker, options.steps, cluster)
            if cluster.rank == 0:
                np.savez(options.worker / f"{name} {precision}-{cluster.size}.npz", *variables)


def train(changes: dict[str, Any], precision: str, folder: Path, steps: int, cluster: Any) -> list[np.ndarray]:
    """The weights after so many steps."""
    from pipeline import configure
    from pipeline.data.batches import training_batches
    from pipeline.data.prepared.orders import make_order
    from pipeline.model.weights import WEIGHTS, training_variables
    from pipeline.training.workbench import prepare

    places = {str(folder / "a.tsv"): 1.0, str(folder / "b.tsv"): 1.5}
    settings = {
        "data.train": str(folder / "a.tsv"),
        "data.dev": str(folder / "b.tsv"),
        "data.buckets": 2,
        "data.batch_tokens": 240,
        "text.target_tokenizer": "space",
        "model.units": 12,
        "model.embedding_units": 8,
        "model.dropout": 0.3,
        "model.precision": precision,
        # Compiling each takes longer than its steps.
        "model.fast": False,
        "train.ema_momentum": 0.99,
        "train.clip_norm": 0.5,
        "train.warmup_steps": 2,
        **changes,
    }
    if settings["data.train"] is None:
        settings["data.train"] = places
    bench = prepare(configure(changes=settings))
    bench.model.set_cluster(cluster, bench.configuration.train.exchange)
    order = make_order(bench.data.train, bench.data.buckets, 1)
    batches = training_batches(order, cluster=cluster)
    bench.model.fit(batches, epochs=1, steps_per_epoch=steps, verbose=0, shuffle=False)
    groups = training_variables(bench.model)
    return [np.asarray(variable) for variable in groups[WEIGHTS]]


def differences(folder: Path, name: str, number: int) -> dict[str, float]:
    """Of all weights together, and the largest one relative to the largest number of its variable."""
    one, several = (np.load(folder / f"{name}-{count}.npz") for count in (1, number))
    pairs = [(one[key].astype(np.float64), several[key].astype(np.float64)) for key in one.files]
    whole = sum(np.sum(np.square(a - b)) for a, b in pairs) / sum(np.sum(np.square(a)) for a, _ in pairs)
    largest = max(np.max(np.abs(a - b)) / max(np.max(np.abs(a)), 1e-30) for a, b in pairs if a.size)
    return {"all": float(np.sqrt(whole)), "largest": float(largest)}


if __name__ == "__main__":
    main()
