"""What a run leaves behind, and where: every path of a run directory."""

import dataclasses
import functools
import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import DataError
from pipeline.files import recorded as recorded_files
from pipeline.files.durable import LOCK, LOCK_HOLDER, is_unused, sweep, write_atomically
from pipeline.files.recorded import RecordedFiles
from pipeline.process.environment import describe_environment, describe_other_versions
from pipeline.runs.ownership import read_info, require_format, require_free, whole
from pipeline.settings.changes import BEFORE
from pipeline.settings.configuration import Configuration
from pipeline.version import __version__

logger = logging.getLogger(__name__)

FORMAT = 2
FOLDER = "paths_count_from"
"""What `run.json` calls the folder from which relative paths in `config.yaml` count."""

EXPLANATION = """# An Attentif run

| here | what it is |
|---|---|
| `config.yaml` | every setting; with it as `--config`, `python -m pipeline train` trains the same again |
| `run.json` | versions of everything that made the run, the machine, the folder from which relative paths count |
| `data.json` | SHA-256 of what the files hold that it was trained and measured on |
| `checksums.json` | SHA-256 of the files here that say what the model is; checked whenever it is loaded |
| `teacher.json` | of a run with `train.teacher`: which runs that is, and the SHA-256 of their weights |
| `init_from.json` | of a run with `train.init_from`: which run, the SHA-256 of its weights, what was taken over |
| `limits.json` | the longest outputs, as the lengths of the training pairs ask for them |
| `vocabulary/` | source and target symbols, one a line, by id |
| `checkpoints/` | all that a training needs to go on, of the newest moments and the best epoch |
| `metrics.jsonl` | one line of figures per epoch |
| `attention/` | heat-maps of the last epoch that was drawn, at the end of the exported model: what it looked at |
| `logs/` | for TensorBoard: `tensorboard --logdir logs` |
| `export/` | the SavedModel: strings in, strings out |
| `README.md` | this page |
| `result.json` | figures of the finished run; there when it has ended |
| `calibration.json`, `calibration.png` | how sure its answers are: what `calibrate` found, and a picture of it |
| `labels/` | of a student: the pairs that an ensemble labelled, and what they were made of |
| `data/` | the tokenised corpus, and what a teacher says of it: a cache; what is deleted is made again |
| `.lock`, `.lock.json` | keep a second training out; the latter is there while one runs |

Go on with an unfinished run by the command that started it, also where its data have moved: what they hold counts.
Relative paths in `config.yaml` count from the folder that `run.json` names. Files here are not to be edited: to train
with other settings, copy `config.yaml`, edit the copy and train another run with it.
"""


