"""Which epoch a small dev set chooses: `python -m benchmarks.smoothing [--patience 5] [--noise 0.1] [--trainings 300]`.

Simulates trainings whose true error rate is known. Of every dev item the model is right or wrong at an epoch by a
difficulty that stays and a noise that lives on from epoch to epoch, so that some items turn at every epoch. A row of
the table: how many points of true error the chosen epoch has more than the best one of the training, on average, by
`train.smoothing`; and by how many points the measured error rate jumps from one to the next of the last ten epochs
(standard deviation), to be compared with `metrics.jsonl` of real runs.
"""

import argparse
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

EPOCHS = 30
WINDOWS = (1, 2, 3, 5, 8)
SIZES = (100, 200, 450, 1000, 3000)
KEPT = 0.7
"""How much of the noise is left an epoch later."""

_EPOCH = np.arange(1, EPOCHS + 1)
_FALLS_FAST = 22 + 40 * np.exp(-_EPOCH / 4)
_CALMS_DOWN = 0.3 * (1 - _EPOCH / EPOCHS) + 0.05
# By what they do: true error rates in percent, and how far epochs lie from the curve.
CURVES = {
    "falls fast, then is flat": (_FALLS_FAST, _CALMS_DOWN),
    "falls slowly": (22 + 40 * np.exp(-_EPOCH / 8), _CALMS_DOWN),
    "rises after epoch 12": (_FALLS_FAST + 0.15 * np.maximum(0, _EPOCH - 12), np.full(EPOCHS, 0.3)),
    "goes up and down by a point": (_FALLS_FAST, np.full(EPOCHS, 1.0)),
}


def measure(true: np.ndarray, size: int, share: float, random: np.random.Generator) -> np.ndarray:
    """`[epochs]`: what so many dev items show of the true error rates, both in percent.

    `share` is that of the noise in the variance of an item.
    """
    noise = random.standard_normal([EPOCHS, size])
    for epoch in range(1, EPOCHS):
        noise[epoch] = KEPT * noise[epoch - 1] + np.sqrt(1 - KEPT**2) * noise[epoch]
    item = np.sqrt(1 - share) * random.standard_normal(size) + np.sqrt(share) * noise
    # An item is wrong where it lies below what this share of all lies below.
    below = np.array([NormalDist().inv_cdf(rate / 100) for rate in true])
    return np.asarray(100 * np.mean(item < below[:, None], axis=1))


def choose(measured: np.ndarray, window: int, patience: int) -> int:
    """The epoch, from 0, that a training of this `train.smoothing` and `train.patience` ends up with."""
    best, best_value = 0, np.inf
    for epoch in range(EPOCHS):
        value = measured[max(0, epoch - window + 1) : epoch + 1].mean()
        if value < best_value:
            best, best_value = epoch, value
        elif epoch - best >= patience:
            break
    return best


def simulate(
    curve: np.ndarray, jitter: np.ndarray, size: int, how: argparse.Namespace, random: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Points lost by window, and the jump."""
    lost, jumps = np.zeros(len(WINDOWS)), []
    for _ in range(how.trainings):
        true = curve + jitter * random.standard_normal(EPOCHS)
        measured = measure(true, size, how.noise, random)
        jumps.append(np.diff(measured[-11:]))
        lost += [true[choose(measured, window, how.patience)] - true.min() for window in WINDOWS]
    return lost / how.trainings, float(np.std(jumps))


def main(write: Callable[[str], object] = print) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.smoothing", description=__doc__)
    parser.add_argument("--patience", type=int, default=5)
    parser.add_argument("--noise", type=float, default=0.1, help="share of an item's variance")
    parser.add_argument("--trainings", type=int, default=300)
    arguments = parser.parse_args()
    random = np.random.default_rng(1)
    write("| true curve | dev | jump | " + " | ".join(f"K = {window}" for window in WINDOWS) + " |")
    write("|---" * (3 + len(WINDOWS)) + "|")
    for name, (curve, jitter) in CURVES.items():
        for size in SIZES:
            lost, jump = simulate(curve, jitter, size, arguments, random)
            write(f"| {name} | {size:,} | {jump:.1f} | " + " | ".join(f"{value:.1f}" for value in lost) + " |")


if __name__ == "__main__":
    main()
