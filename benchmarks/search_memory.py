"""Memory over the trials of a search: `python -m benchmarks.search_memory [--trials 30]`.

Searches with tiny models on made-up words and notes, after every trial, the memory of the searching process and
the largest that any trial's process has had so far. Both should stay as they are from the third trial on. A JSON
object is the last line of standard output.
"""

import argparse
import json
import logging
import random
import resource
import sys
import tempfile
from pathlib import Path

from pipeline.settings.configure import configure
from pipeline.settings.tune import TuneConfiguration
from pipeline.tuning.space import make_space
from pipeline.tuning.tune import tune

LETTERS = "abcdefgh"
PAIRS = 400
SETTLED = 3  # trials until everything that is loaded once is loaded


class MemoryLog(logging.Handler):
    """Notes the memory whenever a trial has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.searching: list[int] = []
        self.trials: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at the searching process and at the largest of its children so far, in KiB."""
        if "val_wer" in record.getMessage():
            status = Path("/proc/self/status").read_text(encoding="utf-8")
            self.searching.append(int(status.split("VmRSS:")[1].split()[0]))
            self.trials.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def main() -> None:
    """Search and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=30)
    trials = parser.parse_args().trials
    memory = MemoryLog()
    logger = logging.getLogger("pipeline")
    logger.setLevel(logging.INFO)
    logger.addHandler(memory)
    with tempfile.TemporaryDirectory() as folder:
        _search(Path(folder), trials)
    result = {
        "trials": len(memory.searching),
        "searching_mib": [round(size / 1024) for size in memory.searching],
        "largest_trial_mib": [round(size / 1024) for size in memory.trials],
        "searching_growth": round(memory.searching[-1] / memory.searching[SETTLED - 1], 3),
        "trial_growth": round(memory.trials[-1] / memory.trials[SETTLED - 1], 3),
    }
    print(json.dumps(result))


def _search(folder: Path, trials: int) -> None:
    chance = random.Random(1)
    words = {"".join(chance.choices(LETTERS, k=chance.randint(1, 6))) for _ in range(PAIRS)}
    pairs = folder / "pairs.tsv"
    pairs.write_text("".join(f"{word}\t{word.upper()}\n" for word in sorted(words)), encoding="utf-8")
    changes = {
        "data.train": str(pairs),
        "text.target_tokenizer": "char",
        "model.units": 16,
        "model.embedding_units": 8,
        "train.epochs": 1,
        "train.min_epoch_tokens": 0,
        "train.attention_samples": 1,
    }
    configuration = configure(changes=changes)
    # Networks of other sizes each time: what one process would compile and keep.
    space = make_space(
        {"model.units": {"min": 8, "max": 64}, "model.cell": {"choices": ["gru", "lstm"]}}, configuration
    )
    how = TuneConfiguration(algorithm="random", trials=trials)
    result = tune(configuration, how, folder / "search", space)
    print(result.table(), file=sys.stderr)


if __name__ == "__main__":
    main()
