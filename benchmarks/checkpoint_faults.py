"""Killed at every call within the writing of checkpoints: `python -m benchmarks.checkpoint_faults [--seed 1]`.

Processes write checkpoints one after the other and die (SIGKILL) at the first call that changes the disk, the next
ones at the second, and so on until none is left: in the middle of every write, before every fsync, rename, mkdir,
unlink and rmdir. After each death the newest checkpoint must be whole, and not older than the last that was complete. A
JSON object is the last line of standard output; the exit code is 1 if one was not.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.files import durable as files
from pipeline.files.durable import write_durably
from pipeline.runs import checkpoints as checkpoints_module
from pipeline.runs.checkpoints import Checkpoints, TrainingState

# As in a training: within epochs and at their ends, the best one staying, old ones deleted.
STATES = [
    TrainingState(epoch=0, step=10),
    TrainingState(epoch=0, step=20),
    TrainingState(epoch=1, best_epoch=1, best_value=9.0),
    TrainingState(epoch=1, step=10, best_epoch=1, best_value=9.0),
    TrainingState(epoch=2, best_epoch=1, best_value=9.0),
    TrainingState(epoch=2, step=10, best_epoch=1, best_value=9.0),
    TrainingState(epoch=3, best_epoch=3, best_value=8.0),
]
SIZE = 1_000_000
CALLS = ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir")


def save_and_die(folder: Path, at: int, seed: int) -> None:
    """In a process of its own: save all, and die at a call. Says what was saved on standard output."""
    left = [at]

    def count(name: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            print(name, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    def deadly(name: str) -> Callable[..., Any]:
        call = getattr(os, name)

        def called(*arguments: Any, **options: Any) -> Any:
            count(name)
            return call(*arguments, **options)

        return called

    def write(path: Path, content: bytes) -> None:
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            count("write")
            file.write(content[len(content) // 2 :])
            file.flush()
            os.fsync(file.fileno())

    for name in CALLS:
        setattr(os, name, deadly(name))
    checkpoints_module.write_durably = files.write_durably = write
    checkpoints, chance = Checkpoints(folder), random.Random(seed)
    for state in STATES:
        content = chance.randbytes(SIZE)
        checkpoints.save(state, lambda path, content=content: write(path, content))  # type: ignore[misc]
        print("saved", flush=True)


def main() -> int:
    """Kill, look, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        save_and_die(Path(arguments.child[0]), int(arguments.child[1]), arguments.seed)
        return 0
    names = [state.name for state in STATES]
    deaths: dict[str, int] = {}
    unusable: list[str] = []
    for at in range(1, 10_000):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "checkpoints"
            child = [sys.executable, "-m", "benchmarks.checkpoint_faults", "--seed", str(arguments.seed)]
            ended = subprocess.run([*child, "--child", str(folder), str(at)], stdout=subprocess.PIPE, text=True)
            if ended.returncode == 0:
                break
            *saved, last = ended.stdout.split()
            deaths[last] = deaths.get(last, 0) + 1
            found = Checkpoints(folder).latest()
            # The one that was being written may be there already.
            allowed = names[max(0, len(saved) - 1) : len(saved) + 1]
            if (found is None and saved) or (found is not None and found[0].name not in allowed):
                unusable.append(f"call {at} ({last}) after {len(saved)} checkpoints: {found and found[0].name}")
            # The next process goes on there.
            Checkpoints(folder).save(TrainingState(epoch=9), lambda path: write_durably(path, b"weights"))
    print(json.dumps({"deaths": sum(deaths.values()), "at": deaths, "unusable": unusable}))
    return int(bool(unusable))


if __name__ == "__main__":
    sys.exit(main())