class RunDirectory:
    """The paths of a run.

    Args:
        path: The directory; it need not exist yet.
    """

    on_saved: Callable[[], object] = staticmethod(lambda: None)
    """Called by a training when a checkpoint is on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.readme = path / "README.md"
        self.config = path / "config.yaml"
        self.data_info = path / "data.json"
        self.info = path / "run.json"
        self.teacher = path / "teacher.json"
        self.init_from = path / "init_from.json"
        self.limits = path / "limits.json"
        self.vocabulary = path / "vocabulary"
        self.data = path / "data"
        self.checkpoints = path / "checkpoints"
        self.metrics = path / "metrics.jsonl"
        self.attention = path / "attention"
        self.logs = path / "logs"
        self.export = path / "export"
        self.labels = path / "labels"
        self.result = path / "result.json"
        self.calibration = path / "calibration.json"
        self.lock = path / LOCK
        self.lock_holder = path / LOCK_HOLDER
        self.checksums = path / recorded_files.NAME

    @property
    def recorded(self) -> RecordedFiles:
        """The files whose checksums are kept."""
        return RecordedFiles(self.path)

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
        may_begin = not self.path.exists() or (self.path.is_dir() and (beside_others or self.is_free()))
        require_free(self.path, "run", may_begin)
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            write_atomically(self.readme, EXPLANATION)
            info = {"format": FORMAT, FOLDER: os.getcwd(), **describe_environment()}
            self.recorded.write({self.config: configuration.to_yaml(), self.info: _as_json(info)})
        except BaseException:
            # Half of a beginning would look like somebody else's directory to the same command later.
            for path in (self.config, self.checksums, self.readme, self.info):
                path.unlink(missing_ok=True)
            raise

    def is_free(self) -> bool:
        """Nothing but a lock is there, labels that its training is to have, or what a killed beginning had written."""
        explained = self.readme.is_file() and self.readme.read_text(encoding="utf-8", errors="replace") == EXPLANATION
        begun = (self.readme.name, self.config.name, self.checksums.name) if explained else ()
        return is_unused(self.path, (self.labels.name, *begun))

    def sweep(self) -> None:
        """Remove what processes that were killed had half written; only while no other writes."""
        sweep(self.path)

    def remove(self) -> None:
        """Delete the run, and only what a run writes."""
        if not self.exists():
            return
        # Without a result it is no longer a finished run, whatever is left of it.
        self.result.unlink(missing_ok=True)
        folders = (self.vocabulary, self.data, self.checkpoints, self.attention, self.logs, self.export)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        # What makes it a run goes last: cut short, it can be removed again.
        calibration = (self.calibration, self.calibration.with_suffix(".png"))
        known = (self.metrics, self.limits, self.teacher, self.init_from, self.data_info, *calibration)
        for file in (*known, self.readme, self.config, self.checksums, self.info):
            file.unlink(missing_ok=True)
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()

    def check(self) -> None:
        """Refuse a run that another version's format makes unreadable, or whose files are not what was written.

        Raises:
            UsageError: Another version's, or the run's own description is damaged.
            DataError: A file is not what the run wrote.
        """
        info = read_info(self.info, "run")
        remedy = (
            f" (run format {info['format']}), this is {__version__} (run format {FORMAT}); use that version, or train "
            "again with --overwrite"
        )
        require_format(self.path, info, FORMAT, remedy)
        if "versions" not in info and not self.recorded.exists():
            _warn_of_no_checksums(self.path)
            return
        changed = self.recorded.find_changed(may_lack=self.result)
        if changed is not None:
            raise DataError(f"{changed}: {_CHANGED.get(changed.name, _CHANGED[''])}")

    def adopt(self) -> None:
        """Bring what an earlier version or another environment began up to date: checksums, versions.

        Of other versions there is one warning.
        """
        if not self.recorded.exists():
            known = (self.config, self.info, self.data_info)
            self.recorded.add([path for path in known if path.is_file()])
            if (self.vocabulary / "target.txt").is_file():
                self.record_vocabulary()
        info, now = read_info(self.info, "run"), describe_environment()
        other = describe_other_versions(info, now)
        if other:
            logger.warning(
                "%s: begun under other versions (%s): the training goes on, but need not give bit for bit what it "
                "would have given under those",
                self.path,
                ", ".join(other),
            )
            before = [*info.pop("before", []), {key: info[key] for key in now if key in info}]
            self.recorded.write({self.info: _as_json({**info, **now, "before": before})})

    def folder(self) -> Path | None:
        """From where relative paths in `config.yaml` count; None of a run that an earlier version began."""
        folder = read_info(self.info, "run").get(FOLDER)
        return Path(folder) if folder else None

    def describe_again(self) -> dict[Path, str]:
        """The content of `run.json` when relative paths in `config.yaml` begin to count from here."""
        return {self.info: _as_json({**read_info(self.info, "run"), FOLDER: os.getcwd()})}

    def has_vocabulary(self) -> bool:
        """Whether both vocabularies were learned to their end."""
        return self.recorded.has(self.vocabulary / "target.txt")

    def record_vocabulary(self) -> None:
        """Note that they are whole."""
        kinds = ".txt", ".model", ".json"
        self.recorded.add(path for path in sorted(self.vocabulary.iterdir()) if path.suffix in kinds)

    def remove_vocabulary(self) -> None:
        """Forget what was learned."""
        self.recorded.forget(self.vocabulary)
        shutil.rmtree(self.vocabulary, ignore_errors=True)

    def read_result(self) -> dict[str, Any] | None:
        """The figures of the finished run, None if it has not ended."""
        return json.loads(self.result.read_text(encoding="utf-8")) if self.result.is_file() else None

    def append_metrics(self, metrics: dict[str, Any]) -> None:
        """Add an epoch's figures.

        Raises:
            OSError: They cannot be written; those of the epochs before are as they were.
        """
        self._write_metrics([*self._metrics_before(metrics["epoch"] - 1), json.dumps(metrics)])

    def truncate_metrics(self, epochs: int) -> None:
        """Forget the figures of epochs after the first `epochs`: they are about to be trained again."""
        if self.metrics.is_file():
            self._write_metrics(self._metrics_before(epochs))

    def _write_metrics(self, lines: list[str]) -> None:
        content = "".join(f"{line}\n" for line in lines)
        if self.recorded.exists() and self.recorded.has(self.metrics):
            self.recorded.write({self.metrics: content})
        else:
            write_atomically(self.metrics, content)

    def end(self, result: dict[str, Any]) -> None:
        """Note that the run is finished, with its figures."""
        if self.metrics.is_file():
            self.recorded.add([self.metrics])
        self.recorded.write({self.result: json.dumps(result) + "\n"})

    def _metrics_before(self, epochs: int) -> list[str]:
        lines = self.metrics.read_text(encoding="utf-8").splitlines() if self.metrics.is_file() else []
        return [line for line in lines if _epoch_of(line) <= epochs]


_CHANGED = {
    "config.yaml": (
        "is not what the run wrote; the settings of a run belong to its weights, so bring the former content back. "
        "Settings of the search are given with the command instead (--beam, --search.…), places of moved data too "
        "(--data.…); to train with other settings, give a copy of this file as --config and another --run"
    ),
    "": "is damaged or missing, it is not what the run wrote; bring back a copy, or train anew with --overwrite",
}
"""What to say of a file whose checksum is another, by its name."""


def _as_json(content: Any) -> str:
    return json.dumps(content, indent=1) + "\n"


@functools.cache
def _warn_of_no_checksums(path: Path) -> None:
    logger.warning(
        "%s: made by an earlier version, which kept no checksums: whether its files are what it wrote cannot be told",
        path,
    )


def _epoch_of(line: str) -> float:
    try:
        return json.loads(line)["epoch"]
    except (ValueError, KeyError, TypeError):
        return float("inf")  # somebody's doing: lines are written whole


def load_configuration(run: RunDirectory) -> Configuration:
    """The configuration that a run was begun with.

    Raises:
        UsageError: It cannot be read.
    """
    with whole(run.config, "run"):
        sections = yaml.safe_load(run.config.read_text(encoding="utf-8"))
        fields = {field.name: field.default_factory for field in dataclasses.fields(Configuration)}
        for name, value in BEFORE.items():
            section, key = name.split(".")
            sections[section].setdefault(key, value)
        return Configuration(**{name: fields[name](**values) for name, values in sections.items()})  # type: ignore
