"""All comparisons with PyTorch in one go: `python -m benchmarks` (`make bench`), on a quiet machine.

Training and search of every size, and start-up, at their defaults, each in a process of its own: what one leaves behind
in memory would slow down the next. Tables go to stderr, one JSON object to the last line of stdout.
"""

import json
import subprocess
import sys

from benchmarks.sizes import SIZES

PARTS = (
    *(["benchmarks.training_speed", "--compiled", "--size", size] for size in SIZES),
    *(["benchmarks.search_speed", "--size", size] for size in SIZES),
    ["benchmarks.start_up"],
)


def main() -> None:
    """Run and join."""
    results: dict[str, dict[str, object]] = {}
    for part in PARTS:
        finished = subprocess.run([sys.executable, "-m", *part], check=True, stdout=subprocess.PIPE, text=True)
        for name, result in json.loads(finished.stdout.splitlines()[-1]).items():
            results[name] = results.get(name, {}) | result
    print(json.dumps(results))


if __name__ == "__main__":
    main()
