"""How fast the data pipeline feeds: `python -m benchmarks.data_speed [--run RUN]`.

Counts real target symbols per second of the training batches alone, on CMUdict, and compares with what a
training consumed, as its `metrics.jsonl` says. Prints one JSON object as the last line of standard output.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from pipeline.data.batches import training_batches
from pipeline.data.preparation import open_run
from pipeline.data.prepared.orders import make_order
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import TextConfiguration

REPEATS = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a run to compare with")
    arguments = parser.parse_args()
    configuration = Configuration(text=TextConfiguration(target_tokenizer="space"))
    with tempfile.TemporaryDirectory() as folder:
        directory = RunDirectory(Path(folder) / "run")
        data = open_run(configuration, directory)
        order = make_order(data.train, data.buckets, seed=1)
        iterator = iter(training_batches(order))
        speeds = []
        for _ in range(REPEATS):
            began, tokens = time.perf_counter(), 0
            for _ in range(order.steps):
                _, targets = next(iterator)
                tokens += int(np.count_nonzero(targets))
            speeds.append(tokens / (time.perf_counter() - began))
    result = {"data_tokens_per_second": float(np.median(speeds))}
    if arguments.run:
        epochs = [json.loads(line) for line in RunDirectory(arguments.run).metrics.read_text().splitlines()]
        result["training_tokens_per_second"] = float(np.median([epoch["tokens_per_second"] for epoch in epochs]))
        result["ratio"] = result["data_tokens_per_second"] / result["training_tokens_per_second"]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
