"""The teacher of a run: whether it fits the student, and whether it is the one that the run was begun with."""

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.files.durable import sync_files
from pipeline.runs.best_epoch import checksum_of_best
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.runs.model_paths import split_models
from pipeline.runs.ownership import whole
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import SIDES, TextConfiguration
from pipeline.text.vocabulary import load_vocabularies

logger = logging.getLogger(__name__)

TEACHER = "train.teacher"
# Besides the vocabularies, all that ids depend on.
_SAME = ("source_tokenizer", "target_tokenizer", "source_separator", "target_separator", "normalization", "target_form")
_SAME_TEXT = (*_SAME, "lowercase", "direction", "shared_vocabulary")


def find_teachers(teacher: str) -> list[RunDirectory]:
    """The runs that `train.teacher` names."""
    return [RunDirectory(path) for path in split_models(Path(teacher))]


def require_fitting(configuration: Configuration, directory: RunDirectory) -> None:
    """Refuse a teacher that knows other symbols than its student, before anything is begun.

    Args:
        configuration: Of the student.
        directory: Where its run is to be.

    Raises:
        UsageError: A member is no run, or the one to be replaced, or has other text settings than the student or other
            vocabularies than the first member.
        DataError: A member has no checkpoint yet.
    """
    runs = find_teachers(configuration.train.teacher or "")
    for run in runs:
        _require_run(run)
        if run.path.resolve() == directory.path.resolve():
            raise UsageError(f"{TEACHER}: {run.path}: a run cannot teach itself; choose another --run")
        differences = _differences(configuration.text, run)
        if differences:
            raise UsageError(
                f"{TEACHER}: {run.path} cannot teach, its {'; its '.join(differences)}; give the teacher's settings, "
                f"as in --config {runs[0].config}, or another teacher"
            )
        checksum_of_best(run)
        side = _other_vocabulary(runs[0], run)
        if side:
            raise UsageError(
                f"{TEACHER}: {run.path} cannot teach beside {runs[0].path}, its {side} vocabulary differs; leave it out"
            )


def _require_run(run: RunDirectory) -> None:
    if not run.exists():
        wrong = "is not a run directory" if run.path.exists() else "no such run"
        raise UsageError(f"{TEACHER}: {run.path}: {wrong}; give what `train --run` wrote")
    run.check()


def _differences(text: TextConfiguration, run: RunDirectory) -> list[str]:
    """How a run's text settings differ from a student's; empty where its ids mean the same."""
    other = load_configuration(run).text
    return [
        f"text.{'target_normalization' if key == 'target_form' else key} is {value!r}, not {wanted!r}"
        for key in _SAME_TEXT
        if (value := getattr(other, key)) != (wanted := getattr(text, key))
    ]


def _other_vocabulary(first: RunDirectory, run: RunDirectory) -> str | None:
    """The side whose vocabulary differs; None where both are the same."""
    here, there = load_vocabularies(run.vocabulary), load_vocabularies(first.vocabulary)
    for side, own, wanted in zip(SIDES, here, there, strict=True):
        if own.symbols != wanted.symbols or own.model != wanted.model:
            return side
    return None


def choose_teachers(runs: Sequence[RunDirectory], text: TextConfiguration) -> list[RunDirectory]:
    """Those of several runs that can teach a student together: the first that fits, and those with its vocabularies.

    Args:
        runs: Any.
        text: The student's settings.
    """
    fitting = [run for run in runs if not _differences(text, run)]
    return [run for run in fitting if _other_vocabulary(fitting[0], run) is None]


def begin_teacher(configuration: Configuration, directory: RunDirectory) -> None:
    """Remember the weights of the teacher of a run that begins; of one that goes on, where the teacher is now.

    Raises:
        UsageError: It has other weights than when the run began.
    """
    if not directory.teacher.is_file():
        runs = find_teachers(configuration.train.teacher or "")
        members = [{"run": str(run.path), "sha256": checksum_of_best(run)} for run in runs]
        directory.recorded.write({directory.teacher: json.dumps({"members": members}, indent=1) + "\n"})
        return
    changed, moved = compare_teacher(configuration, directory)
    if changed:
        raise UsageError(f"{'; '.join(changed)}; train anew with --overwrite")
    if moved:
        place = {TEACHER: configuration.train.teacher}
        contents = {directory.config: replace_settings(load_configuration(directory), place).to_yaml()}
        directory.recorded.write({**contents, **directory.describe_again()})
        logger.info("%s: %s, same weights", directory.path, moved)


def weights_of_teacher(directory: RunDirectory) -> list[str]:
    """The checksums of the weights of a run's teacher, as they were when it began, in order.

    Raises:
        UsageError: They cannot be read.
    """
    with whole(directory.teacher, "run"):
        members = json.loads(directory.teacher.read_text(encoding="utf-8"))["members"]
        return sorted(str(member["sha256"]) for member in members)


def compare_teacher(configuration: Configuration, directory: RunDirectory) -> tuple[list[str], str]:
    """Whether a run's teacher is what it was.

    A member that is no longer in its place, or whose checkpoints were deleted, is taken to be the same.

    Args:
        configuration: Every setting, as given now.
        directory: The run, begun.

    Returns:
        What is another one, in sentences; and where it has moved, nothing if it has not.

    Raises:
        UsageError: What is given in the place of the former teacher is no run, or a member in the same place has
            other weights than when the run began.
    """
    was, now = load_configuration(directory).train.teacher, configuration.train.teacher
    if was is None or now is None:
        return ([f"{TEACHER} was {was!r}, is now {now!r}"] if was != now else []), ""
    known = weights_of_teacher(directory) if directory.teacher.is_file() else []
    if was == now:
        for run in find_teachers(now):
            there = run.exists() and Checkpoints(run.checkpoints).exist()
            if known and there and checksum_of_best(run) not in known:
                raise UsageError(
                    f"{TEACHER}: {run.path}: its weights are others than when the run in {directory.path} began; bring "
                    "the former ones back to go on, or train anew with --overwrite"
                )
        return [], ""
    for run in find_teachers(now):
        _require_run(run)
    if sorted(map(checksum_of_best, find_teachers(now))) != known:
        return [f"{TEACHER} was {was!r}, is now {now!r}, of other weights"], ""
    return [], f"{TEACHER} moved from {was} to {now}"


def take_vocabularies(configuration: Configuration, directory: RunDirectory) -> None:
    """Give a run the vocabularies of its teacher, in the place of learning them.

    Raises:
        UsageError: The teacher is not there.
    """
    first = find_teachers(configuration.train.teacher or "")[0]
    _require_run(first)
    shutil.copytree(first.vocabulary, directory.vocabulary, dirs_exist_ok=True)
    sync_files(directory.vocabulary)
    directory.record_vocabulary()
