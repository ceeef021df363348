"""Strings that nobody should send, to a folder: `python -m benchmarks.hostile_folder EXPORT FOLDER [--inputs 5000]`.

The strings of `benchmarks.hostile_strings`, as sources and as prefixes, through a SavedModel and through a folder that
was exported of the same run with the same search: the answers must be the same, with their scores, symbols, attention
and flags. Counts as a finding: an error, and an answer that differs, unless its scores say that hypotheses tie. A table
goes to stderr, a JSON object to the last line of stdout; the exit code is 1 if anything was found.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.hostile_strings import TOLERANCE, make_string
from benchmarks.memory import peak_memory
from pipeline.answering.predictions import AnswersStrings, Prediction
from pipeline.runtime.model import Model
from pipeline.saved_models.loading import load_predictor

BATCH = 100
FLAGS = ("cut", "invalid", "unknown", "prefix_cut", "prefix_unknown", "source_tokens")


def differences(expected: Prediction, found: Prediction) -> list[str]:
    """What differs, in words.

    Example:
        >>> differences(Prediction([], ["a", "</s>"]), Prediction([], ["b", "</s>"], cut=True))
        ['cut is True, not False', "source_tokens is ['b', '</s>'], not ['a', '</s>']"]
    """
    wrong = [
        f"{name} is {getattr(found, name)!r}, not {getattr(expected, name)!r}"
        for name in FLAGS
        if getattr(found, name) != getattr(expected, name)
    ]
    for name in ("scores", "rank_scores"):
        here, there = getattr(found, name), getattr(expected, name)
        if len(here) != len(there) or not np.allclose(here, there, rtol=TOLERANCE, atol=TOLERANCE):
            return [*wrong, f"{name} are {here}, not {there}"]
    ranks = np.array(expected.rank_scores)
    for rank, (mine, other) in enumerate(zip(found.hypotheses, expected.hypotheses, strict=True)):
        # Hypotheses that tie may change places.
        if (np.abs(ranks - ranks[rank]) < TOLERANCE).sum() > 1:
            continue
        if (mine.text, mine.tokens, mine.limited) != (other.text, other.tokens, other.limited):
            wrong.append(f"output {rank + 1} is {mine.text!r}, not {other.text!r}")
        elif not np.allclose(mine.attention, other.attention, atol=TOLERANCE):
            wrong.append(f"output {rank + 1} looked elsewhere")
    return wrong


def examine(export: AnswersStrings, folder: AnswersStrings, inputs: int, seed: int) -> dict:
    """Everything that is printed."""
    chance, findings, seconds, done = random.Random(seed), list[str](), {"export": 0.0, "folder": 0.0}, 0
    while done < inputs:
        sources = [make_string(chance, 20_000) for _ in range(BATCH)]
        # Long prefixes are cut late, and take as many steps.
        prefixes = [make_string(chance, 2000) for _ in range(BATCH)] if done // BATCH % 2 else None
        answers = {}
        for name, model in (("export", export), ("folder", folder)):
            began = time.perf_counter()
            answers[name] = model.predict(sources, prefixes=prefixes)
            seconds[name] += time.perf_counter() - began
        for source, expected, found in zip(sources, answers["export"], answers["folder"], strict=True):
            findings += [f"{source[:40]!r} ({len(source)} bytes): {wrong}" for wrong in differences(expected, found)]
        done += BATCH
        print(f"\r{done:,} inputs, {len(findings)} findings", end="", file=sys.stderr, flush=True)
    shown = {name: round(value, 2) for name, value in seconds.items()}
    return {"inputs": done, "seconds": shown, "peak_mib": peak_memory(), "findings": findings}


def main(argv: list[str] | None = None) -> None:
    """Examine and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile_folder", description=__doc__)
    parser.add_argument("export", type=Path, help="a SavedModel")
    parser.add_argument("folder", type=Path, help="what export --format litert or onnx wrote of the same run")
    parser.add_argument("--inputs", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    export = load_predictor(arguments.export, n_best=None)
    result = examine(export, Model(arguments.folder), arguments.inputs, arguments.seed)
    print("", *result["findings"][:50], sep="\n", file=sys.stderr)
    print(json.dumps(result))
    sys.exit(bool(result["findings"]))


if __name__ == "__main__":
    main()
