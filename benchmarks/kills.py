"""A training killed again and again: `python -m benchmarks.kills [--kills 50] [--seed 1] [--folder DIR]`.

Trains on CMUdict twice: once in peace, once with SIGKILL at drawn optimizer steps and within drawn writes of
checkpoints, each time going on by the same command. At the end the weights, the optimizer, the random generators and
every epoch's figures must be the same, bit for bit, and no checkpoint that was ever complete may be lost. A JSON object
is the last line of standard output; the exit code is 1 if anything differs. With `--folder` it goes on where it was
stopped.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load_file
from tqdm import tqdm

from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory

EPOCHS = 2
EVERY = 20  # steps from checkpoint to checkpoint
WRITE_SHARE = 0.3
SETTINGS = {
    "data.train_size": 12_000,
    "data.batch_tokens": 512,
    "data.buckets": 2,
    "model.units": 64,
    "model.embedding_units": 32,
    "train.epochs": EPOCHS,
    "train.min_epoch_tokens": 0,
    "train.ema_momentum": 0.99,
    "train.attention_samples": 1,
    "train.checkpoint_minutes": "null",
    "train.checkpoint_steps": EVERY,
}
SAVED = "saved.txt"


class Kill(NamedTuple):
    """One of them."""

    step: int
    """After so many optimizer steps of the whole training."""
    call: int | None
    """In the checkpoint of that step, at the call of this number that changes the disk; None outside of it."""


def draw_kills(count: int, steps_per_epoch: int, seed: int) -> list[Kill]:
    """Distinct steps in order, a share of them with a checkpoint and killed within its writing."""
    chance, steps = random.Random(seed), EPOCHS * steps_per_epoch
    saved = [step for step in range(1, steps) if step % EVERY == 0 or step % steps_per_epoch == 0]
    within = chance.sample(saved, min(round(WRITE_SHARE * count), len(saved)))
    others = chance.sample(sorted(set(range(2, steps)) - set(saved)), count - len(within))
    # A file's content, two files of a checkpoint, their names, the directory, the deletion of an older one.
    kills = [Kill(step, chance.randint(1, 12)) for step in within] + [Kill(step, None) for step in others]
    return sorted(kills)


def command(run: Path, settings: dict[str, Any]) -> list[str]:
    """What a training is started with."""
    options = [part for key, value in settings.items() for part in (f"--{key}", str(value))]
    return ["train", "--run", str(run), *options]


def train_and_die(run: Path, kill: Kill | None) -> None:
    """The training of a process of its own, with SIGKILL built in."""
    from pipeline.commands.main import main
    from pipeline.training import run as training
    from pipeline.training.saving import SaveAndStop

    save, batch_end = Checkpoints.save, SaveAndStop.on_train_batch_end

    def note(self: Checkpoints, state: Any, write: Any) -> None:
        step = state.epoch * order_steps[0] + state.step
        if kill is not None and kill.call is not None and step == kill.step:
            kill_at_call(kill.call)
        save(self, state, write)
        with open(run.parent / SAVED, "a", encoding="utf-8") as file:
            file.write(f"{step}\n")
            file.flush()
            os.fsync(file.fileno())
        if kill is not None and step == kill.step:
            end()  # it had fewer calls than were drawn

    def look(self: SaveAndStop, batch: int, logs: dict[str, Any] | None = None) -> None:
        order_steps[0] = self.clock.steps
        batch_end(self, batch, logs)
        if kill is not None and kill.call is None and self.clock.all_steps == kill.step:
            end()

    order_steps = [0]
    Checkpoints.save, SaveAndStop.on_train_batch_end = note, look  # type: ignore[method-assign]
    # The end of the training says enough: no last evaluation and no export.
    training._finish = lambda *_: {}
    sys.exit(main(command(run, SETTINGS)))


def end() -> None:
    """SIGKILL: nothing runs after it."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at_call(number: int) -> None:
    """Die at one of the next calls that change the disk."""
    left = [number]

    def deadly(call: Any) -> Any:
        def called(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                end()
            return call(*arguments, **options)

        return called

    for name in ("fsync", "rename", "mkdir", "unlink", "rmdir"):
        setattr(os, name, deadly(getattr(os, name)))


def start(run: Path, kill: Kill | None) -> int:
    """A training in a process of its own; its exit code."""
    order = json.dumps({"run": str(run), "kill": kill})
    with open(run.parent / "training.log", "a", encoding="utf-8") as log:
        return subprocess.run([sys.executable, "-m", "benchmarks.kills", "--child", order], stderr=log).returncode


def latest_step(run: Path, steps_per_epoch: int) -> int:
    """How far the newest whole checkpoint is."""
    found = Checkpoints(RunDirectory(run).checkpoints).latest()
    return found[0].epoch * steps_per_epoch + found[0].step if found else 0


def last_saved(run: Path) -> int:
    """How far the newest checkpoint is that was ever complete."""
    note = run.parent / SAVED
    return max(map(int, note.read_text(encoding="utf-8").split())) if note.is_file() else 0


def compare(run: Path, other: Path) -> list[str]:
    """What differs between two trainings."""
    (state, arrays, rows), (other_state, other_arrays, other_rows) = _read(run), _read(other)
    different = ["state"] if state != other_state else []
    different += [name for name in arrays if not np.array_equal(arrays[name], other_arrays[name])]
    return different + [f"figures of epoch {row['epoch']}" for row in rows if row not in other_rows]


def _read(run: Path) -> tuple[Any, dict[str, np.ndarray], list[dict[str, Any]]]:
    """State, variables and figures of the last checkpoint; times are not compared."""
    found = Checkpoints(RunDirectory(run).checkpoints).latest()
    assert found
    rows = [json.loads(line) for line in RunDirectory(run).metrics.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        del row["seconds"], row["tokens_per_second"]
    return found[0], load_file(found[1]), rows


def main() -> int:
    """Kill, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        order = json.loads(arguments.child)
        train_and_die(Path(order["run"]), order["kill"] and Kill(*order["kill"]))
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        result = run_all(folder.resolve(), arguments.kills, arguments.seed)
    print(json.dumps(result))
    return int(bool(result["different"] or result["lost_checkpoints"]))


def run_all(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Both trainings."""
    (folder / "peace").mkdir(parents=True, exist_ok=True)
    (folder / "war").mkdir(exist_ok=True)
    peace, war, done = folder / "peace" / "run", folder / "war" / "run", folder / "done.txt"
    if start(peace, None):
        raise SystemExit((peace.parent / "training.log").read_text(encoding="utf-8")[-2000:])
    info = json.loads((peace / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    steps = last_saved(peace) // EPOCHS
    kills, lost = draw_kills(count, steps, seed), 0
    before = int(done.read_text()) if done.is_file() else 0
    print(f"{EPOCHS} epochs of {steps} steps, kills by seed {seed}:", *kills, file=sys.stderr, sep="\n  ")
    for number, kill in enumerate(tqdm(kills, unit="kill")):
        if number < before:
            continue
        code = start(war, kill)
        if code != -signal.SIGKILL:
            raise SystemExit(f"{kill}: exit code {code}, see {war.parent / 'training.log'}")
        lost += latest_step(war, steps) < last_saved(war)
        done.write_text(str(number + 1))
    if start(war, None):
        raise SystemExit((war.parent / "training.log").read_text(encoding="utf-8")[-2000:])
    return {
        "steps": EPOCHS * steps,
        "kills": len(kills),
        "within_writes": sum(kill.call is not None for kill in kills),
        "in_mid_epoch_after_a_checkpoint_there": sum(kill.call is None and kill.step % steps > EVERY for kill in kills),
        "lost_checkpoints": lost,
        "different": compare(war, peace),
        "last_epoch": info["epoch"],
    }


if __name__ == "__main__":
    sys.exit(main())
