"""Start-up and memory, next to PyTorch: `python -m benchmarks.start_up`.

Every measurement is a process of its own, in turns: from its start to the first training step of the default preset
on CMUdict, and to the first answer of a saved model (ours an export, the peer's a `state_dict`). Ours also says how
long all batch shapes together took to compile, and how long the first answer took after loading, both with nothing kept
of what XLA compiled ("attentif train") and with all ("attentif train warm"). The commands themselves are measured as
`benchmarks.command_start` says. A table goes to stderr, a JSON object to the last line of stdout.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SEED = 1
WORD = "attention"


def attentif_train(folder: Path, began: float) -> dict[str, float]:
    """Train on one batch of every shape."""
    from pipeline.process.quiet_tensorflow import import_tensorflow

    import_tensorflow()
    from pipeline.data.batches import training_batches
    from pipeline.data.preparation import open_run
    from pipeline.data.prepared.orders import make_order
    from pipeline.model.seeds import set_seed
    from pipeline.runs.directory import RunDirectory
    from pipeline.settings.configure import configure
    from pipeline.training.optimization import compile_model

    imported = time.time()
    configuration = configure()
    set_seed(SEED, configuration.train.deterministic)
    run = RunDirectory(folder / "run")
    data = open_run(configuration, run)
    order = make_order(data.train, data.buckets, SEED)
    model = compile_model(configuration, data.vocabulary_sizes, order.steps)
    model.make_train_function()
    seconds: dict[tuple[int, ...], float] = {}
    first = 0.0
    for batch in training_batches(order):
        shape = (*batch[0][0].shape, *batch[1].shape)
        if shape in seconds:
            continue
        before = time.time()
        float(model.train_function(iter([batch]))["loss"])
        seconds[shape] = time.time() - before
        first = first or time.time()
        if len(seconds) == len(data.buckets):
            break
    return {
        "imports": imported - began,
        "first_step": first - began,
        "first_step_after_imports": first - imported,
        "all_shapes": sum(seconds.values()),
        "shapes": len(seconds),
    }


def pytorch_train(folder: Path, began: float) -> dict[str, float]:
    """The same words, and a first step."""
    import torch

    from benchmarks.torch_peer import TorchPeer, peer_train_step
    from pipeline.pairs.reading import read_pairs
    from pipeline.settings.model import ModelConfiguration

    imported = time.time()
    pairs = [(list(pair.source), pair.target.split()) for pair in read_pairs("cmudict", "train")]
    tables = []
    for side in range(2):
        symbols = sorted({symbol for pair in pairs for symbol in pair[side]})
        tables.append({symbol: index for index, symbol in enumerate(symbols, start=4)})
    ids = [[[tables[side][symbol] for symbol in pair[side]] + [2] for side in range(2)] for pair in pairs]
    source, targets = (
        torch.nn.utils.rnn.pad_sequence([torch.tensor(row[side]) for row in ids[:200]], batch_first=True)
        for side in range(2)
    )
    starts = torch.ones(len(targets), 1, dtype=torch.long)
    inputs = torch.cat([starts, targets[:, :-1]], dim=1)
    peer = TorchPeer(ModelConfiguration(), len(tables[0]) + 4, len(tables[1]) + 4)
    optimizer = torch.optim.AdamW(peer.parameters())
    peer_train_step(peer, optimizer, (source, inputs, targets), (source != 0).sum(dim=1), 5.0, 0.1)
    first = time.time()
    return {
        "imports": imported - began,
        "first_step": first - began,
        "first_step_after_imports": first - imported,
    }


def attentif_predict(folder: Path, began: float) -> dict[str, float]:
    """Load the export, answer one word; only TensorFlow is imported, as a server does."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401

    imported = time.time()
    model = tf.saved_model.load(str(folder / "beam-5"))
    loaded = time.time()
    model.signatures["serving_default"](source=tf.constant([WORD]))["text"].numpy()
    first = time.time()
    return {"imports": imported - began, "first_answer": first - began, "first_answer_after_load": first - loaded}


def pytorch_predict(folder: Path, began: float) -> dict[str, float]:
    """Load the weights, answer one word."""
    import torch

    from benchmarks.sizes import SIZES
    from benchmarks.torch_peer import TorchPeer
    from benchmarks.torch_search import TorchStrings

    imported = time.time()
    size = SIZES["g2p"]
    peer = TorchPeer(size.model(), size.vocabulary, size.vocabulary)
    peer.load_state_dict(torch.load(folder / "peer.pt"))
    symbols = [chr(97 + index) for index in range(size.vocabulary)]
    loaded = time.time()
    TorchStrings(peer, symbols, symbols, (1.0, 0)).decode([WORD], 5)
    first = time.time()
    return {"imports": imported - began, "first_answer": first - began, "first_answer_after_load": first - loaded}


SIDES = {
    "attentif train": attentif_train,
    "attentif train warm": attentif_train,
    "pytorch train": pytorch_train,
    "attentif predict": attentif_predict,
    "pytorch predict": pytorch_predict,
}


def save_models(folder: Path) -> None:
    """What the predicting sides load."""
    import torch

    from benchmarks.search_speed import exported, sharpened_twins
    from benchmarks.sizes import SIZES

    model, peer = sharpened_twins(SIZES["g2p"])
    exported(model, SIZES["g2p"], 5, folder)
    torch.save(peer.state_dict(), folder / "peer.pt")


def measure(repeats: int) -> dict[str, Any]:
    """Medians over `repeats` processes of every side, in turns."""
    from benchmarks.turns import quartiles

    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        save_models(Path(folder))
        run_side("attentif train warm", folder)
        for _ in range(repeats):
            for side in SIDES:
                found[side].append(run_side(side, folder))
    return {
        side: {name: quartiles([answer[name] for answer in answers], 2) for name in answers[0]}
        for side, answers in found.items()
    }


def run_side(side: str, folder: str) -> dict[str, float]:
    """What a process of its own measures; what XLA compiles is kept in the folder, or not."""
    environment = {**os.environ, "ATTENTIF_XLA_CACHE": str(Path(folder, "xla")) if side.endswith("warm") else "off"}
    with tempfile.TemporaryDirectory() as scratch:
        place = folder if side.endswith("predict") else scratch
        command = [sys.executable, "-m", "benchmarks.start_up", "--side", side, "--folder", place]
        answer = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    found: dict[str, float] = json.loads(answer.splitlines()[-1])
    return found


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = ["start-up, seconds (medians)"]
    for side, figures in result.items():
        shown = ", ".join(f"{name.replace('_', ' ')} {figure['median']:g}" for name, figure in figures.items())
        lines.append(f"  {side:<20}{shown}")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; with `--side`, be one of the measured processes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start_up", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.side:
        from benchmarks.memory import peak_memory

        figures = SIDES[options.side](options.folder, _process_start())
        usage = resource.getrusage(resource.RUSAGE_SELF)
        figures["processor_seconds"] = usage.ru_utime + usage.ru_stime
        figures["memory_mib"] = peak_memory() or float("nan")
        print(json.dumps(figures))
        return
    from benchmarks import command_start

    result = measure(options.repeats) | command_start.measure(options.repeats)
    print(table(result), file=sys.stderr)
    print(json.dumps({"start_up": result}))


def _process_start() -> float:
    """When this process began, in seconds since the epoch."""
    ticks = int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    with open("/proc/uptime", encoding="utf-8") as file:
        up = float(file.read().split()[0])
    return time.time() - up + ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
