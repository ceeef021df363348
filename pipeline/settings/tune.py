"""Section `tune`: how settings are tuned; not part of a run."""

import dataclasses
from typing import Literal

from pipeline.settings.checks import count, require_at_least, require_path, require_sane_numbers


@dataclasses.dataclass(frozen=True)
class TuneConfiguration:
    """How settings are tuned; not part of a run.

    Args:
        algorithm: hyperband (many short trials, the best of which go on), bayesian (a Gaussian process proposes),
            random, or grid (every combination).
        trials: Largest number of trials, the ones that failed included.
        epochs: Epochs of a full trial; null takes train.epochs.
        space: YAML file of the settings to search with their ranges; null takes the one beside --config
            (NAME.space.yaml for NAME.yaml), else the project's own.
        factor: hyperband: of the trials of a round, one in this many goes on, with as many times the epochs.
        workers: Trials that run at the same time, in processes of their own on this machine.
        seed: Seed of the tuning; the trials are trained with train.seed.
    """

    algorithm: Literal["hyperband", "bayesian", "random", "grid"] = "hyperband"
    trials: int = 20
    epochs: int | None = None
    space: str | None = None
    factor: int = 3
    workers: int = 1
    seed: int = count(1)

    def __post_init__(self) -> None:
        require_sane_numbers("tune", self)
        require_path("tune.space", self.space)
        require_at_least("tune", self, 1, ["trials", "epochs", "workers", "seed"])
        require_at_least("tune", self, 2, ["factor"])
