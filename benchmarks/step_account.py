"""Where the time of a training step goes, and what bounds it: `python -m benchmarks.step_account [--picture FILE]`.

One thread, so that nothing runs beside anything else and every moment has one owner: TensorFlow's profiler says what
ran when. The products of a step are also timed alone, each shape by whichever of TensorFlow's libraries is faster at
it (the graph's and XLA's): a step that did nothing else could not be faster than these together. The share of the
machine's product rate (2,048 x 2,048 x 2,048) that this would be is the bound; `benchmarks.training_speed` tells the
share that is reached. Tables go to stderr, a JSON object to the last line of stdout.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from benchmarks.sizes import SIZES, Size, random_batch, training_work
from benchmarks.step_products import Product, best_seconds, products
from benchmarks.step_profile import KINDS, account, middle, profile
from benchmarks.training_speed import keras_run
from benchmarks.turns import product_rate, product_side, take_turns
from pipeline.model.sequence_to_sequence import build_model


def measure(size: Size, steps: int) -> dict[str, Any]:
    """Everything that is printed of a size; call `use_one_thread` first."""
    keras.utils.set_random_seed(1)
    model, batch = build_model(size.model(), size.vocabulary, size.vocabulary, seed=1), random_batch(size)
    run = keras_run(model, batch)
    parts = middle([account(events) for events in profile(run, steps)])
    rate = product_rate(take_turns({"product": product_side()}, 7)["product"])
    run(2)
    seconds = float(np.median(take_turns({"step": lambda: run(1)}, 9)["step"]))
    listed = [(product, best_seconds(product)) for product in products(size)]
    floor = sum(product.times * each for product, each in listed)
    work = training_work(size, batch.source_lengths, batch.target_lengths)
    return {
        "ms_per_step": round(1000 * seconds, 2),
        "product_gflops": round(rate / 1e9, 1),
        "share_of_product": round(work / seconds / rate, 3),
        "products_alone_ms": round(1000 * floor, 2),
        "bound_of_share": round(work / floor / rate, 3),
        "account": {stage: {kind: round(ms, 2) for kind, ms in kinds.items()} for stage, kinds in parts.items()},
        "products": [_row(product, each) for product, each in listed],
    }


def _row(product: Product, seconds: float) -> dict[str, Any]:
    rate = product.work / product.times / seconds / 1e9
    return {**product._asdict(), "ms": round(1000 * seconds * product.times, 3), "gflops": round(rate, 1)}


def table(name: str, result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"{name}: a step takes {result['ms_per_step']} ms on one thread, {result['share_of_product']:.2f} of the "
        f"product rate ({result['product_gflops']} GFLOP/s); its products alone take {result['products_alone_ms']} ms: "
        f"at most {result['bound_of_share']:.2f}",
        f"  {'ms':<18}" + "".join(f"{kind:>14}" for kind in KINDS),
    ]
    parts = result["account"]
    sums = {kind: sum(kinds[kind] for kinds in parts.values()) for kind in KINDS}
    for stage, kinds in {**parts, "all": sums}.items():
        lines.append(f"  {stage:<18}" + "".join(f"{kinds[kind]:>14.1f}" for kind in KINDS))
    lines += [
        f"  {row['name']:<24}{row['times']:>3} x [{row['rows']} x {row['inner']}] [{row['inner']} x {row['columns']}]"
        f" {row['ms']:>8.2f} ms {row['gflops']:>7.1f} GFLOP/s"
        for row in result["products"]
    ]
    return "\n".join(lines)


def draw(results: dict[str, dict[str, Any]], path: str) -> None:
    """A bar for each size: the shares of a step."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 0.7 + 0.6 * len(results)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    colors = ("#3b6ea5", "#e0a458", "#7fa99b", "#b56576", "#c9c9c9")
    for place, result in enumerate(results.values()):
        left, whole = 0.0, sum(sum(kinds.values()) for kinds in result["account"].values())
        for (kind, label), color in zip(KINDS.items(), colors, strict=True):
            share = 100 * sum(kinds[kind] for kinds in result["account"].values()) / whole
            axes.barh(place, share, left=left, color=color, label=label if place == 0 else None)
            if share >= 4:
                axes.text(left + share / 2, place, f"{share:.0f}", ha="center", va="center", color="white")
            left += share
    axes.set_yticks(range(len(results)), [f"{name}, {each['ms_per_step']:.0f} ms" for name, each in results.items()])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of a training step on one thread")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)


def use_one_thread() -> None:
    """Before TensorFlow runs anything."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step_account", description=__doc__)
    parser.add_argument("--size", choices=[*SIZES, "all"], default="all")
    parser.add_argument("--steps", type=int, default=9, help="steps that are profiled (default: %(default)s)")
    parser.add_argument("--picture", help="a PNG file to write")
    options = parser.parse_args(arguments)
    use_one_thread()
    results = {}
    for name in SIZES if options.size == "all" else [options.size]:
        results[name] = measure(SIZES[name], options.steps)
        print(table(name, results[name]), file=sys.stderr)
    if options.picture:
        draw(results, options.picture)
    print(json.dumps({"step_account": results}))


if __name__ == "__main__":
    main()
