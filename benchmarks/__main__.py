"""All comparisons with PyTorch in one go: `python -m benchmarks` (`make bench`), on a quiet machine.

Training, search and start-up at their defaults, each in a process of its own. Tables go to stderr, one JSON object
to the last line of stdout.
"""

import json
import subprocess
import sys

PARTS = (
    ["benchmarks.training_speed", "--compiled"],
    ["benchmarks.search_speed"],
    ["benchmarks.start_up"],
)


def main() -> None:
    """Run and join."""
    results: dict[str, object] = {}
    for part in PARTS:
        finished = subprocess.run([sys.executable, "-m", *part], check=True, stdout=subprocess.PIPE, text=True)
        results |= json.loads(finished.stdout.splitlines()[-1])
    print(json.dumps(results))


if __name__ == "__main__":
    main()
