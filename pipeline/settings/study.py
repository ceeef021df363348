"""Section `study`: how attention is compared with one fixed context; not part of a run."""

import dataclasses
import math
from collections.abc import Sequence

from pipeline.errors import UsageError
from pipeline.settings.checks import require, require_at_least, require_sane_numbers


@dataclasses.dataclass(frozen=True)
class StudyConfiguration:
    """How attention is compared with one fixed context; not part of a run.

    Args:
        rates: Factors of train.learning_rate; each model takes the one with the best decoded dev metric, found with
            the first seed. As in 1,0.333,3.
        seeds: Seeds that both models are trained with at their rates, in the place of train.seed. As in 1,2.
        workers: Trainings that run at the same time, in processes of their own on this machine.
        samples: Bootstrap samples of the test set, from which the intervals come.
    """

    rates: str | float | list[float] = "1,0.333,3"
    seeds: str | int | list[int] = "1,2"
    workers: int = 1
    samples: int = 1000

    def __post_init__(self) -> None:
        require_sane_numbers("study", self)
        wanted = "different numbers above 0, as in 1,0.333,3"
        require(all(0 < factor < math.inf for factor in self.factors), "study.rates", self.rates, wanted)
        require(len(set(self.factors)) == len(self.factors) > 0, "study.rates", self.rates, wanted)
        wanted = "different whole numbers from 0, as in 1,2"
        require(all(seed >= 0 and seed.is_integer() for seed in self._seeds), "study.seeds", self.seeds, wanted)
        require(len(set(self._seeds)) == len(self._seeds) > 0, "study.seeds", self.seeds, wanted)
        require_at_least("study", self, 1, ["workers", "samples"])

    @property
    def factors(self) -> list[float]:
        """`rates` as numbers."""
        return _read_numbers("study.rates", self.rates)

    @property
    def seed_list(self) -> list[int]:
        """`seeds` as numbers.

        Example:
            >>> StudyConfiguration(seeds="3, 4").seed_list
            [3, 4]
        """
        return [int(seed) for seed in self._seeds]

    @property
    def _seeds(self) -> list[float]:
        return _read_numbers("study.seeds", self.seeds)


def _read_numbers(key: str, value: str | float | Sequence[float]) -> list[float]:
    listed = [value] if isinstance(value, int | float) else value
    parts = listed.strip("[]").split(",") if isinstance(listed, str) else listed
    try:
        return [float(part) for part in parts]
    except (ValueError, OverflowError):
        raise UsageError(f"{key}: {value!r} is impossible, it must be numbers with commas between them") from None
