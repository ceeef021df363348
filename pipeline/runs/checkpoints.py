"""The checkpoints of a run: each is whole, proven by checksums, or not there at all."""

import contextlib
import dataclasses
import hashlib
import json
import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.files.durable import checksum, put_in_place, remove_at_once, write_durably

logger = logging.getLogger(__name__)

VARIABLES, MANIFEST = "variables.safetensors", "manifest.json"
UNFINISHED = "unfinished-"
_NAME = re.compile(r"epoch-(\d+)(?:-step-(\d+))?")


@dataclasses.dataclass(frozen=True)
class TrainingState:
    """Where a training stands, saved with every checkpoint.

    What is random or counted inside the model (weights, optimizer, averages, generators of dropout, the figures of
    half an epoch) is in the checkpoint's variables; the order of the data follows from seed, epoch and step.
    """

    epoch: int = 0
    """Epochs completed."""
    step: int = 0
    """Steps done in the epoch after those."""
    seconds: float = 0.0
    """What these steps took."""
    best_epoch: int = 0
    """The epoch with the best decoded dev metric so far, from 1; 0 if none."""
    best_value: float = float("inf")
    """Its dev metric, negative where higher is better; with `train.smoothing` the mean over the last epochs up to it,
    as are the next two."""
    best_second: float = float("inf")
    """The same of what decides between equal dev metrics."""
    best_loss: float = float("inf")
    """Its dev loss, which decides where both are equal."""
    recent: tuple[tuple[float, ...], ...] = ()
    """Dev metric, what decides between equal ones, and dev loss of the last epochs that count, the newest last."""
    perfect: int = 0
    """How many of the last epochs in a row had a dev metric that cannot be better."""
    averaged: bool = False
    """Whether the checkpoint has the average of the weights in their place, and them in its."""
    rollbacks: int = 0
    """How often the training diverged and was begun again from a checkpoint."""
    rate_scale: float = 1.0
    """By what the learning rate is multiplied since."""
    losses: tuple[float, ...] = ()
    """The last batches' losses, by which a divergence is noticed."""
    has_learnt: bool = False
    """Whether they were ever much better than guessing."""

    @property
    def name(self) -> str:
        """Name of the checkpoint's directory."""
        return f"epoch-{self.epoch:04d}" + (f"-step-{self.step:07d}" if self.step else "")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainingState":
        """What `dataclasses.asdict` made JSON of."""
        recent = tuple(map(tuple, values.get("recent", ())))
        return cls(**{**values, "losses": tuple(values["losses"]), "recent": recent})


