"""What a step costs by kind of attention, length and vocabulary: `python -m benchmarks.attention_cost [options]`.

Hard attention computes the probability of every target symbol at every source position. Training steps of networks of
256 units, with about 1,024 target symbols in a batch and targets as long as sources, take turns; for each length and
vocabulary the median of the seconds of `--attention` by those of `bahdanau`. A table goes to stderr, a JSON object to
the last line of stdout.
"""

import argparse
import dataclasses
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.sizes import Size, random_batch
from benchmarks.turns import ratios, take_turns

SYMBOLS = 1024
FIRST = "bahdanau"


def compare(attention: str, length: int, vocabulary: int, repeats: int) -> dict[str, float]:
    """Quartiles of the ratio of both kinds' steps."""
    from benchmarks.training_speed import keras_run
    from pipeline.model.sequence_to_sequence import build_model

    size = Size(batch=max(1, SYMBOLS // length), length=length, target_length=length, vocabulary=vocabulary)
    batch, sides = random_batch(size), {}
    for kind in (FIRST, attention):
        settings = dataclasses.replace(size.model(), attention=kind)
        run = keras_run(build_model(settings, vocabulary, vocabulary, seed=1), batch)
        run(2)
        sides[kind] = lambda run=run: run(1)
    return ratios(take_turns(sides, repeats), attention, FIRST)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attention_cost", description=__doc__)
    parser.add_argument("--attention", default="monotonic")
    parser.add_argument("--lengths", nargs="+", type=int, default=[8, 16, 32, 64])
    parser.add_argument("--vocabularies", nargs="+", type=int, default=[45, 100])
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    found: dict[int, dict[int, dict[str, float]]] = {}
    for length in options.lengths:
        for vocabulary in options.vocabularies:
            one = compare(options.attention, length, vocabulary, options.repeats)
            found.setdefault(length, {})[vocabulary] = one
            told = f"{one['median']:.2f} ({one['low']:.2f} to {one['high']:.2f}) of {FIRST}'s step"
            print(f"length {length}, vocabulary {vocabulary}: {told}", file=sys.stderr, flush=True)
    print(json.dumps({"attention": options.attention, "ratio": found}))


if __name__ == "__main__":
    main()
