"""What the parts of a training have around them, made once and handed to each."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pipeline.cluster.cluster import Cluster
from pipeline.monitoring.board import Board
from pipeline.monitoring.epoch_clock import EpochClock
from pipeline.monitoring.write_failures import WriteFailures
from pipeline.process.interruption import Interruption
from pipeline.runs.checkpoints import Checkpoints, TrainingState
from pipeline.runs.directory import RunDirectory


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """Where a training writes, what time it is in it, and who may end it."""

    directory: RunDirectory
    checkpoints: Checkpoints
    board: Board
    """TensorBoard's files."""
    clock: EpochClock
    """The epoch's steps and time."""
    failures: WriteFailures
    """What happens when something cannot be written."""
    interruption: Interruption
    """Remembers a signal."""
    cluster: Cluster
    """Who trains with this process."""


@dataclasses.dataclass(frozen=True)
class Standing:
    """Where a training stands when it begins or goes on."""

    state: TrainingState
    metrics: Sequence[np.ndarray] = ()
    """The figures of the half epoch that goes on, of `restore`; none at an epoch's beginning."""
