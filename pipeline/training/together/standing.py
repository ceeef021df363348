"""Where a training stands, told to all who train together by who leads them."""

import dataclasses
import hashlib
import json
from pathlib import Path

import keras
import numpy as np

from pipeline.cluster.cluster import Cluster, led
from pipeline.errors import TrainingError
from pipeline.files.durable import write_durably
from pipeline.model.weights import METRICS, training_variables
from pipeline.process.interruption import Interruption
from pipeline.runs.checkpoints import VARIABLES, TrainingState


def share_state(cluster: Cluster, state: TrainingState) -> TrainingState:
    """The leader's state, for all: whether an epoch could be saved, and so counts, is known there alone."""
    if cluster.size == 1:
        return state
    return TrainingState.from_dict(json.loads(cluster.broadcast(json.dumps(dataclasses.asdict(state)).encode())))


def share_standing(
    cluster: Cluster, standing: tuple[TrainingState, Path | None], folder: Path
) -> tuple[TrainingState, Path | None]:
    """The leader's state and checkpoint, for all.

    Args:
        cluster: The processes.
        standing: State and variables; of others than the leader not looked at.
        folder: Where others than the leader keep the variables.
    """
    if cluster.size == 1:
        return standing
    state, variables = standing
    content = led(cluster, lambda: variables.read_bytes() if variables else b"")
    state = share_state(cluster, state)
    if cluster.rank == 0 or not content:
        return state, variables if cluster.rank == 0 else None
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(folder / VARIABLES, content)
    return state, folder / VARIABLES


def share_interruption(cluster: Cluster, interruption: Interruption) -> None:
    """After the last step no gradient tells the others any more that one was asked to end."""
    if cluster.size > 1 and any(cluster.gather(b"" if interruption.heard is None else b"asked")):
        interruption.heed()


class CompareWeights(keras.callbacks.Callback):
    """Ends a training in which the weights are no longer the same everywhere, at an epoch's beginning.

    Args:
        cluster: The processes.
    """

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self.cluster = cluster

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Compare what the next step depends on.

        Raises:
            TrainingError: It differs.
        """
        hashed = hashlib.sha256()
        for group, variables in training_variables(self.model).items():
            for variable in variables if group != METRICS else ():
                hashed.update(np.ascontiguousarray(variable).tobytes())
        found = self.cluster.gather(hashed.digest())
        others = [str(rank) for rank, digest in enumerate(found) if digest != found[0]]
        if others:
            raise TrainingError(
                f"epoch {epoch + 1}: worker {', '.join(others)} has other weights than worker 0; processors of other "
                "kinds, or other versions of TensorFlow, compute otherwise: start all again on machines that are alike"
            )
