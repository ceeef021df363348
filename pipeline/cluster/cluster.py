"""What processes that train together say to each other: sums in the graph, and a few bytes between steps.

tf.distribute carries it, and nothing but that: variables, optimizer and callbacks are those of a training alone.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.cluster.members import Members
from pipeline.errors import LostWorkerError, TrainingError, UsageError

logger = logging.getLogger(__name__)

LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError, tf.errors.CancelledError)
"""What TensorFlow says of a peer that no longer answers."""


class Cluster:
    """A training alone: one process, whose sums are what it gives.

    `Workers` has the same methods for several.
    """

    rank = 0
    """Which process this is; 0 leads, and alone writes the run."""
    size = 1
    """How many there are."""
    asked: Any = 0.0
    """1 where this process was asked to end, else 0; of `Workers` a variable, which a graph reads at every step."""

    def ask(self) -> None:
        """Note, for the next step, that this process was asked to end."""

    def sum(self, tensors: Sequence[Any], sent_as: Any = None) -> list[Any]:
        """The sums over all processes of tensors with fixed shapes, in a graph; one exchange for all of a dtype.

        Args:
            tensors: Numbers.
            sent_as: The dtype that the processes send; None is that of each tensor. Alone, nothing is sent.

        Returns:
            Tensors of the same shapes and dtypes.
        """
        return list(tensors)

    def gather(self, content: bytes) -> list[bytes]:
        """What every process gives, by rank, for every process. All have to call it at the same moment."""
        return [content]

    def broadcast(self, content: bytes) -> bytes:
        """What the leader gives; what the others give is not looked at."""
        return content

    def agree(self, problem: str = "") -> None:
        """Go on together, or end together.

        Args:
            problem: Why this process cannot go on; '' if it can.

        Raises:
            TrainingError: Some cannot.
        """

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Around all that needs the others.

        Raises:
            LostWorkerError: One of them no longer answers.
        """
        yield


ALONE = Cluster()


class Workers(Cluster):
    """Several processes; to be made before anything else is asked of TensorFlow.

    Args:
        members: Which.

    Raises:
        UsageError: This process sees several GPUs.
    """

    def __init__(self, members: Members) -> None:
        self.rank, self.size = members.rank, len(members.addresses)
        gpus = tf.config.list_physical_devices("GPU")
        if len(gpus) > 1:
            raise UsageError(
                f"{members.said_by}: this worker sees {len(gpus)} GPUs and would use them all as one; start a worker "
                "for each, and let each see its own (CUDA_VISIBLE_DEVICES)"
            )
        logger.info("worker %d of %d, led by %s", self.rank, self.size, members.addresses[0])
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": list(members.addresses)}),
            task_type="worker",
            task_id=self.rank,
            rpc_layer="grpc",
        )
        options = tf.distribute.experimental.CommunicationOptions(
            implementation=tf.distribute.experimental.CommunicationImplementation.AUTO
            if gpus
            else tf.distribute.experimental.CommunicationImplementation.RING
        )
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver, options)
        self.asked = tf.Variable(0.0, trainable=False, name="asked")
        # Traced once for vectors of every length.
        self._sum_bytes = tf.function(self._sum, input_signature=[tf.TensorSpec([None], tf.int32)], autograph=False)

    def ask(self) -> None:
        """See `Cluster`."""
        self.asked.assign(1.0)

    def sum(self, tensors: Sequence[Any], sent_as: Any = None) -> list[Any]:
        """See `Cluster`; by dtype, one vector each."""
        if sent_as is not None:
            summed = self.sum([tf.cast(tensor, sent_as) for tensor in tensors])
            return [tf.cast(part, tensor.dtype) for part, tensor in zip(summed, tensors, strict=True)]
        found = list(tensors)
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            places = [place for place, tensor in enumerate(tensors) if tensor.dtype == dtype]
            summed = self._sum(tf.concat([tf.reshape(tensors[place], [-1]) for place in places], axis=0))
            parts = tf.split(summed, [tensors[place].shape.num_elements() for place in places])
            for place, part in zip(places, parts, strict=True):
                found[place] = tf.reshape(part, tensors[place].shape)
        return found

    def _sum(self, vector: Any) -> Any:
        def exchange(mine: Any) -> Any:
            # Without the identity a tensor from outside has no device to be sent to.
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(mine))

        return self._strategy.run(exchange, args=(vector,))

    def gather(self, content: bytes) -> list[bytes]:
        """See `Cluster`."""
        lengths = np.zeros(self.size, np.int32)
        lengths[self.rank] = len(content)
        lengths = self._sum_bytes(lengths).numpy()
        rows = np.zeros((self.size, _words(int(lengths.max()))), np.int32)
        rows[self.rank] = _as_words(content, rows.shape[1])
        rows = self._sum_bytes(rows.reshape(-1)).numpy().reshape(rows.shape)
        return [row.tobytes()[:length] for row, length in zip(rows, lengths, strict=True)]

    def broadcast(self, content: bytes) -> bytes:
        """See `Cluster`."""
        content = b"" if self.rank else content
        [length] = self._sum_bytes(np.array([len(content)], np.int32)).numpy()
        return self._sum_bytes(_as_words(content, _words(int(length)))).numpy().tobytes()[:length]

    def agree(self, problem: str = "") -> None:
        """See `Cluster`."""
        said = [content.decode() for content in self.gather(problem.encode())]
        problems = [f"worker {rank}: {text}" for rank, text in enumerate(said) if text]
        if problems:
            raise TrainingError(problem or "; ".join(problems))

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """See `Cluster`."""
        try:
            yield
        except LOST as error:
            # What it says is long, and names addresses in the words of TensorFlow's protocol.
            raise LostWorkerError(
                f"worker {self.rank} of {self.size}: another one no longer answers (its own messages say why); start "
                "all again with the same command, they go on from the last checkpoint"
            ) from error


def _words(length: int) -> int:
    # TensorFlow 2.21 ends in a segmentation fault where a sum has no elements.
    return max(1, -(-length // 4))


def _as_words(content: bytes, words: int) -> np.ndarray:
    return np.frombuffer(content.ljust(4 * words, b"\0"), np.int32)


def led(cluster: Cluster, make: Callable[[], bytes]) -> bytes:
    """What the leader makes, for all; where it cannot be made, all end.

    Args:
        cluster: The processes.
        make: Called in the leader alone.

    Raises:
        Exception: The leader's own, there.
        TrainingError: The same in words, elsewhere.
    """
    made, failure = b"", None
    if cluster.rank == 0:
        try:
            made = make()
        except Exception as error:
            failure = error
    try:
        cluster.agree((str(failure) or type(failure).__name__) if failure else "")
    finally:
        if failure:
            raise failure
    return cluster.broadcast(made)


def refuse_strategies() -> None:
    """Refuse the strategies of tf.distribute that copy variables and split batches.

    Raises:
        UsageError: One of several replicas is entered.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        raise UsageError(
            "a strategy of tf.distribute cannot train this model: Keras would clip the gradient of every replica's "
            "share before they are summed, which is another training; `train --workers N` trains the same as one"
        )
