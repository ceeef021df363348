"""Time of a training step, next to the same model in PyTorch: `python -m benchmarks.training_speed [--size g2p]`.

All run in this process with the same number of threads, in turns. A step is all of it: forward, backward, clipping,
AdamW, and the loss for the log, with dropout. First the two are checked to be one model: same number of parameters,
same logits with copied weights. Each library's own matrix product takes turns too, and says how much of what the
library could do on this machine its training does. A table goes to stderr, a JSON object to the last line of stdout.

Ratios of time hold for the processor they were measured on: on an AMD EPYC with AVX-512, PyTorch's matrix products
(MKL) ran at half the speed of TensorFlow's (oneDNN), which is most of the difference there; the shares are without it.
"""

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from benchmarks.sizes import SIZES, WORK, Batch, Size, random_batch, training_work
from benchmarks.turns import (
    complain_of_others,
    cpu_seconds,
    product_rate,
    product_side,
    quartiles,
    ratios,
    set_threads,
    share_of_others,
    take_turns,
    torch_product_side,
)
from pipeline.model.sequence_to_sequence import build_model
from pipeline.text.symbols import PAD

LEARNING_RATE, WEIGHT_DECAY, CLIP_NORM, LABEL_SMOOTHING = 1e-3, 0.01, 5.0, 0.1
LARGEST_LOGIT_DIFFERENCE = 1e-4

Run = Callable[[int], list[float]]
"""Takes a number of training steps, gives their losses."""


def keras_run(model: Any, batch: Batch) -> Run:
    """Steps through what `fit` calls: the compiled train function on a dataset's iterator."""
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY, global_clipnorm=CLIP_NORM)
    model.set_label_smoothing(LABEL_SMOOTHING)
    model.compile(optimizer=optimizer, jit_compile=False)
    model.make_train_function()
    data = ((batch.source, batch.target_inputs), batch.targets)
    iterator = iter(tf.data.Dataset.from_tensors(data).repeat().prefetch(2))
    return lambda steps: [float(model.train_function(iterator)["loss"]) for _ in range(steps)]


