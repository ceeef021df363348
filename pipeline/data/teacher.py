"""The teacher of a run: whether it fits the student, and its vocabularies."""

import shutil
from collections.abc import Sequence

from pipeline.errors import UsageError
from pipeline.files.durable import sync_files
from pipeline.runs.best_epoch import checksum_of_best
from pipeline.runs.directory import RunDirectory
from pipeline.runs.named_runs import TEACHERS, require_run, text_differences
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import SIDES, TextConfiguration
from pipeline.text.vocabulary import load_vocabularies

TEACHER = TEACHERS.key


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
    runs = TEACHERS.find(configuration.train.teacher)
    for run in runs:
        require_run(TEACHER, run)
        if run.path.resolve() == directory.path.resolve():
            raise UsageError(f"{TEACHER}: {run.path}: a run cannot teach itself; choose another --run")
        differences = text_differences(configuration.text, run)
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
    fitting = [run for run in runs if not text_differences(text, run)]
    return [run for run in fitting if _other_vocabulary(fitting[0], run) is None]


def take_vocabularies(configuration: Configuration, directory: RunDirectory) -> None:
    """Give a run the vocabularies of its teacher, in the place of learning them.

    Raises:
        UsageError: The teacher is not there.
    """
    first = TEACHERS.find(configuration.train.teacher)[0]
    require_run(TEACHER, first)
    shutil.copytree(first.vocabulary, directory.vocabulary, dirs_exist_ok=True)
    sync_files(directory.vocabulary)
    directory.record_vocabulary()
