"""Training beside yoyodyne: `python -m benchmarks.rival TRAIN DEV ENVIRONMENT`, on a quiet machine.

TRAIN and DEV are pairs behind a TAB, letters to symbols with spaces between. ENVIRONMENT is a folder for a virtual
environment of yoyodyne's own, which is made where it is not there (requirements-rival.txt). Both train the same network
on the same pairs (a bidirectional encoder and a decoder of one layer of GRUs, of the same units, embeddings, dropout
and pairs in a batch), with soft attention and with hard attention that only moves forward, and look at DEV after every
pass. Every turn is a whole command, once with a few passes and once with more: target symbols (end symbols included) of
the passes between, per second of processor time between, so that start-up, compiling and the end do not count. Ours
makes more passes in between, which would else be over in a moment, after one training untimed, so that what XLA
compiled is there. Turns alternate. A table goes to stderr, a JSON object to the last line of stdout.
"""

import argparse
import dataclasses
import functools
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from benchmarks.corpora import finish_on
from benchmarks.installs import install

REQUIREMENTS = Path(__file__).parent.parent / "requirements-rival.txt"
ATTENTIONS = {"bahdanau": "SoftAttention", "monotonic": "HardAttention"}
"""Ours, and what the other's models of it are called."""
MORE = 8
"""Times as many of our passes count."""
Command = Callable[[str, int, Path], list[str]]


@dataclasses.dataclass(frozen=True)
class Work:
    """What both train.

    Args:
        train: The pairs to train on.
        dev: The pairs that every pass is measured by.
        batch: Pairs in a batch.
        units: Units of the decoder and of each direction of the encoder.
        embedding_units: Size of the embeddings.
        dropout: Share dropped.
    """

    train: Path
    dev: Path
    batch: int = 64
    units: int = 256
    embedding_units: int = 128
    dropout: float = 0.2

    def target_lengths(self) -> list[int]:
        """Target symbols of every pair, end symbols included."""
        lines = self.train.read_text(encoding="utf-8").splitlines()
        return [len(line.split("\t")[1].split(" ")) + 1 for line in lines]


def our_settings(work: Work, attention: str, passes: int) -> dict[str, Any]:
    """The network, the batches, and nothing that would end the passes early."""
    return {
        "data.train": str(work.train),
        "data.dev": str(work.dev),
        "data.batch_tokens": round(work.batch * statistics.mean(work.target_lengths())),
        "text.source_tokenizer": "char",
        "text.target_tokenizer": "space",
        "model.attention": attention,
        "model.units": work.units,
        "model.embedding_units": work.embedding_units,
        "model.dropout": work.dropout,
        "train.epochs": passes,
        "train.min_epoch_tokens": 0,
        "train.attention_samples": 0,
    }


def our_command(work: Work, attention: str, passes: int, scratch: Path) -> list[str]:
    """A training without its export."""
    options = [f"--{name}={value}" for name, value in our_settings(work, attention, passes).items()]
    return [sys.executable, "-m", "pipeline", "train", "--no-export", "--run", str(scratch / "run"), *options]


