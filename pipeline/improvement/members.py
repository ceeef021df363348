"""The members of an improvement: as many as there is time for, and which of them vote."""

import json
import logging
from collections.abc import Sequence

from pipeline.errors import count_of
from pipeline.evaluation.metrics import objectives
from pipeline.files.durable import write_atomically
from pipeline.improvement.directory import in_time
from pipeline.improvement.report import rank
from pipeline.improvement.stage import Stage
from pipeline.improvement.trainings import how_many_fit, train_all, training_seconds
from pipeline.process.environment import usable_cores
from pipeline.study.jobs import threads_of

logger = logging.getLogger(__name__)

STUDENT_SHARE = 0.4
"""Of the time, the most that is kept for a student whose epochs are many times as long as a member's."""
FAR_WORSE = 1.25
"""So many times the errors of the others, from which on there are no more members of another attention. A guess: by
docs/defaults.md they have up to 1.7 times as many of 800 words and of 100 forms, and up to 1.2 times of 3,600 words."""


def train_members(stage: Stage) -> list[int]:
    """Train them, or go on with it.

    Returns:
        The numbers of those that are trained.

    Raises:
        TrainingError: None could be trained.
    """
    if stage.directory.labels.info.is_file():
        # They have voted: another member would make other labels.
        return list(json.loads(stage.directory.ensemble.read_text(encoding="utf-8"))["members"])
    numbers = list(range(1, stage.how.members + 1))
    workers = min(stage.workers, len(numbers))
    order = _order(stage, numbers, max(1, workers - 1))
    first, rest = order[:workers], order[workers:]
    threads = count_of(threads_of(workers) or usable_cores(), "thread")
    logger.info("members: %s at the same time (%s), %s a process", workers, ", ".join(map(str, first)), threads)
    began, known = stage.clock.spent, stage.clock.noted.get("wave")
    trained = _train(stage, first, workers)
    # Before an interruption, too.
    own = [training_seconds(stage.directory.member(number)) for number in trained]
    wave = known or max(stage.clock.spent - began, *own)
    # What has another attention may take longer than any that was trained so far.
    slower = stage.share_of_other() if any(map(stage.is_varied, rest)) and not any(map(stage.is_varied, first)) else 1.0
    stage.clock.note("wave", wave)
    _give_up_other(stage, trained)
    done = [number for number in rest if stage.directory.member(number).read_result() is not None]
    left = [number for number in rest if number not in done]
    # A student of fewer epochs, but of no fewer steps than a member, is better than one of two members.
    teachers = 0 if stage.how.teacher_weight == 0 else stage.how.members - stage.how.turned
    share = stage.share_of_student() + stage.share_of_teaching(teachers)
    reserve = min(wave * share, max(wave, STUDENT_SHARE * 3600 * stage.how.hours))
    fitting = how_many_fit(stage.clock.left, reserve, wave * slower, workers, left)
    logger.info(
        "members: %s took %s; %d of %d more fit beside a student of about %s into the %s left",
        count_of(len(first), "member"),
        in_time(wave),
        len(fitting),
        len(left),
        in_time(reserve),
        in_time(max(0.0, stage.clock.left)),
    )
    following = [*done, *fitting]
    if workers == 1:
        # The first of another attention is alone; who trains several at the same time has it among the first.
        trained = _train(stage, [*trained, *following[:1]], workers)
        _give_up_other(stage, trained)
    # With those that are trained: where no other one can be, they are enough.
    return sorted(_train(stage, list(dict.fromkeys([*trained, *following])), workers))


def _give_up_other(stage: Stage, trained: Sequence[int]) -> None:
    """No more members of another attention, where those that are trained are far worse than the others."""
    if stage.how.other_attention is not None or not any(map(stage.is_varied, stage.unbegun)):
        return
    metric = objectives(stage.configuration)[0]
    errors: dict[bool, list[float]] = {False: [], True: []}
    for number in trained:
        result = stage.directory.member(number).read_result()
        assert result is not None
        errors[stage.is_varied(number)].append(abs(result[metric.log_name] - metric.perfect))
    own, other = errors[False], errors[True]
    # Of next to no errors twice as many are chance.
    if own and other and min(other) > FAR_WORSE * max(min(own), 1.0):
        stage.keep_to_one_attention()
        logger.info(
            "members: with another attention %.1f wrong, with the student's %.1f, on dev: no more of the other",
            min(other),
            min(own),
        )


def _order(stage: Stage, numbers: Sequence[int], before: int) -> list[int]:
    """In which they are trained: so many as the student is, then one of each other kind, not only if there is time."""
    others = [next(filter(stage.is_varied, numbers), None), next(filter(stage.is_turned, numbers), None)]
    early = [*numbers[:before], *(number for number in others if number is not None)]
    return list(dict.fromkeys([*early, *numbers]))


def _train(stage: Stage, numbers: Sequence[int], workers: int) -> list[int]:
    if not numbers:
        return []
    orders = {f"member-{number}": stage.member(number) for number in numbers}
    return [int(name.removeprefix("member-")) for name in train_all(stage.directory, orders, workers, stage.clock)]


def choose_ensemble(stage: Stage, members: Sequence[int]) -> tuple[list[int], dict[str, float]]:
    """Those that are as the student is, those of its direction, those of its attention, or all: what is best on dev.

    Returns:
        Their numbers, and their figures on dev.
    """
    if stage.directory.ensemble.is_file():
        known = json.loads(stage.directory.ensemble.read_text(encoding="utf-8"))
        if known["members"] == list(members):
            return known["ensemble"], known["dev"]
    metrics = objectives(stage.configuration)
    forward = [number for number in members if not stage.is_turned(number)]
    own = [number for number in members if not stage.is_varied(number)]
    alike = [number for number in forward if number in own]
    choices = dict.fromkeys(tuple(numbers) for numbers in (alike, forward, own, members) if numbers)
    found = [(list(numbers), stage.measure(stage.join(numbers), "dev")) for numbers in choices]
    ensemble, dev = min(found, key=lambda one: rank(one[1], metrics))
    if len(found) > 1:
        first = metrics[0]
        said = "; ".join(f"{', '.join(map(str, numbers))}: {first.describe(of[first.name])}" for numbers, of in found)
        logger.info("ensemble: dev of members %s; %s vote", said, ", ".join(map(str, ensemble)))
    chosen = {"members": list(members), "ensemble": ensemble, "dev": dev}
    write_atomically(stage.directory.ensemble, json.dumps(chosen, indent=1) + "\n")
    return ensemble, dev
