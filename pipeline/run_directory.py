"""What a run leaves behind, and where: every path of a run directory, and its checkpoints."""

import dataclasses
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from pipeline import __version__
from pipeline.configuration import Configuration
from pipeline.errors import DataError, UsageError
from pipeline.files import write_atomically

logger = logging.getLogger(__name__)

FORMAT = 1

EXPLANATION = """# An Attentif run

| here | what it is |
|---|---|
| `config.yaml` | every setting; with it as `--config`, `python -m pipeline train` trains the same again |
| `run.json` | versions that made the run |
| `data.json` | SHA-256 of the files it was trained and measured on |
| `vocabulary/` | source and target symbols, one a line, by id |
| `checkpoints/` | weights and optimizer of the newest epochs and of the best one |
| `metrics.jsonl` | one line of figures per epoch |
| `attention/` | heat-maps of the last epoch: what the model looked at |
| `logs/` | for TensorBoard: `tensorboard --logdir logs` |
| `export/` | the SavedModel: strings in, strings out |
| `README.md` | this page |
| `result.json` | figures of the finished run; there when it has ended |
| `data/` | the tokenised corpus, a cache that may be deleted |

Go on with an unfinished run by the command that started it. Paths in it count from where that was.
"""


class RunDirectory:
    """The paths of a run.

    Args:
        path: The directory; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.readme = path / "README.md"
        self.config = path / "config.yaml"
        self.data_info = path / "data.json"
        self.info = path / "run.json"
        self.vocabulary = path / "vocabulary"
        self.data = path / "data"
        self.checkpoints = path / "checkpoints"
        self.metrics = path / "metrics.jsonl"
        self.attention = path / "attention"
        self.logs = path / "logs"
        self.export = path / "export"
        self.result = path / "result.json"

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self.info.is_file()

    def begin(self, configuration: Configuration, beside_others: bool = False) -> None:
        """Create the directory and what explains it.

        Args:
            configuration: Every setting.
            beside_others: Whether other files may be there, as when a run is replaced.

        Raises:
            UsageError: The directory holds something else.
        """
        if self.path.exists() and not (self.path.is_dir() and (beside_others or not any(self.path.iterdir()))):
            raise UsageError(f"{self.path}: exists and is not a run; choose another --run or empty it")
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            configuration.save(self.config)
            self.readme.write_text(EXPLANATION, encoding="utf-8")
            write_atomically(self.info, json.dumps({"format": FORMAT, "attentif": __version__}))
        except BaseException:
            # Half of a beginning would look like somebody else's directory to the same command later.
            for path in (self.config, self.readme, self.info):
                path.unlink(missing_ok=True)
            raise

    def remove(self) -> None:
        """Delete the run, and only what a run writes."""
        if not self.exists():
            return
        folders = (self.vocabulary, self.data, self.checkpoints, self.attention, self.logs, self.export)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        # What makes it a run goes last: cut short, it can be removed again.
        for file in (self.metrics, self.result, self.data_info, self.readme, self.config, self.info):
            file.unlink(missing_ok=True)
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()

    def check_version(self) -> None:
        """Refuse a run that another version's format makes unreadable.

        Raises:
            UsageError: See above, or the run's own description is damaged.
        """
        try:
            info = json.loads(self.info.read_text(encoding="utf-8"))
            made_by, layout = info["attentif"], info["format"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{self.info}: damaged, this is not a usable run ({error})") from error
        if layout != FORMAT:
            raise UsageError(
                f"{self.path}: made by Attentif {made_by} (run format {layout}), this is {__version__} "
                f"(run format {FORMAT}); use that version, or train again with --overwrite"
            )

    def read_result(self) -> dict[str, Any] | None:
        """The figures of the finished run, None if it has not ended."""
        return json.loads(self.result.read_text(encoding="utf-8")) if self.result.is_file() else None

    def append_metrics(self, metrics: dict[str, Any]) -> None:
        """Add an epoch's figures."""
        with open(self.metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps(metrics) + "\n")

    def truncate_metrics(self, epochs: int) -> None:
        """Forget the figures of epochs after the first `epochs`: they are about to be trained again."""
        if self.metrics.is_file():
            lines = self.metrics.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _epoch_of(line) <= epochs]
            write_atomically(self.metrics, "".join(f"{line}\n" for line in kept))


def _epoch_of(line: str) -> float:
    try:
        return json.loads(line)["epoch"]
    except (ValueError, KeyError, TypeError):
        return float("inf")  # half a line: the training was killed while writing it


