"""An ensemble's accuracy in one small model, in one command: members, labels, a student, a report."""

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import count_of
from pipeline.evaluation.metrics import objectives
from pipeline.files.durable import write_atomically
from pipeline.improvement.directory import Clock, ImprovementDirectory, begin_improvement, in_time
from pipeline.improvement.distill import label
from pipeline.improvement.inputs import Inputs, gather_inputs
from pipeline.improvement.mixture import fix_splits, mix
from pipeline.improvement.plan import Improvement
from pipeline.improvement.report import Measured, measure, rank, write_report
from pipeline.improvement.trainings import how_many_fit, train_all, training_seconds
from pipeline.pairs.splits import Split, open_splits
from pipeline.runs.directory import RunDirectory
from pipeline.runs.lock import lock_run
from pipeline.saved_models.export import export_run
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration

logger = logging.getLogger(__name__)

WEIGHTS = (1.0, 0.5, 2.0)
"""Of the labels: the first is always trained, the others where there is time."""


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
    with lock_run(directory, "run of improve"):
        begin_improvement(directory, configuration, overwrite)
        if directory.result.is_file():
            logger.info("%s: finished before, nothing to do (--overwrite begins anew)", directory.path)
            return dict(json.loads(directory.result.read_text(encoding="utf-8")))
        splits = open_splits(configuration.data, configuration.train.seed, configuration.text)
        splits = {name: split.kept() for name, split in splits.items()}
        return _Improving(directory, configuration, how, splits).run()


