"""Time of a training step, next to the same model in eager PyTorch: `python -m benchmarks.training_speed`.

Both run in this process with the same number of threads, in turns, so that what else happens on the machine
happens to both; the ratio is the median over the turns. A step is all of it: forward, backward, clipping,
AdamW, and the loss for the log. First the two are checked to be one model: same number of parameters, same
logits with copied weights. A table goes to stderr, a JSON object to the last line of stdout.

Measure on a quiet machine. Where others take a core, PyTorch's OpenMP threads wait for each other at every
product and it falls behind by far more than its share, which flatters us: the table says how busy others were.
The ratio holds for the processor it was measured on: on an AMD EPYC with AVX-512, PyTorch's matrix products (MKL)
ran at half the speed of TensorFlow's (oneDNN), which is most of the difference there.
"""

import argparse
import dataclasses
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from pipeline.configuration import ModelConfiguration
from pipeline.model import build_model
from pipeline.text import END, PAD, SPECIAL_SYMBOLS, START

LEARNING_RATE, WEIGHT_DECAY, CLIP_NORM, LABEL_SMOOTHING = 1e-3, 0.01, 5.0, 0.1
WARM_UP_STEPS = 3
LARGEST_LOGIT_DIFFERENCE = 1e-4
QUIET_SHARE = 0.05
PROC_STAT = Path("/proc/stat")

Run = Callable[[int], object]
"""Takes a number of training steps."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is measured.

    Args:
        units: Units of decoder, encoder directions, attention and readout.
        embedding_units: Size of the embeddings.
        batch: Pairs in a batch.
        length: Symbols of the longest source and of the longest target, end symbol included.
        vocabulary: Size of both vocabularies.
        dropout: Share dropped, in the same places of both models.
        repeats: Turns of each side.
        steps: Training steps in a turn.
        threads: Threads of each side.
        ragged: Draw lengths from half to full, instead of all full; PyTorch then packs its sources.
    """

    units: int = 256
    embedding_units: int = 128
    batch: int = 128
    length: int = 10
    vocabulary: int = 45
    dropout: float = 0.2
    repeats: int = 9
    steps: int = 3
    threads: int = os.cpu_count() or 1
    ragged: bool = False

    def model(self) -> ModelConfiguration:
        """The network that these settings name."""
        return ModelConfiguration(units=self.units, embedding_units=self.embedding_units, dropout=self.dropout)


class Batch(NamedTuple):
    """Random pairs, `[batch, length]` int32 ids each."""

    source: np.ndarray
    target_inputs: np.ndarray
    targets: np.ndarray


class Times(NamedTuple):
    """Milliseconds per step, one number a turn."""

    ours: list[float]
    theirs: list[float]


def random_batch(settings: Settings, seed: int = 1) -> Batch:
    """Pairs of random symbols with an end symbol and padding; the longest row is always of full length."""
    generator = np.random.default_rng(seed)
    return Batch(_random_ids(generator, settings), *_shift(_random_ids(generator, settings)))


