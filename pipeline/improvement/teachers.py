"""Which members of an ensemble teach a student at every symbol, and how much of its loss is theirs."""

import logging
from collections.abc import Sequence

from pipeline.data.teacher import TEACHER, choose_teachers
from pipeline.errors import UsageError, count_of
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration

logger = logging.getLogger(__name__)


def require_weight(weight: float | None) -> None:
    """Refuse a `--teacher-weight` that is no share of the loss.

    Raises:
        UsageError: It is none.
    """
    if weight is not None and not 0 <= weight <= 1:
        raise UsageError(f"--teacher-weight: {weight} is impossible, it must be at least 0 and at most 1")


def teaching_weight(wanted: float | None, configuration: Configuration, student: RunDirectory) -> float:
    """The teachers' share of a student's loss; 0 is none.

    Args:
        wanted: What was asked for; None takes `train.teacher_weight` where the student can be taught at all.
        configuration: Of the student.
        student: Its run; one that was begun without a teacher goes on without.
    """
    if wanted is not None:
        return wanted
    if student.exists() and load_configuration(student).train.teacher is None:
        return 0.0
    if configuration.text.sampling:
        logger.info("teacher: none at every symbol, text.sampling cuts otherwise in every pass; the labels alone teach")
        return 0.0
    return configuration.train.teacher_weight


def with_teachers(configuration: Configuration, members: Sequence[RunDirectory], weight: float) -> Configuration:
    """The settings of a student that those members of an ensemble teach that have its text settings and vocabularies.

    Args:
        configuration: Of the student.
        members: Of the ensemble; the first that fits has the student's vocabularies.
        weight: Of the teachers.

    Raises:
        UsageError: The student's settings exclude a teacher.
    """
    teachers = choose_teachers(members, configuration.text) if weight else []
    if not teachers:
        if weight:
            logger.warning("teacher: no member has the student's text settings, so that the labels alone teach it")
        return replace_settings(configuration, {TEACHER: None})
    rest = len(members) - len(teachers)
    if rest:
        logger.info(
            "teacher: %s at every symbol; %s alone, for want of the student's direction or vocabularies",
            count_of(len(teachers), "member teaches", "members teach"),
            count_of(rest, "member labels", "members label"),
        )
    places = ",".join(str(run.path) for run in teachers)
    return replace_settings(configuration, {TEACHER: places, "train.teacher_weight": weight})
