"""Measuring side by side: in turns, so that what else happens on the machine happens to all sides alike.

Measure on a quiet machine. Where others take a core, PyTorch's OpenMP threads wait for each other at every
product and it falls behind by far more than its share, which flatters us: `share_of_others` tells how busy they were.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

QUIET_SHARE = 0.05
PROC_STAT = Path("/proc/stat")
PRODUCT = 2048


def set_threads(threads: int) -> None:
    """The same number for TensorFlow and PyTorch; before TensorFlow runs anything."""
    import torch

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    torch.set_num_threads(threads)


def take_turns(
    sides: Mapping[str, Callable[[], object]], repeats: int, shortest: float = 0.0
) -> dict[str, list[float]]:
    """Seconds of every side's calls: A B C A B C…

    An untimed part opens each turn, so that the other's threads and caches are gone.

    Args:
        sides: What takes turns.
        repeats: Turns of each side.
        shortest: Seconds that each part of a turn takes at least, by more calls: the threads of PyTorch's OpenMP
            go on waiting for work, at the processors' cost, longer than a short call takes.
    """
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, run in sides.items():
            _seconds_per_call(run, shortest)
            times[name].append(_seconds_per_call(run, shortest))
    return times


def _seconds_per_call(run: Callable[[], object], shortest: float) -> float:
    calls, began = 0, time.perf_counter()
    while not calls or time.perf_counter() - began < shortest:
        run()
        calls += 1
    return (time.perf_counter() - began) / calls


def quartiles(values: Sequence[float], digits: int = 4) -> dict[str, float]:
    """Median and spread."""
    return {
        name: round(float(value), digits)
        for name, value in zip(("low", "median", "high"), np.percentile(values, [25, 50, 75]), strict=True)
    }


def ratios(times: Mapping[str, Sequence[float]], numerator: str, denominator: str) -> dict[str, float]:
    """Median and spread of the ratio of two sides' times, turn by turn."""
    return quartiles([ours / theirs for ours, theirs in zip(times[numerator], times[denominator], strict=True)])


def torch_product_side() -> Callable[[], object]:
    """The same by PyTorch."""
    import torch

    left, right = torch.randn(PRODUCT, PRODUCT), torch.randn(PRODUCT, PRODUCT)
    return lambda: float((left @ right)[0, 0])


def product_side() -> Callable[[], object]:
    """TensorFlow's matrix product, to take turns with: float32, 2048 x 2048 each."""
    left, right = tf.random.normal([PRODUCT, PRODUCT]), tf.random.normal([PRODUCT, PRODUCT])
    return lambda: tf.matmul(left, right).numpy()[0, 0]


def product_rate(seconds: Sequence[float]) -> float:
    """Floating-point operations per second of the fastest `product_side`."""
    return 2 * PRODUCT**3 / min(seconds)


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


def complain_of_others(share: float | None) -> str:
    """A sentence if others kept the machine busy, else nothing."""
    return f"other processes took {share:.0%} of the processors: measure again\n" if (share or 0) > QUIET_SHARE else ""