def their_command(work: Work, environment: Path, attention: str, passes: int, scratch: Path) -> list[str]:
    """The same of the other."""
    encoder = {"embedding_size": work.embedding_units, "hidden_size": work.units, "dropout": work.dropout}
    model = {
        "decoder_hidden_size": work.units,
        "decoder_dropout": work.dropout,
        "embedding_size": work.embedding_units,
        "label_smoothing": 0.1,
        "optimizer": {"class_path": "yoyodyne.optimizers.Adam", "init_args": {"lr": 0.001}},
        "source_encoder": {"class_path": "yoyodyne.models.modules.GRUEncoder", "init_args": encoder},
    }
    if attention == "monotonic":
        model["enforce_monotonic"] = True
    configuration = {
        "seed_everything": 1,
        "trainer": {
            "accelerator": "cpu",
            "max_epochs": passes,
            "enable_progress_bar": False,
            "gradient_clip_val": 5.0,
            "logger": {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": str(scratch)}},
        },
        "model": {"class_path": f"yoyodyne.models.{ATTENTIONS[attention]}GRUModel", "init_args": model},
        "data": {
            "model_dir": str(scratch),
            "train": str(work.train),
            "val": str(work.dev),
            "target_sep": " ",
            "tie_embeddings": False,
            "batch_size": work.batch,
        },
        "checkpoint": {"monitor": "val_accuracy", "mode": "max"},
    }
    file = scratch / "configuration.yaml"
    file.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    return [str(environment / "bin" / "yoyodyne"), "fit", "--config", str(file)]


def make_environment(place: Path) -> None:
    """A virtual environment with yoyodyne, unless it is there."""
    if not (place / "bin" / "yoyodyne").exists():
        install(REQUIREMENTS, place)


def processor_seconds(command: list[str], threads: int, log: Path) -> float:
    """Seconds of processor time of a whole command on so many cores."""
    cores = set(sorted(os.sched_getaffinity(0))[:threads])
    status, used = finish_on(cores, command, log, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    if status:
        raise SystemExit(f"{' '.join(command)}: failed\n{log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
    return used


def measure(work: Work, options: argparse.Namespace) -> dict[str, Any]:
    """Target symbols per second of processor time of both, for every kind of attention, turn by turn."""
    few, many = options.passes
    symbols = sum(work.target_lengths())
    sides: dict[str, tuple[Command, int]] = {
        "attentif": (functools.partial(our_command, work), few + MORE * (many - few)),
        "yoyodyne": (functools.partial(their_command, work, options.environment), many),
    }
    for attention in options.attention:
        _seconds(sides["attentif"][0], attention, few, options.threads)
    found: dict[str, dict[str, list[float]]] = {name: {side: [] for side in sides} for name in options.attention}
    for _ in range(options.repeats):
        for attention, rows in found.items():
            for side, speeds in rows.items():
                command, most = sides[side]
                less, more = (_seconds(command, attention, passes, options.threads) for passes in (few, most))
                speeds.append(symbols * (most - few) / (more - less))
                print(f"{attention}\t{side}\t{speeds[-1]:,.0f} symbols/s", file=sys.stderr, flush=True)
    return {name: _figures(rows) for name, rows in found.items()}


def _seconds(command: Command, attention: str, passes: int, threads: int) -> float:
    with tempfile.TemporaryDirectory() as scratch:
        return processor_seconds(command(attention, passes, Path(scratch)), threads, Path(scratch) / "log")


def _figures(rows: dict[str, list[float]]) -> dict[str, float]:
    """Medians of both, and of how many times faster ours is in a turn."""
    ratios = [ours / theirs for ours, theirs in zip(rows["attentif"], rows["yoyodyne"], strict=True)]
    medians = {side: round(statistics.median(speeds)) for side, speeds in rows.items()}
    return {**medians, "times as fast": round(statistics.median(ratios), 2)}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rival", description=__doc__)
    parser.add_argument("train", type=Path)
    parser.add_argument("dev", type=Path)
    parser.add_argument("environment", type=Path)
    parser.add_argument("--attention", nargs="*", choices=list(ATTENTIONS), default=list(ATTENTIONS))
    parser.add_argument("--batch", type=int, default=Work.batch, help="pairs (default: %(default)s)")
    parser.add_argument("--units", type=int, default=Work.units, help="(default: %(default)s)")
    parser.add_argument("--passes", type=int, nargs=2, default=(1, 3), metavar=("FEW", "MANY"))
    parser.add_argument("--repeats", type=int, default=3, help="turns of each (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="cores, and threads of a product (default: %(default)s)")
    options = parser.parse_args()
    make_environment(options.environment)
    work = Work(options.train, options.dev, options.batch, options.units, options.units // 2)
    print(json.dumps({"training beside yoyodyne": measure(work, options)}))


if __name__ == "__main__":
    main()