class Checkpoints:
    """The checkpoints of a run: a directory each, with variables and a manifest that has the SHA-256 of both.

    Args:
        directory: `RunDirectory.checkpoints`.
        keep: How many of the newest epochs' ones stay when others come.
    """

    def __init__(self, directory: Path, keep: int = 2) -> None:
        self.directory, self.keep = directory, keep
        self.newest: str | None = None
        """Name of the newest one that is known to be whole."""

    def describe_newest(self) -> str:
        """What is saved, for messages."""
        return f"checkpoint {self.newest}" if self.newest else "no checkpoint yet"

    def save(self, state: TrainingState, write: Callable[[Path], None]) -> None:
        """Write a checkpoint beside the others, then delete those no longer needed.

        The newest two, those of the newest `keep` epochs and the best stay. It has its final name only when the disk
        has all of it.

        Args:
            state: Where the training stands.
            write: Writes the variables to a path, durably.

        Raises:
            OSError: It cannot be written; those that were there still are.
        """
        final = self.directory / state.name
        unfinished = self.directory / f"{UNFINISHED}{state.name}"
        self._sweep()
        unfinished.mkdir(parents=True)
        try:
            write(unfinished / VARIABLES)
            write_durably(unfinished / MANIFEST, _manifest(state, unfinished / VARIABLES))
            put_in_place(unfinished, final)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        self.newest = state.name
        # What cannot be deleted does not make this one any worse.
        with contextlib.suppress(OSError):
            self._delete_others(state)

    def _sweep(self) -> None:
        """Remove what a process that was killed had half written."""
        for path in self.directory.glob(f"{UNFINISHED}*"):
            shutil.rmtree(path, ignore_errors=True)

    def _delete_others(self, state: TrainingState) -> None:
        here = _numbers(self.directory / state.name)
        everything = self._complete()
        # Those beyond are damaged, or of a training that diverged: this one went on before them.
        complete = [path for path in everything if _numbers(path) <= here]
        epochs = [path for path in complete if _is_of_epoch(path)]
        kept = [*complete[-2:], *epochs[-self.keep :], self.directory / TrainingState(epoch=state.best_epoch).name]
        for path in everything:
            if path not in kept:
                remove_at_once(path)

    def exist(self) -> bool:
        """Whether there is any."""
        return bool(self._complete())

    def latest(self) -> tuple[TrainingState, Path] | None:
        """State and variables of the newest checkpoint that is not damaged; damaged ones are reported."""
        for path in reversed(self._complete()):
            found = _read(path)
            if found:
                self.newest = found[0].name
                return found
        return None

    def latest_epoch(self, before: TrainingState | None = None) -> tuple[TrainingState, Path] | None:
        """The same of the newest one at an epoch's end, or of the newest before the epochs of another state."""
        for path in reversed([path for path in self._complete() if _is_of_epoch(path)]):
            if before is None or _numbers(path)[0] < before.epoch:
                found = _read(path)
                if found:
                    return found
        return None

    def best(self) -> tuple[TrainingState, Path] | None:
        """The same of the checkpoint with the best decoded dev metric; None before the first epoch's end."""
        latest = self.latest()
        if latest is None or not latest[0].best_epoch:
            return None
        best = self.directory / TrainingState(epoch=latest[0].best_epoch).name
        if best == latest[1].parent:
            return latest
        found = _read(best) if best in self._complete() else None
        if found is None:
            logger.warning("%s: the best checkpoint is gone or damaged, the newest is used", best)
        return found or latest

    def last_epochs(self, count: int) -> list[Path]:
        """Variables of the last `count` epochs' checkpoints, oldest first; those of interrupted epochs are none.

        Raises:
            UsageError: There are fewer in a row, or `count` is below 1.
        """
        if count < 1:
            raise UsageError(f"--average {count}: impossible, it must be at least 1")
        variables: list[Path] = []
        for path in reversed([path for path in self._complete() if _is_of_epoch(path)]):
            # The best one may be of an epoch long ago.
            if len(variables) == count or (variables and _numbers(path)[0] + 1 != _numbers(variables[0].parent)[0]):
                break
            if not _read(path):
                break
            variables.insert(0, path / VARIABLES)
        if len(variables) < count:
            raise UsageError(
                f"--average {count}: {self.directory} has checkpoints of the last {len(variables)} epochs; "
                "give a smaller number, or train with a larger --train.keep_checkpoints, which keeps more"
            )
        return variables

    def _complete(self) -> list[Path]:
        named = [path for path in self.directory.glob("epoch-*") if _NAME.fullmatch(path.name)]
        return sorted((path for path in named if (path / MANIFEST).is_file()), key=_numbers)


class NoCheckpoints(Checkpoints):
    """Those of a process that trains with others, of whom one alone saves."""

    def save(self, state: TrainingState, write: Callable[[Path], None]) -> None:
        """Leave it to the other."""


def _manifest(state: TrainingState, variables: Path) -> bytes:
    described = {"state": dataclasses.asdict(state), "sha256": checksum(variables)}
    return json.dumps({**described, "manifest_sha256": _checksum_of(described)}, indent=1).encode()


def _read(path: Path) -> tuple[TrainingState, Path] | None:
    """State and variables of a checkpoint; None, and a warning, if a checksum is not what was written."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        described = {name: manifest[name] for name in ("state", "sha256")}
        if manifest["manifest_sha256"] != _checksum_of(described):
            raise ValueError(f"{MANIFEST} is not what was written")
        if manifest["sha256"] != checksum(path / VARIABLES):
            raise ValueError(f"{VARIABLES} is not what was written")
        return TrainingState.from_dict(manifest["state"]), path / VARIABLES
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("%s: damaged checkpoint (%s), it is not used", path, str(error) or "not a manifest")
        return None


def _checksum_of(described: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _numbers(path: Path) -> list[int]:
    """Epoch, and step if it is within one."""
    found = _NAME.fullmatch(path.name)
    return [int(number) for number in found.groups() if number] if found else []


def _is_of_epoch(path: Path) -> bool:
    return len(_numbers(path)) == 1
