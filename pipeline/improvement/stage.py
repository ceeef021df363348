"""What all stages of `improve` share: where everything lies, the data, the time."""

import functools
import logging
from collections.abc import Sequence
from typing import Any

from pipeline.defaults.other_attention import with_other_attention
from pipeline.errors import UsageError
from pipeline.improvement.directory import Clock, ImprovementDirectory
from pipeline.improvement.inputs import gather_inputs
from pipeline.improvement.mixture import fix_splits
from pipeline.improvement.plan import Improvement
from pipeline.improvement.report import measure
from pipeline.pairs.splits import open_splits
from pipeline.process.environment import usable_cores
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration

logger = logging.getLogger(__name__)

TEACHER_PASS = 0.3
"""Of the time that a training takes for so many pairs, what a member takes to look at them: measured on 3,600 words."""


class Stage:
    """One call of `improve`.

    Args:
        directory: Where everything lies; begun.
        configuration: Of members and students.
        how: What is asked for.
    """

    def __init__(self, directory: ImprovementDirectory, configuration: Configuration, how: Improvement) -> None:
        self.directory, self.how, self.clock = directory, how, Clock(directory.clock, how.hours)
        splits = open_splits(configuration.data, configuration.train.seed, configuration.text)
        self.splits = {name: split.kept() for name, split in splits.items()}
        # A bad line shows before hours of training.
        self.inputs = gather_inputs(configuration, self.splits, how.unlabeled, how.recombined)
        self.configuration = fix_splits(configuration, self.splits, directory.data)
        self._asked = configuration
        if how.other_attention and self.other is None:
            raise UsageError(
                f"--other-attention: {how.other_attention} is impossible with model.attention "
                f"{configuration.model.attention}: there is another where --config auto has chosen monotonic"
            )
        self.workers = how.workers or usable_cores()

    @functools.cached_property
    def other(self) -> Configuration | None:
        """The settings of members with another kind of attention; the data are counted for it, if one is to begin."""
        found = with_other_attention(self._asked) if self.how.varied else None
        return fix_splits(found, self.splits, self.directory.data) if found else None

    def member(self, number: int) -> tuple[RunDirectory, Configuration]:
        """The run of a member, and its settings."""
        run, data = self.directory.member(number), self.configuration.data
        if run.exists():
            # With another --members it might have been another one; and its data may have moved.
            names = ("train", "dev", "test", "columns")
            places = {f"data.{name}": getattr(data, name) for name in names}
            return run, replace_settings(load_configuration(run), places)
        base, alike = self.configuration, self.how.members - self.how.turned
        changes: dict[str, Any] = {"train.seed": base.train.seed + number - 1}
        if number > alike:
            turned = base.text.direction == "left_to_right"
            changes["text.direction"] = "right_to_left" if turned else "left_to_right"
        elif self.other and number > alike - self.how.varied and not self.one_attention:
            base = self.other
        return run, replace_settings(base, changes)

    @property
    def one_attention(self) -> bool:
        """Whether members that are still to begin have the student's attention; not where somebody says how many."""
        return self.how.other_attention is None and "one_attention" in self.clock.noted

    @property
    def unbegun(self) -> list[int]:
        """The numbers of members that are still to begin."""
        return [number for number in range(1, self.how.members + 1) if not self.directory.member(number).exists()]

    def keep_to_one_attention(self) -> None:
        """From now on, and after an interruption."""
        self.clock.note("one_attention", 1.0)

    def is_turned(self, number: int) -> bool:
        """Whether a member has the other direction."""
        return self.member(number)[1].text.direction != self.configuration.text.direction

    def is_varied(self, number: int) -> bool:
        """Whether a member has another kind of attention."""
        return self.member(number)[1].model.attention != self.configuration.model.attention

    def describe(self, number: int) -> str:
        """A member by its number and in what it differs."""
        other = ", other attention" * self.is_varied(number) + ", other direction" * self.is_turned(number)
        return f"member {number}{other}"

    def share_of_other(self) -> float:
        """How many times as long as a member's the training of one with another attention takes, at most."""
        if self.other is None:
            return 1.0
        own, _ = self._symbols()
        seen = [of.train.epochs * max(of.train.min_epoch_tokens, own) for of in (self.other, self.configuration)]
        return max(1.0, seen[0] / max(seen[1], 1.0))

    def join(self, numbers: Sequence[int]) -> str:
        """Members as an ensemble."""
        return ",".join(str(self.directory.member(number).path) for number in numbers)

    def measure(self, path: str, split: str) -> dict[str, float]:
        """The figures of a model, by name."""
        figures = measure(path, list(self.splits[split]()), self.configuration, split)
        self.clock.tick()
        return figures

    def share_of_student(self, weight: float = 1.0) -> float:
        """How many times as long as a member's the epochs of a student take: as many times as they have symbols."""
        own, labelled = self._symbols()
        least = self.configuration.train.min_epoch_tokens
        return max(least, own + weight * labelled) / max(least, own, 1)

    def share_of_teaching(self, teachers: int) -> float:
        """How many times as long as a member's training it takes teachers to look at all pairs of a student."""
        own, labelled = self._symbols()
        train = self.configuration.train
        return teachers * TEACHER_PASS * (own + labelled) / max(train.min_epoch_tokens, own, 1) / train.epochs

    def _symbols(self) -> tuple[float, float]:
        """Of the real pairs' targets, and about as many of the labels'."""
        side = self.configuration.text.side("target")
        # Of subwords there are fewer than characters: the estimate is on the safe side.
        spaced = side.tokenizer == "space"
        targets = (pair.target for pair in self.splits["train"]())
        lengths = [len(target.split(side.separator) if spaced else target) + 1 for target in targets]
        own = sum(lengths)
        return own, own / max(len(lengths), 1) * len(self.inputs.sources) * self.how.labels.n_best
