"""The epochs of a training, from wherever it stands to the end."""

import dataclasses
import logging
from pathlib import Path

import tensorflow as tf

from pipeline.cluster.cluster import ALONE, Cluster
from pipeline.data.batches import Order
from pipeline.data.preparation import TrainingData
from pipeline.data.prepared.orders import make_order
from pipeline.errors import MemoryShortError, TrainingError
from pipeline.model.sequence_to_sequence import SequenceToSequence
from pipeline.process.interruption import Interruption
from pipeline.process.xla_cache import forget_refused
from pipeline.runs.checkpoints import Checkpoints, NoCheckpoints, TrainingState
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from pipeline.training.attempt import Attempt, Training
from pipeline.training.divergence import Diverged, describe_pairs
from pipeline.training.together.standing import share_interruption, share_standing

logger = logging.getLogger(__name__)


def fit(
    configuration: Configuration,
    directory: RunDirectory,
    data: TrainingData,
    last_epoch: int | None = None,
    cluster: Cluster = ALONE,
) -> SequenceToSequence:
    """Run the epochs that are left, from the newest checkpoint on.

    Weights and figures are those that an uninterrupted training has, bit for bit, on the same machine with
    `train.deterministic`. Ctrl-C and SIGTERM save where the training stands and end it. One that diverges goes back
    to an epoch's end, and on with half the learning rate.

    Args:
        configuration: Every setting.
        directory: The run, begun and with its data prepared.
        data: What `prepare_data` made of it.
        last_epoch: Stop after this epoch; the schedule of the learning rate stays that of all epochs.
        cluster: Who trains with this process; each has a directory of its own, and the leader's checkpoints count.

    Raises:
        Interrupted: By a signal; the same call goes on.
        TrainingError: It diverged too often, does not fit into memory, or cannot be saved.
    """
    train = configuration.train
    order = make_order(data.train, data.buckets, train.seed, train.min_epoch_tokens, cluster.size)
    kind = Checkpoints if cluster.rank == 0 else NoCheckpoints
    checkpoints = kind(directory.checkpoints, train.keep_checkpoints)
    epochs = min(last_epoch or train.epochs, train.epochs)
    state, variables = checkpoints.latest() or (TrainingState(), None)
    with Interruption(alone=cluster.size == 1) as interruption:
        training = Training(configuration, directory, data, order, checkpoints, interruption, cluster)
        while True:
            state, variables = share_standing(cluster, (state, variables), directory.checkpoints)
            try:
                model = Attempt(training, state).run(variables, epochs)
                share_interruption(cluster, interruption)
                interruption.end_if_asked()
                return model
            except Diverged as error:
                interruption.end_if_asked()
                what = _describe(error, configuration, data, order)
                state, variables = _roll_back(checkpoints, state, error, train.max_rollbacks, what)
            except tf.errors.ResourceExhaustedError as error:
                rows, source, target = _largest(order)
                raise MemoryShortError(
                    f"out of memory; the largest batch has {rows} pairs of {source} by {target} symbols: lower "
                    "data.batch_tokens, data.max_length or model.units"
                ) from error
            except tf.errors.OpError as error:
                if forget_refused(str(error)):
                    raise TrainingError(
                        "XLA does not take what it had kept of an earlier training, which is deleted now: the same "
                        "command goes on; ATTENTIF_XLA_CACHE=off keeps nothing"
                    ) from error
                raise


def _roll_back(
    checkpoints: Checkpoints, state: TrainingState, error: Diverged, most: int, what: str
) -> tuple[TrainingState, Path | None]:
    """Where a training that diverged goes on: at an epoch's end, for checkpoints within depend on the clock.

    Raises:
        TrainingError: It diverged too often.
    """
    if state.rollbacks >= most:
        even = f", even with {state.rate_scale:g} of the learning rate" if state.rollbacks else ""
        raise TrainingError(
            f"the training diverges ({what}){even}; look at these pairs, or lower train.learning_rate or "
            "train.clip_norm and train anew with --overwrite"
        ) from error
    found = checkpoints.latest_epoch()
    if found and error.epoch == found[0].epoch and error.step + 1 < error.steps:
        # It may have begun before that was saved.
        found = checkpoints.latest_epoch(before=found[0])
    back, variables = found or (TrainingState(), None)
    place, scale = back.name if variables else "the beginning", state.rate_scale / 2
    logger.warning("the training diverged (%s); back to %s, on with %g of the learning rate", what, place, scale)
    return dataclasses.replace(back, rollbacks=state.rollbacks + 1, rate_scale=scale), variables


def _describe(error: Diverged, configuration: Configuration, data: TrainingData, order: Order) -> str:
    """What was seen, and at which pairs."""
    indices = order.batch(error.epoch, error.step).indices
    pairs = describe_pairs(data.train, indices, configuration.data.train)
    return f"epoch {error.epoch + 1}, step {error.step + 1}: {error}; its batch: {pairs}"


def _largest(order: Order) -> tuple[int, int, int]:
    bucket = order.batch(0, 0).bucket
    return bucket.rows, bucket.source_length, bucket.target_length
