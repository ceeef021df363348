"""What a tuning leaves behind, and where; how it is begun, and how it is recognised when it goes on."""

import dataclasses
import json
import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pipeline.errors import CircumstanceError, UsageError
from pipeline.files.durable import LOCK, LOCK_HOLDER, is_unused, sweep, write_atomically
from pipeline.pairs.data_files import PLACES, DataFiles, compare_data, other_files, read_data_files, without_places
from pipeline.pairs.references import group_references
from pipeline.pairs.splits import open_splits
from pipeline.runs.ownership import checksums_of_first_run, read_info, require_format, require_free, require_same, whole
from pipeline.settings.changes import by_name, describe_changes, with_defaults
from pipeline.settings.configuration import Configuration
from pipeline.settings.tune import TuneConfiguration
from pipeline.tuning.space import Space
from pipeline.version import __version__

logger = logging.getLogger(__name__)

FORMAT = 1
EXPLANATION = """# A search for settings

| here | what it is |
|---|---|
| `best.yaml` | the settings of the best trial; with it as `--config`, `python -m pipeline train` trains them again |
| `trials.tsv` | every trial: settings, figures, reasons of failures |
| `trials.png`, `importance.png` | the same to look at |
| `trials/` | a run directory for every trial, for `evaluate`, `predict` and `export` |
| `logs/` | for TensorBoard, together with those of the trials: `tensorboard --logdir .` |
| `config.yaml`, `space.yaml`, `search.json` | what the search was begun with |
| `oracle/` | keras-tuner's own notes |
| `data/` | tokenised data, a cache that may be deleted |

Go on with an unfinished search by the command that started it; the same with more `--tune.trials` extends a finished
one. Paths in the files count from where that was.
"""


class TuningDirectory:
    """The paths of a tuning."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.readme = path / "README.md"
        self.info = path / "search.json"
        self.config = path / "config.yaml"
        self.space = path / "space.yaml"
        self.oracle = path / "oracle"
        self.signs = self.oracle / "signs"
        self.trials = path / "trials"
        self.data = path / "data"
        self.logs = path / "logs"
        self.best = path / "best.yaml"
        self.table = path / "trials.tsv"
        self.lock = path / LOCK
        self.lock_holder = path / LOCK_HOLDER

    def exists(self) -> bool:
        """Whether a tuning was begun here."""
        return self.info.is_file()

    def failure(self, trial_id: str) -> Path:
        """Where the reason of a trial's failure stands; keras-tuner does not send it from process to process."""
        return self.trials / f"{trial_id}.failure.txt"

    def setback(self, trial_id: str) -> Path:
        """The same of a failure at which not its settings alone are at fault: it is tried again."""
        return self.trials / f"{trial_id}.setback.txt"

    def remove(self) -> None:
        """Delete the tuning, and only what a tuning writes."""
        for folder in (self.oracle, self.trials, self.data, self.logs):
            shutil.rmtree(folder, ignore_errors=True)
        pictures = [self.path / "trials.png", self.path / "importance.png"]
        for file in (*pictures, self.best, self.table, self.space, self.config, self.readme, self.info):
            file.unlink(missing_ok=True)


def begin_tuning(
    directory: TuningDirectory,
    configuration: Configuration,
    tune_configuration: TuneConfiguration,
    space: Space,
    overwrite: bool = False,
) -> None:
    """Begin a tuning, or check that the one that is there is the same.

    Args:
        directory: Where.
        configuration: What the space lies around.
        tune_configuration: How to tune.
        space: What varies.
        overwrite: Replace a tuning that is already there.

    Raises:
        UsageError: The directory holds another tuning or something else.
        DataError: The data cannot be used.
    """
    settings = _settings(configuration, tune_configuration, space)
    replaces = overwrite and directory.exists()
    if directory.exists() and not replaces:
        # A tuning that has ended can be asked for where its data are no longer.
        before = _read_info(directory)
        now = read_data_files(configuration, before.data.places)
        _require_same(directory, before, settings, now)
        logger.info("%s: going on with the tuning", directory.path)
        settings["files"] = {**before.data.checksums, **now.checksums}
        settings["dev_size"] = before.dev_size
    else:
        # Wrong data must show now, not in the third failed trial, and must not cost an earlier tuning.
        splits = open_splits(configuration.data, configuration.train.seed, configuration.text)
        settings["files"] = dict(read_data_files(configuration).checksums)
        settings["dev_size"] = len(group_references(splits["dev"](), configuration.text))
        if replaces:
            directory.remove()
        else:
            require_free(directory.path, "tuning", is_unused(directory.path))
        directory.path.mkdir(parents=True, exist_ok=True)
    sweep(directory.path)
    write_atomically(directory.info, json.dumps(settings, indent=1) + "\n")
    # What says that this is a tuning comes first: killed in between, the same command writes the rest.
    directory.trials.mkdir(exist_ok=True)
    configuration.save(directory.config)
    write_atomically(directory.space, space.to_yaml())
    write_atomically(directory.readme, EXPLANATION)