def _random_ids(generator: np.random.Generator, settings: Settings) -> np.ndarray:
    shortest = max(1, settings.length // 2) if settings.ragged else settings.length
    lengths = generator.integers(shortest, settings.length + 1, settings.batch)
    lengths[0] = settings.length
    ids = generator.integers(len(SPECIAL_SYMBOLS), settings.vocabulary, (settings.batch, settings.length))
    place = np.arange(settings.length)
    ids = np.where(place == lengths[:, None] - 1, END, ids)
    return np.where(place < lengths[:, None], ids, PAD).astype("int32")


def _shift(targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    starts = np.full((len(targets), 1), START, targets.dtype)
    return np.concatenate([starts, targets[:, :-1]], axis=1), targets


def keras_run(model: Any, batch: Batch) -> Run:
    """Steps through what `fit` calls: the compiled train function on a dataset's iterator."""
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY, global_clipnorm=CLIP_NORM)
    model.set_label_smoothing(LABEL_SMOOTHING)
    model.compile(optimizer=optimizer, jit_compile=False)
    model.make_train_function()
    data = ((batch.source, batch.target_inputs), batch.targets)
    iterator = iter(tf.data.Dataset.from_tensors(data).repeat().prefetch(2))
    return lambda steps: [float(model.train_function(iterator)["loss"]) for _ in range(steps)]


def torch_run(peer: Any, batch: Batch) -> Run:
    """Steps of the PyTorch peer; its sources are packed only if there is padding."""
    import torch

    from benchmarks.torch_peer import peer_train_step

    peer.train()
    optimizer = torch.optim.AdamW(peer.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    tensors = tuple(torch.tensor(ids, dtype=torch.int64) for ids in batch)
    lengths = source_lengths(batch)
    return lambda steps: [
        peer_train_step(peer, optimizer, tensors, lengths, CLIP_NORM, LABEL_SMOOTHING) for _ in range(steps)
    ]


def source_lengths(batch: Batch) -> Any:
    """Lengths of the sources for packing, or None without padding."""
    import torch

    lengths = torch.tensor((batch.source != PAD).sum(axis=1))
    return None if bool((lengths == batch.source.shape[1]).all()) else lengths


def logit_difference(model: Any, peer: Any, batch: Batch) -> float:
    """Largest difference between the logits of both at real target positions, without dropout."""
    import torch

    peer.eval()
    with torch.no_grad():
        source, target_inputs, _ = (torch.tensor(ids, dtype=torch.int64) for ids in batch)
        theirs = peer(source, target_inputs, source_lengths(batch)).numpy()
    ours, _ = model((batch.source, batch.target_inputs), training=False)
    return float(np.abs(ours.numpy() - theirs)[batch.targets != PAD].max())


def take_turns(ours: Run, theirs: Run, repeats: int, steps: int) -> Times:
    """Measure A B A B...; an untimed step opens each turn, so that the other's threads and caches are gone."""
    times = Times([], [])
    for _ in range(repeats):
        for run, kept in zip((ours, theirs), times, strict=True):
            kept.append(milliseconds_per_step(run, steps))
    return times


def milliseconds_per_step(run: Run, steps: int) -> float:
    """One turn."""
    run(1)
    start = time.perf_counter()
    run(steps)
    return 1000 * (time.perf_counter() - start) / steps


def measure(settings: Settings) -> dict[str, Any]:
    """Everything that is printed; call `set_threads` first.

    Raises:
        RuntimeError: The two are not the same model.
    """
    from benchmarks.torch_peer import TorchPeer, copy_weights

    keras.utils.set_random_seed(1)
    batch = random_batch(settings)
    model = build_model(settings.model(), settings.vocabulary, settings.vocabulary, seed=1)
    peer = TorchPeer(settings.model(), settings.vocabulary, settings.vocabulary)
    copy_weights(model, peer)
    check: dict[str, Any] = {
        "parameters": {"ours": model.count_params(), "theirs": peer.parameter_count()},
        "logit_difference": logit_difference(model, peer, batch),
    }
    if check["parameters"]["ours"] != check["parameters"]["theirs"]:
        raise RuntimeError(f"different numbers of parameters: {check['parameters']}")
    if check["logit_difference"] > LARGEST_LOGIT_DIFFERENCE:
        raise RuntimeError(f"different logits with the same weights, by {check['logit_difference']:.1e}")
    ours, theirs = keras_run(model, batch), torch_run(peer, batch)
    for run in (ours, theirs):
        run(WARM_UP_STEPS)
    before = cpu_seconds()
    times = take_turns(ours, theirs, settings.repeats, settings.steps)
    check["others_share"] = share_of_others(before, cpu_seconds())
    tokens = int((batch.targets != PAD).sum())
    return {"settings": dataclasses.asdict(settings), **check, **summarize(times, tokens)}


class CpuSeconds(NamedTuple):
    """Processor time since some start."""

    total: float
    idle: float
    own: float


def cpu_seconds() -> CpuSeconds | None:
    """Of all processors, and of this process; None where there is no /proc/stat."""
    try:
        ticks = [int(field) for field in PROC_STAT.read_text().split("\n", 1)[0].split()[1:9]]
    except OSError:
        return None
    second = os.sysconf("SC_CLK_TCK")
    return CpuSeconds(sum(ticks) / second, (ticks[3] + ticks[4]) / second, time.process_time())


def share_of_others(before: CpuSeconds | None, after: CpuSeconds | None) -> float | None:
    """The share of the processors that other processes used in between; None if unknown."""
    if before is None or after is None:
        return None
    total, idle, own = (late - early for early, late in zip(before, after, strict=True))
    return round(max(0.0, total - idle - own) / total, 3) if total else 0.0


def summarize(times: Times, tokens: int) -> dict[str, Any]:
    """Medians and quartiles of the times and of their ratio turn by turn."""
    sides = {
        side: {"ms": _quartiles(values), "tokens_per_second": round(1000 * tokens / statistics.median(values))}
        for side, values in times._asdict().items()
    }
    ratios = [ours / theirs for ours, theirs in zip(*times, strict=True)]
    return {"target_tokens": tokens, **sides, "ratio": _quartiles(ratios)}


def _quartiles(values: Sequence[float]) -> dict[str, float]:
    low, median, high = np.percentile(values, [25, 50, 75])
    return {"median": round(float(median), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def set_threads(threads: int) -> None:
    """The same number for both; before TensorFlow runs anything."""
    import torch

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    torch.set_num_threads(threads)


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    parameters = result["parameters"]
    lines = [
        f"parameters: ours {parameters['ours']:,}, PyTorch {parameters['theirs']:,}; "
        f"largest difference of logits with the same weights: {result['logit_difference']:.1e}",
        f"{'':<10}{'ms/step':>9}  {'quartiles':<18}{'target tokens/s':>15}",
    ]
    for side, label in (("ours", "ours"), ("theirs", "PyTorch")):
        ms = result[side]["ms"]
        spread = f"{ms['low']:.1f} to {ms['high']:.1f}"
        lines.append(f"{label:<10}{ms['median']:>9.1f}  {spread:<18}{result[side]['tokens_per_second']:>15,}")
    ratio = result["ratio"]
    lines.append(
        f"ours / PyTorch, time of a step: {ratio['median']:.3f} "
        f"(quartiles {ratio['low']:.3f} to {ratio['high']:.3f}; below 1: ours is faster)"
    )
    if (result["others_share"] or 0) > QUIET_SHARE:
        lines.append(f"other processes took {result['others_share']:.0%} of the processors: measure again")
    return "\n".join(lines)


def parse(arguments: Sequence[str] | None = None) -> Settings:
    """Settings from the command line: an option per field."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_speed", description=__doc__)
    for field in dataclasses.fields(Settings):
        option = f"--{field.name.replace('_', '-')}"
        if field.default is False:
            parser.add_argument(option, action="store_true")
        else:
            parser.add_argument(option, type=type(field.default), default=field.default, help="(default: %(default)s)")
    return Settings(**vars(parser.parse_args(arguments)))


def main() -> None:
    """Measure and print."""
    settings = parse()
    set_threads(settings.threads)
    result = measure(settings)
    print(table(result), file=sys.stderr)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
