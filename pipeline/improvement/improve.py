"""An ensemble's accuracy in one small model, in one command: members, labels, a student, a report."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import count_of
from pipeline.evaluation.metrics import objectives
from pipeline.improvement.directory import KIND, ImprovementDirectory, begin_improvement
from pipeline.improvement.distill import label
from pipeline.improvement.members import choose_ensemble, train_members
from pipeline.improvement.plan import Improvement
from pipeline.improvement.report import Measured, rank, write_report
from pipeline.improvement.stage import Stage
from pipeline.improvement.students import WEIGHTS, train_students
from pipeline.runs.lock import lock_run
from pipeline.saved_models.export import export_run
from pipeline.settings.configuration import Configuration

logger = logging.getLogger(__name__)


def improve(configuration: Configuration, run: Path, how: Improvement, overwrite: bool = False) -> dict[str, Any]:
    """Train members, label with the best ensemble of them, train a student, report, export; or go on with it.

    Args:
        configuration: Of the members and of the student; `train.seed` is the first member's.
        run: Where everything lies.
        how: Time, members, labels.
        overwrite: Replace what is already there.

    Returns:
        What result.json holds: "models" with their figures, members first, then ensemble and students; "student", the
        run of the one that is exported; "skipped", what there was no time for.

    Raises:
        UsageError: The directory holds something else, or other settings.
        DataError: Data cannot be used.
        TrainingError: No member, or no student, could be trained.
    """
    directory = ImprovementDirectory(Path(run))
    with lock_run(directory, KIND.name):
        begin_improvement(directory, configuration, overwrite)
        if directory.result.is_file():
            logger.info("%s: finished before, nothing to do (--overwrite begins anew)", directory.path)
            return dict(json.loads(directory.result.read_text(encoding="utf-8")))
        stage = Stage(directory, configuration, how)
        members = train_members(stage)
        ensemble, dev = choose_ensemble(stage, members)
        sources = count_of(len(stage.inputs.sources), "source")
        logger.info("labels: %s, by %s", sources, count_of(len(ensemble), "member"))
        label(Path(stage.join(ensemble)), directory.labels, stage.inputs, how.labels, configuration)
        students = train_students(stage, ensemble)
        return _report(stage, members, (ensemble, dev), students)


def _report(
    stage: Stage, members: Sequence[int], chosen: tuple[list[int], dict[str, float]], students: Sequence[float]
) -> dict[str, Any]:
    """Measure all of them on dev, choose and export the best student, then measure all of them once on test."""
    ensemble, dev = chosen
    whole = stage.join(ensemble)
    places = [str(stage.directory.student(weight).path) for weight in students]
    rows = [(stage.describe(number), stage.join([number])) for number in members]
    rows.append((f"ensemble of {len(ensemble)}", whole))
    rows += [(f"student, labels of weight {weight:g}", place) for weight, place in zip(students, places, strict=True)]
    figures = {place: {"dev": dev if place == whole else stage.measure(place, "dev")} for _, place in rows}
    metrics = objectives(stage.configuration)
    student = min(places, key=lambda place: rank(figures[place]["dev"], metrics))
    if "test" in stage.splits:
        for _, place in rows:
            figures[place]["test"] = stage.measure(place, "test")
    export_run(Path(student), stage.directory.export)
    measured = [Measured(name + " (exported)" * (place == student), place, figures[place]) for name, place in rows]
    skipped = _describe_skipped(stage, members, students)
    for what in skipped:
        logger.info("skipped: %s; give more --hours, and another --run", what)
    facts: dict[str, Any] = {
        "student": student,
        "export": str(stage.directory.export),
        "skipped": skipped,
        "labels": stage.directory.labels.read_info()["counts"],
        "hours": round(stage.clock.spent / 3600, 3),
    }
    return write_report(stage.directory.table, stage.directory.result, measured, facts)


def _describe_skipped(stage: Stage, members: Sequence[int], students: Sequence[float]) -> list[str]:
    """What there was no time for, or failed."""
    missing, all_epochs = stage.how.members - len(members), stage.configuration.train.epochs
    epochs = all_epochs - int(stage.clock.noted["student_epochs"])
    weights = [f"{weight:g}" for weight in WEIGHTS if weight not in students]
    found = [f"{count_of(missing, 'member')} of {stage.how.members}"] if missing > 0 else []
    found += [f"{count_of(epochs, 'epoch')} of {all_epochs} of the student"] if epochs else []
    return [*found, f"labels of weight {' and '.join(weights)}"] if weights else found
