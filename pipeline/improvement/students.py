"""The students of an improvement: one, and others with other weights of the labels where there is time."""

import logging
from collections.abc import Sequence

from pipeline.improvement.directory import in_time
from pipeline.improvement.mixture import mix
from pipeline.improvement.stage import Stage
from pipeline.improvement.teachers import teaching_weight, with_teachers
from pipeline.improvement.trainings import how_many_fit, student_epochs, train_all, training_seconds
from pipeline.runs.named_runs import TEACHERS
from pipeline.settings.changes import replace_settings

logger = logging.getLogger(__name__)

WEIGHTS = (1.0, 0.5, 2.0)
"""Of the labels: the first is always trained, the others where there is time."""


def train_students(stage: Stage, ensemble: Sequence[int]) -> list[float]:
    """Train them, or go on with it.

    Args:
        stage: Members and labels are there.
        ensemble: The members that have labelled; those that can, teach at every symbol.

    Returns:
        The weights of the labels of those that are trained.

    Raises:
        TrainingError: None could be trained.
    """
    members = [stage.directory.member(number) for number in ensemble]
    share = teaching_weight(stage.how.teacher_weight, stage.configuration, stage.directory.student(WEIGHTS[0]))
    taught = with_teachers(stage.configuration, members, share)
    teachers = len(TEACHERS.find(taught.train.teacher))
    taught = replace_settings(taught, {"train.epochs": _decide_epochs(stage, teachers)})
    orders = {
        run.path.name: (run, mix(taught, stage.directory.labels.pairs, weight))
        for weight in WEIGHTS
        for run in [stage.directory.student(weight)]
    }
    weights = dict(zip(orders, WEIGHTS, strict=True))
    first, *others = orders
    began, known = stage.clock.spent, stage.clock.noted.get("student")
    trained = train_all(stage.directory, {first: orders[first]}, 1, stage.clock)
    alone = known or max(stage.clock.spent - began, training_seconds(orders[first][0]))
    stage.clock.note("student", alone)
    workers = min(stage.workers, len(others))
    # Side by side each is slower, and with heavier labels its epochs are longer.
    longest = stage.share_of_student(max(WEIGHTS)) / stage.share_of_student(WEIGHTS[0])
    fitting = how_many_fit(stage.clock.left, 0.0, alone * longest * workers, workers, others)
    chosen = {name: orders[name] for name in others if name in fitting or orders[name][0].read_result() is not None}
    logger.info("student: took %s; %d other weights of the labels fit", in_time(alone), len(chosen))
    if chosen:
        trained += train_all(stage.directory, chosen, workers, stage.clock)
    return [weights[name] for name in trained]


def _decide_epochs(stage: Stage, teachers: int) -> int:
    """How many a student has; decided once, for another number would be another training."""
    if "student_epochs" in stage.clock.noted:
        return int(stage.clock.noted["student_epochs"])
    share, epochs = stage.share_of_student(WEIGHTS[0]), stage.configuration.train.epochs
    wave = stage.clock.noted["wave"]
    left = max(0.0, stage.clock.left - wave * stage.share_of_teaching(teachers))
    fitting = student_epochs(epochs, share, wave * share, left)
    if fitting < epochs:
        logger.info(
            "student: %d of %d epochs, each with %.1f times the symbols of a member's, fit into the %s left",
            fitting,
            epochs,
            share,
            in_time(left),
        )
    stage.clock.note("student_epochs", fitting)
    return fitting
