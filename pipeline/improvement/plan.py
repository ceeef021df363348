"""What `improve` is asked for."""

import dataclasses

from pipeline.errors import UsageError
from pipeline.improvement.labels import LabelSettings
from pipeline.improvement.teachers import require_weight


@dataclasses.dataclass(frozen=True)
class Improvement:
    """How it is done.

    Args:
        hours: The time that there is.
        members: The most models that vote.
        other_direction: How many of them find the target in the other order; None chooses by their number.
        other_attention: How many have another kind of attention; None chooses by their number, where there is another.
        workers: Trainings at the same time; None takes as many as there are processors.
        labels: Which outputs become labels.
        unlabeled: A file of further sources, one a line.
        recombined: See `gather_inputs`.
        teacher_weight: See `teaching_weight`.
    """

    hours: float = 4.0
    members: int = 5
    other_direction: int | None = None
    other_attention: int | None = None
    workers: int | None = None
    labels: LabelSettings = dataclasses.field(default_factory=LabelSettings)
    unlabeled: str | None = None
    recombined: int | None = None
    teacher_weight: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("--hours", self.hours), ("--workers", self.workers)):
            if value is not None and not value > 0:
                raise UsageError(f"{name}: {value} is impossible, it must be above 0")
        require_weight(self.teacher_weight)
        if self.members < 2:
            raise UsageError(f"--members: {self.members} is impossible, it must be at least 2")
        for name, value in (("--other-direction", self.other_direction), ("--other-attention", self.other_attention)):
            if value is not None and not 0 <= value < self.members:
                raise UsageError(f"{name}: {value} is impossible, it must be below --members")
        if self.turned + (self.other_attention or 0) >= self.members:
            raise UsageError(
                f"--other-attention: {self.other_attention} is impossible beside {self.turned} of the other direction, "
                f"one of {self.members} --members must be as the student is"
            )

    @property
    def turned(self) -> int:
        """How many members have the other direction."""
        if self.other_direction is not None:
            return self.other_direction
        return 0 if self.members < 3 else 1 if self.members < 6 else 2

    @property
    def varied(self) -> int:
        """How many members have another kind of attention, where there is one."""
        if self.other_attention is not None:
            return self.other_attention
        return min(2 if self.members > 4 else 1, self.members - self.turned - 1)
