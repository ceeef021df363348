"""Runs that a setting of another run names, and on whose weights that one depends: whether they are what they were."""

import dataclasses
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.runs.best_epoch import checksum_of_best
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.runs.model_paths import split_models
from pipeline.runs.ownership import whole
from pipeline.settings.changes import by_name, read_setting, replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import TextConfiguration

logger = logging.getLogger(__name__)

# Besides the vocabularies, all that ids depend on.
_SAME = ("source_tokenizer", "target_tokenizer", "source_separator", "target_separator", "normalization", "target_form")
_SAME_TEXT = (*_SAME, "lowercase", "direction", "shared_vocabulary", "feature_separator")
# Of the network, what has no shape: it follows from the data that are trained on.
_NO_SHAPE = ("model.dropout", "model.symbol_dropout")


def require_run(key: str, run: RunDirectory) -> None:
    """Refuse what is no run.

    Args:
        key: The setting that names it, for the message.
        run: What is named.

    Raises:
        UsageError: It is none, or of another version's format.
        DataError: A file of it is not what it wrote.
    """
    if not run.exists():
        wrong = "is not a run directory" if run.path.exists() else "no such run"
        raise UsageError(f"{key}: {run.path}: {wrong}; give what `train --run` wrote")
    run.check()


def text_differences(text: TextConfiguration, run: RunDirectory) -> list[str]:
    """How a run's text settings differ from others; empty where symbols mean the same."""
    other = load_configuration(run).text
    return [
        f"{_name(key)} is {value!r}, not {wanted!r}"
        for key in _SAME_TEXT
        if (value := getattr(other, key)) != (wanted := getattr(text, key))
    ]


def _name(key: str) -> str:
    return f"text.{'target_normalization' if key == 'target_form' else key}"


def inherited_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of a run's settings by `section.key`, those that one that begins with its weights has as well."""
    names = {_name(key) for key in _SAME_TEXT}
    return {
        key: value
        for key, value in settings.items()
        if key in names or (key.startswith("model.") and key not in _NO_SHAPE)
    }


def settings_of(key: str, place: str) -> dict[str, Any]:
    """The same of the run in a place.

    Args:
        key: The setting that names it, for the message.
        place: Its directory.

    Raises:
        UsageError: It is no run.
        DataError: A file of it is not what it wrote.
    """
    run = RunDirectory(Path(place))
    require_run(key, run)
    return inherited_settings(by_name(load_configuration(run).to_dict()))


@dataclasses.dataclass(frozen=True)
class NamedRuns:
    """The runs that one setting names.

    Args:
        key: The setting, by `section.key`.
        file: The file of a run directory that remembers their weights.
    """

    key: str
    file: str

    def of(self, configuration: Configuration) -> str | None:
        """What the setting says."""
        return read_setting(configuration, self.key)

    def find(self, named: str | None) -> list[RunDirectory]:
        """The runs that a value of the setting names."""
        return [RunDirectory(path) for path in split_models(Path(named))] if named else []

    def begin(self, configuration: Configuration, directory: RunDirectory) -> None:
        """Remember the weights of the runs when another begins; of one that goes on, where they are now.

        Raises:
            UsageError: They have other weights than when the run began.
        """
        remembered = directory.path / self.file
        if not remembered.is_file():
            runs = self.find(self.of(configuration))
            members = [{"run": str(run.path), "sha256": checksum_of_best(run)} for run in runs]
            directory.recorded.write({remembered: json.dumps({"members": members}, indent=1) + "\n"})
            return
        changed, moved = self.compare(configuration, directory)
        if changed:
            raise UsageError(f"{'; '.join(changed)}; train anew with --overwrite")
        if moved:
            place = {self.key: self.of(configuration)}
            contents = {directory.config: replace_settings(load_configuration(directory), place).to_yaml()}
            directory.recorded.write({**contents, **directory.describe_again()})
            logger.info("%s: %s, same weights", directory.path, moved)

    def weights(self, directory: RunDirectory) -> list[str]:
        """The checksums of the weights of the runs, as they were when one that names them began, in order.

        Raises:
            UsageError: They cannot be read.
        """
        remembered = directory.path / self.file
        with whole(remembered, "run"):
            members = json.loads(remembered.read_text(encoding="utf-8"))["members"]
            return sorted(str(member["sha256"]) for member in members)

    def compare(self, configuration: Configuration, directory: RunDirectory) -> tuple[list[str], str]:
        """Whether the runs that one names are what they were.

        One that is no longer in its place, or whose checkpoints were deleted, is taken to be the same.

        Args:
            configuration: Every setting, as given now.
            directory: The run, begun.

        Returns:
            What is another one, in sentences; and where they have moved, nothing if they have not.

        Raises:
            UsageError: What is given in the place of a former one is no run, or one in the same place has other
                weights than when the run began.
        """
        was, now = self.of(load_configuration(directory)), self.of(configuration)
        if was is None or now is None:
            return ([f"{self.key} was {was!r}, is now {now!r}"] if was != now else []), ""
        known = self.weights(directory) if (directory.path / self.file).is_file() else []
        if was == now:
            self._require_unchanged(self.find(now), known, directory)
            return [], ""
        for run in self.find(now):
            require_run(self.key, run)
        if sorted(map(checksum_of_best, self.find(now))) != known:
            return [f"{self.key} was {was!r}, is now {now!r}, of other weights"], ""
        return [], f"{self.key} moved from {was} to {now}"

    def _require_unchanged(self, runs: Sequence[RunDirectory], known: Sequence[str], directory: RunDirectory) -> None:
        for run in runs:
            there = run.exists() and Checkpoints(run.checkpoints).exist()
            if known and there and checksum_of_best(run) not in known:
                raise UsageError(
                    f"{self.key}: {run.path}: its weights are others than when the run in {directory.path} began; "
                    "bring the former ones back to go on, or train anew with --overwrite"
                )


TEACHERS = NamedRuns("train.teacher", "teacher.json")
EARLIER = NamedRuns("train.init_from", "init_from.json")