class _Improving:
    """One call of `improve`."""

    def __init__(
        self, directory: ImprovementDirectory, configuration: Configuration, how: Improvement, splits: dict[str, Split]
    ) -> None:
        self.directory, self.how, self.splits = directory, how, splits
        self.clock = Clock(directory.clock, how.hours)
        self.skipped: list[str] = []
        # A bad line shows before hours of training.
        self.inputs: Inputs = gather_inputs(configuration, splits, how.unlabeled, how.recombined)
        self.configuration = fix_splits(configuration, splits, directory.data)
        self.workers = how.workers or os.cpu_count() or 1
        self.turned = how.turned
        if self.turned and how.other_direction is None and configuration.model.kind.is_hard:
            logger.info("members: none of the other direction, for model.attention %s", configuration.model.attention)
            self.turned = 0

    def run(self) -> dict[str, Any]:
        members = self._train_members()
        ensemble, dev = self._choose_ensemble(members)
        logger.info(
            "labels: %s, by %s", count_of(len(self.inputs.sources), "source"), count_of(len(ensemble), "member")
        )
        vote = self.configuration.search.vote
        label(Path(self._join(ensemble)), self.directory.labels, self.inputs, self.how.labels, vote)
        self.clock.tick()
        students = self._train_students()
        return self._report(members, ensemble, dev, students)

    # Members.

    def _member(self, number: int) -> tuple[RunDirectory, Configuration]:
        changes: dict[str, Any] = {"train.seed": self.configuration.train.seed + number - 1}
        if number > self.how.members - self.turned:
            turned = "left_to_right" if self.configuration.text.right_to_left else "right_to_left"
            changes["text.direction"] = turned
        return self.directory.member(number), replace_settings(self.configuration, changes)

    def _train_members(self) -> list[int]:
        """The numbers of those that are trained."""
        if self.directory.labels.info.is_file():
            # They have voted: another member would make other labels.
            return [int(name) for name in json.loads(self.directory.ensemble.read_text(encoding="utf-8"))["members"]]
        numbers = range(1, self.how.members + 1)
        workers = min(self.workers, len(numbers))
        # The other direction is tried early, not only where there is time for all.
        order = [*numbers[: max(0, workers - 1)], *numbers[len(numbers) - 1 :], *numbers[max(0, workers - 1) : -1]]
        first, rest = order[:workers], order[workers:]
        names = ", ".join(map(str, first))
        logger.info("members: %s at the same time (%s), %s a process", workers, names, self._threads(workers))
        began = self.clock.spent
        known = self.clock.noted.get("wave")
        trained = self._train(first, workers)
        # Before an interruption, too.
        wave = known or max(self.clock.spent - began, *(self._seconds(number) for number in trained))
        self.clock.note("wave", wave)
        reserve = wave * self._share_of_student()
        wanted = [str(number) for number in rest]
        done = [name for name in wanted if self.directory.member(int(name)).read_result() is not None]
        left = [name for name in wanted if name not in done]
        fitting = how_many_fit(self.clock.left, reserve, wave, workers, left)
        logger.info(
            "members: %s took %s; %s of %s more fit beside a student of about %s into the %s left",
            count_of(len(first), "member"),
            in_time(wave),
            len(fitting),
            len(left),
            in_time(reserve),
            in_time(max(0.0, self.clock.left)),
        )
        if len(fitting) < len(left):
            self.skipped.append(f"{count_of(len(left) - len(fitting), 'member')} of {self.how.members}")
        return sorted([*trained, *(self._train([int(name) for name in done + fitting], workers) if rest else [])])

    def _train(self, numbers: Sequence[int], workers: int) -> list[int]:
        if not numbers:
            return []
        orders = {f"member-{number}": self._member(number) for number in numbers}
        return [int(name.removeprefix("member-")) for name in train_all(self.directory, orders, workers, self.clock)]

    def _seconds(self, number: int) -> float:
        return training_seconds(self.directory.member(number))

    def _threads(self, workers: int) -> str:
        return count_of(max(1, (os.cpu_count() or 1) // workers), "thread")

    def _share_of_student(self) -> float:
        """How many times as long as a member's its training takes: as many times as its epochs have symbols."""
        side = self.configuration.text.side("target")
        # Of subwords there are fewer than characters: the estimate is on the safe side.
        spaced = side.tokenizer == "space"
        targets = (pair.target for pair in self.splits["train"]())
        lengths = [len(target.split(side.separator) if spaced else target) + 1 for target in targets]
        own = sum(lengths)
        mixed = own + own / max(len(lengths), 1) * len(self.inputs.sources) * self.how.labels.n_best
        least = self.configuration.train.min_epoch_tokens
        return max(least, mixed) / max(least, own, 1)

    # The ensemble.

    def _join(self, numbers: Sequence[int]) -> str:
        return ",".join(str(self.directory.member(number).path) for number in numbers)

    def _choose_ensemble(self, members: Sequence[int]) -> tuple[list[int], dict[str, float]]:
        """Those of one direction, or all: what is better on dev."""
        if self.directory.ensemble.is_file():
            known = json.loads(self.directory.ensemble.read_text(encoding="utf-8"))
            if known["members"] == list(members):
                return known["ensemble"], known["dev"]
        metrics, own = objectives(self.configuration), self.configuration.text.direction
        alike = [number for number in members if self._member(number)[1].text.direction == own]
        found: list[tuple[list[int], dict[str, float]]] = []
        for numbers in [part for part in (alike, list(members)) if part]:
            if numbers not in [other for other, _ in found]:
                found.append((numbers, self._measure(self._join(numbers), "dev")))
        ensemble, dev = min(found, key=lambda one: rank(one[1], metrics))
        if len(found) > 1:
            said = "; ".join(
                f"{len(numbers)} members {metrics[0].describe(of[metrics[0].name])}" for numbers, of in found
            )
            voted = "help" if ensemble == list(members) else "do not help and are left out"
            logger.info("ensemble: dev of %s: members of the other direction %s", said, voted)
        chosen = {"members": list(members), "ensemble": ensemble, "dev": dev}
        write_atomically(self.directory.ensemble, json.dumps(chosen, indent=1) + "\n")
        self.clock.tick()
        return ensemble, dev

    def _measure(self, path: str, split: str) -> dict[str, float]:
        return measure(path, list(self.splits[split]()), self.configuration, split)

    # Students.

    def _student(self, weight: float) -> tuple[RunDirectory, Configuration]:
        mixed = mix(self.configuration, self.directory.labels.pairs, weight)
        return self.directory.student(weight), mixed

    def _train_students(self) -> list[float]:
        """The weights of the labels of those that are trained."""
        orders = {self.directory.student(weight).path.name: self._student(weight) for weight in WEIGHTS}
        names = {self.directory.student(weight).path.name: weight for weight in WEIGHTS}
        first, *others = orders
        began, known = self.clock.spent, self.clock.noted.get("student")
        trained = train_all(self.directory, {first: orders[first]}, 1, self.clock)
        alone = known or max(self.clock.spent - began, training_seconds(orders[first][0]))
        self.clock.note("student", alone)
        workers = min(self.workers, len(others))
        # Side by side each is slower.
        fitting = how_many_fit(self.clock.left, 0.0, alone * workers, workers, others)
        done = [name for name in others if orders[name][0].read_result() is not None]
        chosen = [name for name in others if name in done or name in fitting]
        logger.info("student: took %s; %d other weights of the labels fit", in_time(alone), len(chosen))
        left_out = [f"{names[name]:g}" for name in others if name not in chosen]
        if left_out:
            self.skipped.append(f"labels of weight {' and '.join(left_out)}")
        if chosen:
            trained += train_all(self.directory, {name: orders[name] for name in chosen}, workers, self.clock)
        return [names[name] for name in trained]

    # The report.

    def _report(
        self, members: Sequence[int], ensemble: Sequence[int], dev: dict[str, float], students: Sequence[float]
    ) -> dict[str, Any]:
        rows = [(f"member {number}{self._note(number)}", self._join([number])) for number in members]
        rows.append((f"ensemble of {len(ensemble)}", self._join(ensemble)))
        places = {weight: str(self.directory.student(weight).path) for weight in students}
        rows += [(f"student, labels of weight {weight:g}", place) for weight, place in places.items()]
        splits = [name for name in ("dev", "test") if name in self.splits]
        figures = {
            place: {"dev": dev if place == self._join(ensemble) else self._measure(place, "dev")} for _, place in rows
        }
        metrics = objectives(self.configuration)
        student = min(places.values(), key=lambda place: rank(figures[place]["dev"], metrics))
        if "test" in splits:
            for _, place in rows:
                figures[place]["test"] = self._measure(place, "test")
        export_run(Path(student), self.directory.export)
        measured = [Measured(name + " (exported)" * (place == student), place, figures[place]) for name, place in rows]
        facts: dict[str, Any] = {"student": student, "export": str(self.directory.export), "skipped": self.skipped}
        facts |= {"labels": self.directory.labels.read_info()["counts"], "hours": round(self.clock.spent / 3600, 3)}
        for what in self.skipped:
            logger.info("skipped for want of time: %s; more --hours, and another --run", what)
        return write_report(self.directory.table, self.directory.result, measured, facts)

    def _note(self, number: int) -> str:
        direction = self._member(number)[1].text.direction
        return "" if direction == self.configuration.text.direction else f", {direction.replace('_', ' ')}"
