"""Training on a disk that fills up: `python -m benchmarks.full_disk`, as root on Linux.

Mounts a small file system in memory, fills it so that no further checkpoint has room, and trains there: with
`train.on_write_failure stop` the training must end with a message that names the last good checkpoint, with that one
intact, and the same command must go on when there is room again; with `continue` it must go on by itself. In both cases
weights and figures must be those of a training that always had room. A JSON object is the last line of standard output;
the exit code is 1 if anything was not so, 3 where no file system may be mounted.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.kills import command, compare
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory

SIZE = 24_000_000
SETTINGS = {
    "data.train_size": 4_000,
    "data.batch_tokens": 512,
    "data.buckets": 1,
    "model.units": 64,
    "model.embedding_units": 32,
    "train.epochs": 3,
    "train.min_epoch_tokens": 0,
    "train.attention_samples": 1,
    "train.checkpoint_steps": 10,
}


def train(run: Path, on_write_failure: str) -> subprocess.Popen[str]:
    """Start it."""
    arguments = command(run, {**SETTINGS, "train.on_write_failure": on_write_failure})
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )


class Ballast:
    """Fills the disk up once the training has a checkpoint.

    Args:
        disk: Where.
        run: The training's.
    """

    def __init__(self, disk: Path, run: Path) -> None:
        self.path, self.checkpoints = disk / "ballast", Checkpoints(RunDirectory(run).checkpoints)

    def drop(self) -> str:
        """Wait for a checkpoint, then take all room; the name of the checkpoint."""
        while (found := self.checkpoints.latest()) is None:
            time.sleep(0.01)
        with open(self.path, "wb", buffering=0) as file:
            for size in (1 << 16, 1 << 8, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue
        return found[0].name

    def lift(self) -> None:
        """Give the room back."""
        self.path.unlink()


def stop_and_go_on(disk: Path, run: Path) -> dict[str, Any]:
    """The training ends, and goes on when there is room."""
    process, ballast = train(run, "stop"), Ballast(disk, run)
    ballast.drop()
    message = process.communicate()[1].strip().splitlines()[-1]
    found = ballast.checkpoints.latest()
    ballast.lift()
    again = train(run, "stop")
    again.communicate()
    good = bool(found) and f"saved: checkpoint {found[0].name}" in message if found else False
    return {"exit_code": process.returncode, "message": message, "good": good, "then": again.returncode}


def go_on_alone(disk: Path, run: Path) -> dict[str, Any]:
    """The training goes on while the disk is full, and after that."""
    process, ballast = train(run, "continue"), Ballast(disk, run)
    lines: list[str] = []
    seen = threading.Event()

    def read() -> None:
        for line in process.stderr or ():
            lines.append(line)
            if "Training goes on" in line:
                seen.set()

    reader = threading.Thread(target=read)
    reader.start()
    ballast.drop()
    seen.wait(120)
    ballast.lift()
    process.wait()
    reader.join()
    warned = sum("Training goes on" in line for line in lines)
    return {"exit_code": process.returncode, "warnings": warned}


def main() -> int:
    """Fill, train, compare, print."""
    with tempfile.TemporaryDirectory() as folder:
        disk, plenty = Path(folder) / "disk", Path(folder) / "plenty"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)]).returncode:
            print("no file system may be mounted here", file=sys.stderr)
            return 3
        try:
            train(plenty, "stop").communicate()
            stopped = stop_and_go_on(disk, disk / "run")
            stopped["different"] = compare(disk / "run", plenty)
            subprocess.run(["rm", "-r", str(disk / "run")], check=True)
            alone = go_on_alone(disk, disk / "run")
            alone["different"] = compare(disk / "run", plenty)
        finally:
            subprocess.run(["umount", str(disk)], check=True)
    print(json.dumps({"stop": stopped, "continue": alone}))
    good = stopped["exit_code"] == 1 and stopped["good"] and stopped["then"] == 0 and not stopped["different"]
    return int(not (good and alone["exit_code"] == 0 and alone["warnings"] and not alone["different"]))


if __name__ == "__main__":
    sys.exit(main())