def _settings(configuration: Configuration, tune_configuration: TuneConfiguration, space: Space) -> Any:
    how = dataclasses.asdict(tune_configuration)
    for name in ("trials", "workers", "space", "epochs"):  # may change, or stand elsewhere
        del how[name]
    return {
        "format": FORMAT,
        "attentif": __version__,
        "configuration": configuration.to_dict(),
        "tune": how,
        "space": yaml.safe_load(space.to_yaml()),
    }


class _Begun(NamedTuple):
    """What a tuning was begun with."""

    configuration: dict[str, Any]
    tune: dict[str, Any]
    space: dict[str, Any]
    data: DataFiles
    dev_size: int | None


def read_dev_size(directory: TuningDirectory) -> int | None:
    """Distinct dev sources of a tuning; None of one that an earlier version began."""
    return _read_info(directory).dev_size


def _read_info(directory: TuningDirectory) -> _Begun:
    info = read_info(directory.info, "tuning")
    with whole(directory.info, "tuning"):
        settings = with_defaults(by_name(info.get("configuration", {})))
    require_format(directory.path, info, FORMAT, "; tune again with --overwrite")
    places = {key: settings.get(key) for key in PLACES}
    files = info.get("files") or checksums_of_first_run(directory.trials)
    return _Begun(settings, info.get("tune", {}), info.get("space", {}), DataFiles(places, files), info.get("dev_size"))


def _require_same(directory: TuningDirectory, before: _Begun, settings: Any, data: DataFiles) -> None:
    now = json.loads(json.dumps(settings))
    found = compare_data(before.data, data)
    if found.changed:
        raise UsageError(_describe_changed(found.changed, directory))
    changed = [
        *describe_changes(without_places(before.configuration), without_places(by_name(now["configuration"]))),
        *found.other,
        *describe_changes(by_name({"tune": before.tune}), by_name({"tune": now["tune"]})),
        *(f"space: {change}" for change in describe_changes(before.space, now["space"])),
    ]
    require_same(directory.path, "another tuning", changed, " (only tune.trials and tune.workers may change)")
    for sentence in found.moved:
        logger.info("%s: %s, same content", directory.path, sentence)


def require_unchanged(directory: TuningDirectory, checksums: Mapping[str, str]) -> None:
    """Refuse to measure a trial on other data than those before it.

    Args:
        directory: The tuning.
        checksums: Of the data that the trial has.

    Raises:
        CircumstanceError: They changed while the tuning ran.
    """
    if not directory.exists():
        return
    changed = other_files(json.loads(directory.info.read_text(encoding="utf-8")).get("files", {}), checksums)
    if changed:
        raise CircumstanceError(_describe_changed(changed, directory))


def _describe_changed(paths: Sequence[str], directory: TuningDirectory) -> str:
    return (
        f"{', '.join(paths)}: changed since the tuning in {directory.path} began, so that trials would be compared "
        "that were measured on other data; bring the former content back to go on, or tune anew with --overwrite"
    )


def wait_for_tuning(directory: TuningDirectory) -> None:
    """Wait until the chief has begun: a worker may be there before it.

    Raises:
        UsageError: It did not within ten minutes.
    """
    for second in range(600):
        if directory.exists():
            return
        if second % 30 == 5:
            logger.info("%s: waiting for the chief to begin the tuning", directory.path)
        time.sleep(1)
    raise UsageError(f"{directory.path}: no chief began a tuning here; workers need the same --run on a shared disk")