def torch_run(peer: Any, batch: Batch, compiled: bool = False) -> Run:
    """Steps of the PyTorch peer; its sources are packed only if there is padding."""
    import torch

    from benchmarks.torch_peer import peer_train_step

    peer.train()
    optimizer = torch.optim.AdamW(peer.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    tensors = tuple(torch.tensor(ids, dtype=torch.int64) for ids in batch)
    lengths = packing_lengths(batch)
    model: Any = torch.compile(peer) if compiled else peer
    return lambda steps: [
        peer_train_step(model, optimizer, tensors, lengths, CLIP_NORM, LABEL_SMOOTHING) for _ in range(steps)
    ]


def packing_lengths(batch: Batch) -> Any:
    """Lengths of the sources for packing, or None without padding."""
    import torch

    lengths = torch.tensor(batch.source_lengths)
    return None if bool((lengths == batch.source.shape[1]).all()) else lengths


def logit_difference(model: Any, peer: Any, batch: Batch) -> float:
    """Largest difference between the logits of both at real target positions, without dropout."""
    import torch

    peer.eval()
    with torch.no_grad():
        source, target_inputs, _ = (torch.tensor(ids, dtype=torch.int64) for ids in batch)
        theirs = peer(source, target_inputs, packing_lengths(batch)).numpy()
    ours, _ = model((batch.source, batch.target_inputs), training=False)
    return float(np.abs(ours.numpy() - theirs)[batch.targets != PAD].max())


def twins(size: Size) -> tuple[Any, Any]:
    """Our model and the peer, with the same weights.

    Raises:
        RuntimeError: They have different numbers of parameters.
    """
    from benchmarks.torch_peer import TorchPeer, copy_weights

    keras.utils.set_random_seed(1)
    model = build_model(size.model(), size.vocabulary, size.vocabulary, seed=1)
    peer = TorchPeer(size.model(), size.vocabulary, size.vocabulary)
    if model.count_params() != peer.parameter_count():
        raise RuntimeError(f"different numbers of parameters: {model.count_params()} and {peer.parameter_count()}")
    copy_weights(model, peer)
    return model, peer


def measure(size: Size, repeats: int, steps: int, compiled: bool = False) -> dict[str, Any]:
    """Everything that is printed; call `set_threads` first.

    Args:
        size: What is measured.
        repeats: Turns of each side.
        steps: Training steps in a turn.
        compiled: Let `torch.compile` take turns as well; its compilation takes minutes.

    Raises:
        RuntimeError: The two are not the same model.
    """
    model, peer = twins(size)
    batch = random_batch(size)
    difference = logit_difference(model, peer, batch)
    if difference > LARGEST_LOGIT_DIFFERENCE:
        raise RuntimeError(f"different logits with the same weights, by {difference:.1e}")
    runs = {"attentif": keras_run(model, batch), "pytorch": torch_run(peer, batch)}
    if compiled:
        runs["torch.compile"] = torch_run(twins(size)[1], batch, compiled=True)
    for run in runs.values():
        run(3)
    before = cpu_seconds()
    sides: dict[str, Callable[[], object]] = {name: _calls(run, steps) for name, run in runs.items()}
    products = {"TensorFlow": product_side(), "PyTorch": torch_product_side()}
    times = take_turns({**sides, **products}, repeats)
    rates = {library: product_rate(times.pop(library)) for library in products}
    tokens = int(batch.target_lengths.sum())
    work = training_work(size, batch.source_lengths, batch.target_lengths)
    per_step = {name: [seconds / steps for seconds in values] for name, values in times.items()}
    return {
        "size": dataclasses.asdict(size),
        "repeats": repeats,
        "parameters": model.count_params(),
        "logit_difference": difference,
        "target_tokens": tokens,
        "ms_per_step": {name: quartiles([1000 * value for value in values]) for name, values in per_step.items()},
        "tokens_per_second": {name: round(tokens / float(np.median(values))) for name, values in per_step.items()},
        "speed_over": {name: ratios(per_step, name, "attentif") for name in per_step if name != "attentif"},
        "product_gflops": {library: round(rate / 1e9, 1) for library, rate in rates.items()},
        "share_of_product": {
            name: round(work / float(np.median(values)) / rates[library_of(name)], 3)
            for name, values in per_step.items()
        },
        "others_share": share_of_others(before, cpu_seconds()),
    }


def library_of(side: str) -> str:
    """Whose products a side computes."""
    return "TensorFlow" if side == "attentif" else "PyTorch"


def _calls(run: Run, steps: int) -> Callable[[], object]:
    return lambda: run(steps)


def table(name: str, result: dict[str, Any]) -> str:
    """The result for people."""
    size = result["size"]
    lines = [
        f"training, {name}: units {size['units']}, batch {size['batch']}, {size['length']} x {size['length']} symbols, "
        f"vocabulary {size['vocabulary']:,}, {result['parameters']:,} parameters; "
        f"same logits within {result['logit_difference']:.0e}",
        f"  {'':<14}{'ms/step':>9}  {'quartiles':<20}{'tokens/s':>9}{'of its products':>17}{'ours is faster by':>19}",
    ]
    for side, ms in result["ms_per_step"].items():
        spread = f"{ms['low']:.1f} to {ms['high']:.1f}"
        ratio = f"{result['speed_over'][side]['median']:.2f}" if side in result["speed_over"] else ""
        speed, share = result["tokens_per_second"][side], result["share_of_product"][side]
        lines.append(f"  {side:<14}{ms['median']:>9.1f}  {spread:<20}{speed:>9,}{share:>17.2f}{ratio:>19}")
    told = (f"{library}'s {rate} GFLOP/s" for library, rate in result["product_gflops"].items())
    lines.append(f"  matrix products alone: {', '.join(told)}; shares are of each library's own")
    return "\n".join(lines) + "\n" + complain_of_others(result["others_share"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_speed", description=__doc__)
    parser.add_argument("--size", choices=[*SIZES, "all"], default="all")
    parser.add_argument("--repeats", type=int, default=9, help="turns of each side (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=3, help="steps in a turn (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--compiled", action="store_true", help="torch.compile takes turns too")
    parser.add_argument("--ragged", action="store_true", help="lengths from half to full")
    options = parser.parse_args(arguments)
    set_threads(options.threads)
    results = {}
    for name in SIZES if options.size == "all" else [options.size]:
        size = dataclasses.replace(SIZES[name], ragged=options.ragged)
        results[name] = measure(size, options.repeats, options.steps, options.compiled)
        print(table(name, results[name]), file=sys.stderr)
    print(f"work of a step: {WORK}", file=sys.stderr)
    print(json.dumps({"training": results}))


if __name__ == "__main__":
    main()
