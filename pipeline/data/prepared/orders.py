"""The order of a training's pairs, wherever they come from."""

from pathlib import Path

from pipeline.data.batches import Order, TrainingOrder
from pipeline.data.planning.buckets import Bucket, plan_buckets
from pipeline.data.prepared.corpus import PreparedCorpus, open_prepared
from pipeline.data.prepared.lane_order import LaneOrder, plan_for_lanes
from pipeline.data.tokenized_corpus import TokenizedCorpus
from pipeline.settings.configuration import Configuration
from pipeline.settings.data import DataConfiguration

TrainingCorpus = TokenizedCorpus | PreparedCorpus


def plan_shapes(corpus: TrainingCorpus, data: DataConfiguration) -> list[Bucket]:
    """The padded shapes of a training.

    Raises:
        UsageError: See `plan_for_lanes`.
    """
    plan = plan_for_lanes if isinstance(corpus, PreparedCorpus) else plan_buckets
    return plan(corpus, data.buckets, data.batch_tokens)  # type: ignore[arg-type]


def require_trainable(configuration: Configuration, workers: int) -> None:
    """Look whether batches can be made of a prepared corpus, before a run is begun that could not go on.

    Args:
        configuration: Every setting.
        workers: How many share each batch.

    Raises:
        UsageError: They cannot.
        DataError: Something of the corpus is missing or damaged.
    """
    corpus = open_prepared(Path(str(configuration.data.train)))
    make_order(corpus, plan_shapes(corpus, configuration.data), configuration.train.seed, workers=workers)


def make_order(
    corpus: TrainingCorpus, buckets: list[Bucket], seed: int, min_tokens: int = 0, workers: int = 1
) -> Order:
    """Which pairs are in which batch.

    Args:
        corpus: The training pairs.
        buckets: From `plan_shapes`.
        seed: Another seed has another order.
        min_tokens: `train.min_epoch_tokens`.
        workers: How many share each batch.

    Raises:
        UsageError: A prepared corpus cannot be shared so.
    """
    if isinstance(corpus, TokenizedCorpus):
        return TrainingOrder(corpus, buckets, seed, min_tokens)
    order = LaneOrder(corpus, buckets, seed, min_tokens)
    order.require_workers(workers)
    return order