@dataclasses.dataclass(frozen=True)
class TrainingState:
    """Where a training stands, saved with every checkpoint."""

    epoch: int = 0
    """Epochs completed."""
    step: int = 0
    """Steps done in the epoch after those."""
    best_epoch: int = 0
    """The epoch with the best decoded dev metric so far, from 1; 0 if none."""
    best_value: float = float("inf")
    """Its dev metric, negative where higher is better."""
    best_second: float = float("inf")
    """The same of what decides between equal dev metrics."""
    averaged: bool = False
    """Whether the checkpoint has the average of the weights in their place, and them in its."""
    random: list[list[int]] = dataclasses.field(default_factory=list)
    """The states of the model's random generators."""

    @property
    def name(self) -> str:
        """Name of the checkpoint's directory."""
        return f"epoch-{self.epoch:04d}" + (f"-step-{self.step:07d}" if self.step else "")


WEIGHTS, STATE = "model.weights.h5", "state.json"


class Checkpoints:
    """The checkpoints of a run: a directory each, complete or not there at all.

    Args:
        directory: `RunDirectory.checkpoints`.
        keep: How many of the newest epochs' ones stay when others come.
    """

    def __init__(self, directory: Path, keep: int = 2) -> None:
        self.directory, self.keep = directory, keep

    def save(self, state: TrainingState, save_weights: Callable[[Path], None]) -> None:
        """Write a checkpoint beside the others, then delete those no longer needed.

        The newest two, those of the newest `keep` epochs and the best stay. A half-written one never has its
        final name.
        """
        final = self.directory / state.name
        unfinished = self.directory / f"unfinished-{state.name}"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            save_weights(unfinished / WEIGHTS)
            (unfinished / STATE).write_text(json.dumps(dataclasses.asdict(state)), encoding="utf-8")
            shutil.rmtree(final, ignore_errors=True)
            unfinished.rename(final)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        complete = self._complete()
        epochs = [path for path in complete if _is_of_epoch(path)]
        kept = [*complete[-2:], *epochs[-self.keep :], self.directory / TrainingState(epoch=state.best_epoch).name]
        for path in complete:
            if path not in kept:
                shutil.rmtree(path)

    def latest(self) -> tuple[TrainingState, Path] | None:
        """State and weights of the newest checkpoint."""
        paths = self._complete()
        return self._read(paths[-1]) if paths else None

    def best(self) -> tuple[TrainingState, Path] | None:
        """State and weights of the checkpoint with the best decoded dev metric; None before the first epoch's end."""
        latest = self.latest()
        if latest is None or not latest[0].best_epoch:
            return None
        best = self.directory / TrainingState(epoch=latest[0].best_epoch).name
        if best in self._complete():
            return self._read(best)
        logger.warning("%s: the best checkpoint is gone, the newest is used", best)
        return latest

    def last_epochs(self, count: int) -> list[Path]:
        """Weights of the last `count` epochs' checkpoints, oldest first; those of interrupted epochs are none.

        Raises:
            UsageError: There are fewer in a row, or `count` is below 1.
        """
        if count < 1:
            raise UsageError(f"--average {count}: impossible, it must be at least 1")
        weights: list[Path] = []
        for path in reversed([path for path in self._complete() if _is_of_epoch(path)]):
            # The best one may be of an epoch long ago.
            if len(weights) == count or (weights and _numbers(path)[0] + 1 != _numbers(weights[0].parent)[0]):
                break
            weights.insert(0, path / WEIGHTS)
        if len(weights) < count:
            raise UsageError(
                f"--average {count}: {self.directory} has checkpoints of the last {len(weights)} epochs; "
                "give a smaller number, or train with a larger --train.keep_checkpoints, which keeps more"
            )
        return weights

    def _complete(self) -> list[Path]:
        complete = [path for path in self.directory.glob("epoch-*") if (path / STATE).is_file()]
        return sorted(complete, key=_numbers)

    def _read(self, path: Path) -> tuple[TrainingState, Path]:
        try:
            state = TrainingState(**json.loads((path / STATE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"{path}: damaged checkpoint ({error}); delete it and go on from the one before") from error
        return state, path / WEIGHTS


def _numbers(path: Path) -> list[int]:
    """Epoch, and step if it is of an interrupted epoch."""
    return [int(number) for number in path.name.split("-")[1::2]]


def _is_of_epoch(path: Path) -> bool:
    return len(_numbers(path)) == 1


def load_configuration(run: RunDirectory) -> Configuration:
    """The configuration that a run was begun with.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        sections = yaml.safe_load(run.config.read_text(encoding="utf-8"))
        fields = {field.name: field.default_factory for field in dataclasses.fields(Configuration)}
        return Configuration(**{name: fields[name](**values) for name, values in sections.items()})  # type: ignore
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise UsageError(f"{run.config}: damaged, this is not a usable run ({error})") from error
